"""A ticket that was just resolved: its customer is asked once how it was, by the way the customer wrote last.

The question is an outbox row that waits; what makes it needless by then, its delivery sees (notify/question.py). In a chat the
window asks by itself, and a mail follows only where there is an address.
"""

import json
from typing import Any, Final

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from config.check import CUSTOMER
from config.desk import Desk
from router import governor
from router.conversation import said
from router.effects.reply import PERSONAL
from router.effects.scene import Scene
from router.event import Change
from router.tell import Intent
from router.ticket import spoken
from router.way import Delivery, Way, way_of
from tickets.message import SPEAKS
from tickets.reply import RATING_ASKED
from tickets.schema import conversations, entries, tickets
from tickets.schema_told import ratings

WORDS: Final = "The customer is asked how it was."
"""What stands in the ticket: the links are the customer's alone."""
_ONCE: Final = {
    one.dialect.name: one.insert(ratings).on_conflict_do_nothing().returning(ratings.c.id)
    for one in (sqlite, postgresql)
}


def ask(scene: Scene) -> None:
    """Owe the customer of a ticket that has just been resolved the question, where the department asks and a person answered."""
    desk, state, connection, now = scene.desk, scene.ticket, scene.pen.connection, scene.pen.now
    wait = desk.departments_by_id[state.department].ask_for_rating
    if wait is None or state.answered_at is None or state.resolved_at is None or scene.decision.silent:
        return
    row = connection.execute(select(tickets).where(tickets.c.id == scene.number)).one()
    way = way_of(connection, desk, row, now + wait)
    if way.why_not is not None or _rated_since(connection, scene.number, state.heard_at or 0.0):
        return
    deliveries = _deliveries(connection, desk, way)
    window = len(deliveries) < len(way.deliveries)
    if not window and desk.desk.url is None:
        return
    rating = {
        "ticket_id": scene.number,
        "resolved_at": state.resolved_at,
        "asked_at": now,
        "department": state.department,
        "agent": state.agent,
    }
    if deliveries and desk.desk.url is not None and (why_not := _why_not(scene, way)) is not None:
        _withhold(scene, deliveries, why_not)
        deliveries = ()
        if not window:
            return
    asked = connection.scalar(_ONCE[connection.dialect.name], rating)
    if asked is not None and deliveries and desk.desk.url is not None:
        _owe(scene, way, deliveries, asked, max(wait, 1.0))


def _deliveries(connection: Connection, desk: Desk, way: Way) -> tuple[Delivery, ...]:
    """Return the way without the window of a chat, which asks by itself."""
    if way.conversation is None:
        return way.deliveries
    channel = connection.scalar(select(conversations.c.channel).where(conversations.c.key == way.conversation))
    config = desk.channels_by_name.get(channel or "")
    if config is None or config.type != "chat":
        return way.deliveries
    return tuple(one for one in way.deliveries if one.notifier != "channel")


def _why_not(scene: Scene, way: Way) -> str | None:
    connection, now = scene.pen.connection, scene.pen.now
    heard = select(entries.c.kind).where(
        entries.c.ticket_id == scene.number, entries.c.inbox_id.is_not(None), entries.c.kind.in_(SPEAKS),
        entries.c.author.not_like("agent:%"),
    )  # fmt: skip
    kind = connection.scalar(heard.order_by(entries.c.id.desc()).limit(1))
    if kind not in PERSONAL:
        return f"no person wrote last ({kind}), and a program is not asked"
    lately = (
        select(func.count())
        .select_from(ratings.join(tickets, tickets.c.id == ratings.c.ticket_id))
        .where(tickets.c.contact_id == scene.ticket.contact_id, ratings.c.asked_at > now - governor.A_DAY)
    )
    if connection.scalar(lately):
        return "the customer was asked within a day"
    return governor.why_not(connection, scene.desk, scene.number, scene.ticket.contact_id, way, now)


def _withhold(scene: Scene, deliveries: tuple[Delivery, ...], why_not: str) -> None:
    [event] = scene.history(Change("ticket.rating_withheld", "desk", {"why": why_not}))
    scene.owe([_intent(event, each, f"not sent: {why_not}", suppressed=True) for each in deliveries])


def _owe(scene: Scene, way: Way, deliveries: tuple[Delivery, ...], asked: int, wait: float) -> None:
    department = scene.desk.departments_by_id[scene.ticket.department]
    facts: dict[str, Any] = {"goes": way.words, "automatic": True, "rating": asked}
    facts |= {"mail": way.mail} if way.mail else {}
    through = way.conversation if any(one.notifier == "channel" for one in deliveries) else None
    place = said(scene.pen.connection, through) if through else None
    row = {**spoken("answer", "desk", department.name, WORDS), "facts": json.dumps(facts), "state": "pending"}
    entry = scene.pen.write_entry(scene.number, row, place)
    [event] = scene.history(Change(RATING_ASKED, "desk", {"entry": entry, "rating": asked}))
    if way.mail_to:
        scene.pen.remember(scene.number, (), [way.mail_to])
    owed = [_intent(event, each, "the ticket was resolved") for each in deliveries]
    scene.owe(owed, entry, dict.fromkeys({each.notifier for each in deliveries}, wait))


def _intent(event: int, each: Delivery, reason: str, *, suppressed: bool = False) -> Intent:
    return Intent(event, RATING_ASKED, CUSTOMER, each.notifier, each.address, reason, suppressed=suppressed)


def _rated_since(connection: Connection, ticket: int, since: float) -> bool:
    """Tell whether the customer has rated after what they wrote last: in a chat they may do so before it is resolved."""
    rated = select(ratings.c.id).where(ratings.c.ticket_id == ticket, ratings.c.changed_at >= since)
    return connection.execute(rated.limit(1)).first() is not None
