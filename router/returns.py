"""The tick's look at who is not at work: their open tickets go back to the queue, or to who stands in for them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection, bindparam, select, text

from router.absent import gone, without
from router.book import Book
from router.event import before
from router.hold import hold
from router.staff import Staff, staff_of
from router.ticket import Pen
from router.turn import Turn
from tickets.presence import away_since
from tickets.schema import tickets, working
from tickets.store import Store
from tickets.trouble import Temporary

log = structlog.get_logger()

_PAIRS: Final = text("""
    WITH RECURSIVE
    agents (agent) AS (
        SELECT min(agent) FROM tickets WHERE status IN ('new', 'open')
        UNION ALL
        SELECT (SELECT min(next.agent) FROM tickets AS next WHERE status IN ('new', 'open') AND next.agent > agents.agent)
        FROM agents WHERE agents.agent IS NOT NULL
    ),
    pairs (agent, department) AS (
        SELECT agent, (
            SELECT min(next.department) FROM tickets AS next
            WHERE status IN ('new', 'open') AND next.agent = agents.agent
        )
        FROM agents WHERE agent IS NOT NULL
        UNION ALL
        SELECT agent, (
            SELECT min(next.department) FROM tickets AS next
            WHERE status IN ('new', 'open') AND next.agent = pairs.agent AND next.department > pairs.department
        )
        FROM pairs WHERE department IS NOT NULL
    )
    SELECT agent, department FROM pairs WHERE department IS NOT NULL
""")
"""Who has open tickets, and where: one step in the index `tickets_working` for each pair, however many tickets there are."""

_OF: Final = (
    select(tickets.c.id)
    .where(working, tickets.c.agent == bindparam("whose"), tickets.c.department == bindparam("of_department"))
    .order_by(tickets.c.id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A ticket that has somebody else now, or nobody, and the outbox rows to ring for."""

    ticket: int
    rings: tuple[int, ...]


def returned(store: Store, book: Book, now: float, most: int) -> Iterator[Moved]:
    """Take from their agents the open tickets they have lost by `now` (UTC seconds), at most so many, each by itself.

    Raises `Temporary`; what was yielded is done. A ticket with which something is wrong holds up no other.
    """
    away = away_since(store)
    with store.read() as connection:
        numbers = list(_lost(connection, Staff(book.desk, now, away), most))
    yield from one_by_one(store, numbers, lambda connection, number: _return(connection, book, number, now, away))


def one_by_one(
    store: Store, numbers: Iterable[int], move: Callable[[Connection, int], Moved | None]
) -> Iterator[Moved]:
    """Move tickets, each in a transaction of its own, and yield those that were; raises `Temporary`.

    What fails for another reason is put down and keeps no other ticket from being moved.
    """
    for number in numbers:
        try:
            with store.write() as connection:
                moved = move(connection, number)
        except Temporary:
            raise
        except Exception:  # whatever the defect, it is this ticket's
            log.exception("a ticket stays with whom it is", ticket=number)
            continue
        if moved is not None:
            yield moved


def _lost(connection: Connection, staff: Staff, most: int) -> Iterator[int]:
    for pair in connection.execute(_PAIRS).all():
        if most > 0 and gone(staff, pair.department, pair.agent) is not None:
            row = {"whose": pair.agent, "of_department": pair.department, "most": most}
            numbers = list(connection.scalars(_OF, row))
            most -= len(numbers)
            yield from numbers


def _return(connection: Connection, book: Book, number: int, now: float, away: Mapping[str, float]) -> Moved | None:
    ticket = hold(connection, number)
    if ticket is None:
        return None
    staff = staff_of(connection, book.desk, now, away)
    lost = without(staff, before(ticket))
    if lost is None:  # somebody else was first: another process, an answer, a hand
        return None
    line, decision = lost
    turn = Turn(Pen(connection, None, now), book, staff, ticket)
    after = ticket._replace(agent=decision.agent, unassigned_reason=decision.unassigned_reason)
    _, written = turn.take([line], after)
    log.info("an agent is not at work", ticket=number, **line.data)
    return Moved(number, tuple(written.rings))
