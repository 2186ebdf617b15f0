"""The tick's look at who is not at work: their open tickets go back to the queue, or to who stands in for them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
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

SHORTEST_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 3_600.0

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


class Patience:
    """Which tickets could not be moved, and when each is tried again: after one minute, two, four … an hour.

    It lives as long as its process; who begins anew tries them all once. For one thread.
    """

    def __init__(self) -> None:
        self._until: dict[int, tuple[float, float]] = {}

    def waits(self, number: int, now: float) -> bool:
        """Tell whether a ticket is not to be tried yet."""
        return number in self._until and now < self._until[number][0]

    def failed(self, number: int, now: float) -> None:
        """Wait longer with a ticket than the time before."""
        seconds = min(2 * self._until[number][1], LONGEST_SECONDS) if number in self._until else SHORTEST_SECONDS
        self._until[number] = now + seconds, seconds

    def moved(self, number: int) -> None:
        """Wait no longer with a ticket."""
        self._until.pop(number, None)


def returned(store: Store, book: Book, now: float, most: int, patience: Patience | None = None) -> Iterator[Moved]:
    """Take from their agents the open tickets they have lost by `now` (UTC seconds), at most so many, each by itself.

    `patience` remembers between two looks what could not be moved. Raises `Temporary`; what was yielded is done. A ticket with which something is wrong holds up no other.
    """
    away = away_since(store)
    with store.read() as connection:
        numbers = list(_lost(connection, Staff(book.desk, now, away), most))
    one = partial(_return, book=book, now=now, away=away)
    yield from one_by_one(store, numbers, one, now, patience)


def one_by_one(
    store: Store,
    numbers: Iterable[int],
    move: Callable[[Connection, int], Moved | None],
    now: float,
    patience: Patience | None = None,
) -> Iterator[Moved]:
    """Move tickets, each in a transaction of its own, and yield those that were; raises `Temporary`.

    What fails for another reason is put down, tried again later, and keeps no other ticket from being moved.
    """
    patience = patience or Patience()
    for number in numbers:
        if patience.waits(number, now):
            continue
        try:
            with store.write() as connection:
                moved = move(connection, number)
        except Temporary:
            raise
        except Exception:  # whatever the defect, it is this ticket's
            log.exception("a ticket stays with whom it is", ticket=number)
            patience.failed(number, now)
            continue
        patience.moved(number)
        if moved is not None:
            yield moved


def _lost(connection: Connection, staff: Staff, most: int) -> Iterator[int]:
    for pair in connection.execute(_PAIRS).all():
        if most > 0 and gone(staff, pair.department, pair.agent) is not None:
            row = {"whose": pair.agent, "of_department": pair.department, "most": most}
            numbers = list(connection.scalars(_OF, row))
            most -= len(numbers)
            yield from numbers


def _return(connection: Connection, number: int, book: Book, now: float, away: Mapping[str, float]) -> Moved | None:
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
