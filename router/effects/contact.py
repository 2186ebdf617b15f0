"""What rules keep of a contact."""

import json

from sqlalchemy import select, update

from router.actions.registry import Skipped
from router.effects.scene import Scene, effect
from router.event import Effect
from tickets.schema import contacts


@effect
def contact_tag(scene: Scene, one: Effect) -> str:
    """Add tags to the ticket's contact, or take some off."""
    connection, number = scene.pen.connection, scene.ticket.contact_id
    held = select(contacts.c.tags).where(contacts.c.id == number).with_for_update()
    row = connection.execute(held).first()
    if row is None:
        raise Skipped("the ticket has no contact")
    had = json.loads(row.tags or "[]")
    added, removed = one.value.get("added", ()), one.value.get("removed", ())
    tags = [tag for tag in dict.fromkeys((*had, *added)) if tag not in removed]
    if tags == had:
        return "was so already"
    connection.execute(update(contacts).where(contacts.c.id == number).values(tags=json.dumps(tags)))
    return " ".join((*(f"+ {tag}" for tag in tags if tag not in had), *(f"- {tag}" for tag in had if tag not in tags)))
