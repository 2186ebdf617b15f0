"""After the desk file has changed: the tickets there are get the clocks it asks for now, a few at a time."""

from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Connection, Select, select, update

from router.book import Book, Seldom
from router.clocks.tick import clock_columns
from router.clocks.wind import timed_statuses, wind
from router.state import state_of
from tickets.schema import tickets
from tickets.store import Store

BATCH: Final = 200
"""So many tickets are wound in one transaction: nobody else writes them meanwhile."""

log = structlog.get_logger()


class Rewinder:
    """Winds the tickets of one store by the desk of the moment; for one thread."""

    def __init__(self, store: Store, book: Callable[[], Book]) -> None:
        self._store = store
        self._book = book
        self._seldom = Seldom()

    def rewind(self, now: float) -> int:
        """Wind some of the tickets that another version of the desk file has wound, and return how many. Raises `Temporary`.

        Once there are none, it looks again when the desk file changes, or after a while.
        """
        book = self._book()
        if not self._seldom.due(book.desk, now):
            return 0
        wound = rewind(self._store, book, now)
        if wound:
            log.info("clocks are wound by the desk file as it is now", desk=book.desk.version, tickets=wound)
        else:
            self._seldom.done(book.desk, now)
        return wound


def rewind(store: Store, book: Book, now: float) -> int:
    """Wind the clocks of some tickets that were wound by another desk, or never, and return how many. Raises `Temporary`."""
    with store.read() as connection:
        found = [number for one in others(book) for number in connection.scalars(one)][:BATCH]
    if not found:
        return 0
    with store.write() as connection:
        # A row that somebody else holds is wound by them.
        held = select(tickets).where(tickets.c.id.in_(found)).order_by(tickets.c.id).with_for_update(skip_locked=True)
        for row in connection.execute(held).all():
            if row.timed_by != book.desk.version:
                _wind(connection, book, row, now)
    return len(found)


def others(book: Book) -> list[Select[tuple[int]]]:
    """Return how the tickets are found that this desk has not wound; each is a look into one place of the index."""
    version, some = book.desk.version, select(tickets.c.id).limit(BATCH)
    timed = sorted(timed_statuses(book.desk, book.rules))
    unwound = [some.where(tickets.c.timed_by.is_(None), tickets.c.status.in_(timed))] if timed else []
    return [some.where(tickets.c.timed_by < version), some.where(tickets.c.timed_by > version), *unwound]


def _wind(connection: Connection, book: Book, row: object, now: float) -> None:
    state = state_of(row)
    try:
        said = clock_columns(wind(state, state, book.desk, book.rules, now))
    except Exception:  # whatever the defect, the other tickets get their clocks
        log.exception("a ticket's clocks cannot be wound by this desk file", ticket=state.number)
        said = {"timed_by": book.desk.version}
    connection.execute(update(tickets).where(tickets.c.id == state.number).values(**said))
