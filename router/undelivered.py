"""An answer that did not reach the customer: it stands in the ticket, and whoever is responsible is told."""

from typing import Any

from sqlalchemy import Connection, select, update

from config.check import CUSTOMER
from config.desk import Desk
from notify.note import Note
from router.event import Change
from router.tell import Happened, intents
from router.ticket import Pen
from tickets.schema import entries, outbox, tickets


def undelivered(pen: Pen, desk: Desk, outbox_id: int, words: str) -> list[int]:
    """Note in its ticket that an answer failed, and return the outbox rows to ring for: the notices about it."""
    row = pen.connection.execute(
        select(outbox.c.ticket_id, outbox.c.entry_id, outbox.c.notifier, outbox.c.address).where(
            outbox.c.id == outbox_id
        )
    ).one()
    ticket = pen.connection.execute(select(tickets).where(tickets.c.id == row.ticket_id)).one()
    said = {"entry": row.entry_id, "by": row.notifier, "why": words}
    [event] = pen.history(ticket.id, [Change("delivery.failed", "desk", said)])
    return told(pen, desk, ticket, Happened(event, "delivery.failed"), row.entry_id)


def told(pen: Pen, desk: Desk, ticket: Any, happened: Happened, entry_id: int | None) -> list[int]:
    """Owe the notices about one event of a ticket and return the outbox rows to ring for."""
    if ticket.department not in desk.departments_by_id:
        return []
    return pen.owe(ticket.id, entry_id, intents(desk, ticket.department, ticket.agent, [happened], ()))


def settled(desk: Desk, connection: Connection, note: Note, state: str, words: str, now: float) -> None:
    """Write what follows when an answer's way out has ended, in the same transaction: `sent` with its provider's id in `words`.

    A failure stands in the ticket and owes its notices; the sweep rings for them. Notices to agents need nothing.
    """
    if note.recipient != CUSTOMER or note.entry_id is None:
        return
    if state == "sent":
        named = update(entries).where(entries.c.id == note.entry_id, entries.c.external_id == "")
        connection.execute(named.values(external_id=words.strip("<>")))
    if state in ("sent", "failed"):
        here = update(entries).where(entries.c.id == note.entry_id, entries.c.state == "pending")
        connection.execute(here.values(state=state, trouble=words[:1000] if state == "failed" else None))
    if state == "failed":
        undelivered(Pen(connection, None, now), desk, note.id, words)
