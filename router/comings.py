"""Comings and goings: an agent goes away or comes back, and the rules are asked about the open tickets they have."""

from collections.abc import Iterator
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Integer, bindparam, or_, select, update

from router.book import Book
from router.decide import decide
from router.event import Change
from router.hold import hold
from router.returns import Moved
from router.staff import staff_of
from router.state import WORKING
from router.ticket import Pen
from router.turn import Turn
from tickets.presence import away_in
from tickets.schema import presence, tickets, working
from tickets.store import Store
from tickets.trouble import Temporary

CHANGED: Final = "agent.availability_changed"
MOST_TICKETS: Final = 200
"""So many tickets of an agent are asked about: all of them in one transaction, so that no rule is asked twice."""

log = structlog.get_logger()

_NEW: Final = or_(presence.c.noted.is_(None), presence.c.noted != presence.c.since)
_UNHEARD: Final = select(presence.c.agent).where(_NEW)
_HEARD: Final = (
    update(presence)
    .where(presence.c.agent == bindparam("who"), _NEW)
    .values(noted=presence.c.since)
    .returning(presence.c.away)
)
_THEIRS: Final = (
    select(tickets.c.id)
    .where(working, tickets.c.agent == bindparam("whose"))
    .order_by(tickets.c.id)
    .limit(bindparam("most", type_=Integer))
)


def heard(store: Store, book: Book, now: float) -> Iterator[Moved]:
    """Ask the rules about the tickets of every agent who has gone away or come back; yields the tickets they did something in.

    It stands in a ticket's history only where a rule has matched. Raises `Temporary`; then it is asked again.
    """
    with store.read() as connection:
        agents = list(connection.scalars(_UNHEARD))
    for agent in agents:
        try:
            with store.write() as connection:
                moved = list(_ask(connection, book, agent, now))
        except Temporary:
            raise
        except Exception:  # whatever the defect, it must not keep the clock from going on
            log.exception("the rules were not asked about an agent who has come or gone", agent=agent)
            with store.write() as connection:
                connection.execute(_HEARD, {"who": agent})
        else:
            yield from moved


def _ask(connection: Connection, book: Book, agent: str, now: float) -> Iterator[Moved]:
    away = connection.scalar(_HEARD, {"who": agent})
    if away is None or CHANGED not in book.rules.by_event:
        return
    line = Change(
        CHANGED, f"agent:{agent}", {"from": "there", "to": "away"} if away else {"from": "away", "to": "there"}
    )
    for number in list(connection.scalars(_THEIRS, {"whose": agent, "most": MOST_TICKETS})):
        ticket = hold(connection, number)
        if ticket is None or ticket.agent != agent or ticket.status not in WORKING:
            continue
        staff = staff_of(connection, book.desk, now, away_in(connection))
        turn = Turn(Pen(connection, None, now), book, staff, ticket)
        if _matches(decide(book.rules, turn.event([line], ticket), book.desk, staff).trace):
            yield Moved(number, tuple(turn.take([line])[1].rings))


def _matches(trace: dict[str, Any]) -> bool:
    return any(run["result"] == "matched" for run in trace["rules"])
