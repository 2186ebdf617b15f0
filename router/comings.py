"""Comings and goings: an agent goes away or comes back, and the rules are asked about the open tickets they have."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Integer, bindparam, or_, select, update

from router.book import Book
from router.decide import decide
from router.event import Change
from router.hold import hold
from router.returns import Moved, one_by_one
from router.staff import staff_of
from router.state import WORKING
from router.ticket import Pen
from router.turn import Turn
from tickets.presence import away_in
from tickets.schema import events, presence, tickets, working
from tickets.store import Store

CHANGED: Final = "agent.availability_changed"

_UNHEARD: Final = select(presence.c.agent, presence.c.away, presence.c.since).where(
    or_(presence.c.noted.is_(None), presence.c.noted != presence.c.since)
)
_HEARD: Final = (
    update(presence)
    .where(presence.c.agent == bindparam("who"), presence.c.since == bindparam("when"))
    .values(noted=presence.c.since)
)
_THEIRS: Final = (
    select(tickets.c.id)
    .where(working, tickets.c.agent == bindparam("whose"))
    .order_by(tickets.c.id)
    .limit(bindparam("most", type_=Integer))
)
_ASKED: Final = select(events.c.id).where(
    events.c.ticket_id == bindparam("number"),
    events.c.name == CHANGED,
    events.c.actor == bindparam("who"),
    events.c.at >= bindparam("since"),
)


def heard(store: Store, book: Book, now: float, most: int) -> Iterator[Moved]:
    """Ask the rules about the tickets of every agent who has gone away or come back; yields the tickets they did something in.

    At most so many tickets of an agent are asked about, each by itself. It stands in a ticket's history only where a rule has
    matched; so when the process dies meanwhile, no rule acts twice. Raises `Temporary`; then the rest is asked again.
    """
    with store.read() as connection:
        changes = connection.execute(_UNHEARD).all()
    for agent, away, since in changes:
        if CHANGED in book.rules.by_event:
            with store.read() as connection:
                theirs = list(connection.scalars(_THEIRS, {"whose": agent, "most": most}))
            ends = ("there", "away") if away else ("away", "there")
            line = Change(CHANGED, f"agent:{agent}", dict(zip(("from", "to"), ends, strict=True)))
            yield from one_by_one(store, theirs, partial(_ask, book=book, line=line, since=since, now=now), now)
        with store.write() as connection:
            connection.execute(_HEARD, {"who": agent, "when": since})


def _ask(connection: Connection, number: int, book: Book, line: Change, since: float, now: float) -> Moved | None:
    ticket = hold(connection, number)
    if ticket is None or f"agent:{ticket.agent}" != line.actor or ticket.status not in WORKING:
        return None
    if connection.scalar(_ASKED, {"number": number, "who": line.actor, "since": since}) is not None:
        return None
    staff = staff_of(connection, book.desk, now, away_in(connection))
    turn = Turn(Pen(connection, None, now), book, staff, ticket)
    if not _matches(decide(book.rules, turn.event([line], ticket), book.desk, staff).trace):
        return None
    return Moved(number, tuple(turn.take([line])[1].rings))


def _matches(trace: dict[str, Any]) -> bool:
    return any(run["result"] == "matched" for run in trace["rules"])
