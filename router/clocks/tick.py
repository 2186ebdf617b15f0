"""The tick: what is due in the tickets happens, each ticket in a transaction of its own.

Any number of processes may tick at once: whoever holds a ticket's row strikes, and the others find nothing due there.
When a process dies, what it was at has not happened, and the next tick does it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Integer, bindparam, select, update

from router.book import Book
from router.clocks.wind import CLOCKS, wind
from router.hold import hold_conversations
from router.staff import staff_of
from router.state import State, state_of
from router.ticket import Pen
from router.turn import Turn
from tickets.presence import away_since
from tickets.schema import tickets
from tickets.store import Store
from tickets.trouble import Temporary

RETRY_SECONDS: Final = 60
LONGEST_RETRY_SECONDS: Final = 3600
FAILED: Final = "failed"
"""What stands among a ticket's clocks while they cannot strike: how often they have not. Winding them leaves it out."""

log = structlog.get_logger()

DUE: Final = (
    select(tickets.c.id)
    .where(tickets.c.due_at <= bindparam("now"))
    .order_by(tickets.c.due_at)
    .limit(bindparam("most", type_=Integer))
)
_STILL_DUE: Final = (
    select(tickets)
    .where(tickets.c.id == bindparam("number"), tickets.c.due_at <= bindparam("now"))
    .with_for_update(skip_locked=True)
)


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick has come to in a ticket: the outbox rows to ring for, and the conversations in which there is something new."""

    ticket: int
    notices: tuple[int, ...]
    conversations: tuple[str, ...]


def tick(store: Store, book: Book, now: float, most: int) -> Iterator[Ticked]:
    """Let what is due at `now` (UTC seconds) happen in at most so many tickets, the longest due first.

    A ticket in which that fails is put off, so that it keeps no other from being looked at. Raises `Temporary` when the
    database fails.
    """
    with store.read() as connection:
        due = list(connection.scalars(DUE, {"now": now, "most": most}))
    absent = away_since(store) if due else dict[str, float]()
    for number in due:
        try:
            ticked = _strike(store, book, absent, number, now)
        except Temporary as error:
            log.warning("a ticket's clocks strike later", ticket=number, error=str(error))
            _put_off(store, number, now)  # raises when the trouble is not this ticket's
        except Exception:  # whatever the defect, the other tickets' clocks go on
            log.exception("a ticket's clocks cannot strike, they are put off", ticket=number)
            _put_off(store, number, now)
        else:
            if ticked is not None:
                yield ticked


def _strike(store: Store, book: Book, absent: Mapping[str, float], number: int, now: float) -> Ticked | None:
    """Let every clock of a ticket strike that is due, if it still is and nobody else is at the ticket."""
    with store.write() as connection:
        keys = hold_conversations(connection, number)
        row = connection.execute(_STILL_DUE, {"number": number, "now": now}).first()
        if row is None:
            return None
        state, struck, rings = state_of(row), False, list[int]()
        if state.timed_by != book.desk.version or FAILED in state.clocks:
            state = wind(state, state, book.desk, book.rules, now)
        for clock in CLOCKS:
            what = clock.strike(state, book.desk, book.rules, now) if clock.word in state.clocks else None
            if what is None:
                continue
            turn = Turn(Pen(connection, None, now), book, staff_of(connection, book.desk, now, absent), state)
            state, written = turn.take(what.lines, what.ticket, only=what.only, tell=what.tell)
            struck, rings = True, rings + written.rings
        if not struck:
            _save(connection, wind(state, state, book.desk, book.rules, now), now)
            return None
    log.info("struck", ticket=number, notices=len(rings))
    return Ticked(number, tuple(rings), tuple(keys))


def _save(connection: Connection, state: State, now: float) -> None:
    """Write the clocks of a ticket in which nothing was due after all."""
    if state.due_at is not None and state.due_at <= now:
        raise RuntimeError(f"a clock of {', '.join(state.clocks)} is due and does not strike")
    connection.execute(update(tickets).where(tickets.c.id == state.number).values(**clock_columns(state)))


def clock_columns(state: State) -> dict[str, Any]:
    """Return what a row of the tickets keeps of a ticket's clocks."""
    return {
        "clocks": json.dumps(state.clocks) if state.clocks else None,
        "due_at": state.due_at,
        "sla_due_at": state.sla_due_at,
        "timed_by": state.timed_by,
    }


def _put_off(store: Store, number: int, now: float) -> None:
    """Look at a ticket later, each time twice as late."""
    with store.write() as connection:
        row = connection.execute(_STILL_DUE, {"number": number, "now": now}).first()
        if row is None:
            return
        kept = _kept(row.clocks)
        times = kept.get(FAILED, 0)
        later = now + min(RETRY_SECONDS * 2 ** min(times, 10), LONGEST_RETRY_SECONDS)
        said = {"due_at": later, "clocks": json.dumps({**kept, FAILED: times + 1})}
        connection.execute(update(tickets).where(tickets.c.id == number).values(**said))


def _kept(said: str | None) -> dict[str, Any]:
    """Return a ticket's clocks as they stand there; what cannot be read is wound anew."""
    try:
        return dict(json.loads(said or "{}"))
    except (ValueError, TypeError):
        return {}
