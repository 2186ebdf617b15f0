"""A signed call to a program of the desk's owner: what it is sent is made here, and owed like a notice."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from router.actions.registry import Skipped
from router.actions.words import filled
from router.effects.scene import Scene, effect
from router.event import Change, Effect
from router.tell import Intent

CALLED: Final = "webhook.called"
MOST_VALUE: Final = 2_000
"""Characters of each value that is sent."""
ORIGINS: Final = ("ticket.created", "message.received")


@effect
def webhook(scene: Scene, one: Effect) -> str:
    """Owe the call."""
    hook = one.value["hook"]
    if scene.quiet:
        raise Skipped("nobody is told of this")
    body = json.dumps(_body(scene, one), ensure_ascii=False)
    [event] = scene.history(Change(CALLED, f"rule:{one.rule}", {"hook": hook}))
    reason = f'rule "{one.rule}" calls it'
    scene.owe([Intent(event, CALLED, f"webhook:{hook}", "webhook", hook, reason, payload=body)])
    return f"calls {hook}"


def _body(scene: Scene, one: Effect) -> dict[str, Any]:
    """Return what is sent, in the shape Standard Webhooks recommends: what happened, when, and its data."""
    ticket, names = scene.ticket, scene.event.names
    event = next((name for name in ORIGINS if name in names), min(names))
    values = {name: filled(text, scene.values)[:MOST_VALUE] for name, text in one.value["values"].items()}
    return {
        "type": event,
        "timestamp": datetime.fromtimestamp(scene.pen.now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": {
            "rule": one.rule,
            "events": sorted(names),
            "ticket": {
                "number": scene.number,
                "subject": ticket.subject[:MOST_VALUE],
                "channel": ticket.channel,
                "department": ticket.department,
                "agent": ticket.agent,
                "status": ticket.status,
                "priority": ticket.priority,
                "tags": list(ticket.tags),
                "fields": {name: text[:MOST_VALUE] for name, text in ticket.fields.items()},
                "contact": {"name": ticket.customer[:MOST_VALUE], "address": ticket.contact[:MOST_VALUE]},
            },
            "variables": dict(scene.decision.variables),
            "values": values,
        },
    }
