"""Tickets of departments that the desk file has no more: they go to the first one, or nobody would see them again."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from config.desk import Desk
from router.book import Book
from router.hold import hold
from router.returns import Moved, one_by_one
from router.staff import staff_of
from router.ticket import Pen
from router.turn import Turn
from tickets.presence import away_since
from tickets.schema import tickets, working
from tickets.store import Store


def homeless(store: Store, desk: Desk, most: int) -> list[int]:
    """Return open tickets of departments that are not there, at most so many. Raises `Temporary`.

    It walks through the open tickets, so ask when the desk file has changed, not every second.
    """
    known = tickets.c.department.in_(list(desk.departments_by_id))
    with store.read() as connection:
        return list(connection.scalars(select(tickets.c.id).where(working, ~known).limit(most)))


def rehoused(store: Store, book: Book, now: float, most: int) -> Iterator[Moved]:
    """Give the open tickets without a department to the first one, each in its own transaction. Raises `Temporary`."""
    away = away_since(store)

    def move(connection: Connection, number: int) -> Moved | None:
        ticket = hold(connection, number)
        if ticket is None or ticket.department in book.desk.departments_by_id:
            return None
        turn = Turn(Pen(connection, None, now), book, staff_of(connection, book.desk, now, away), ticket)
        _, written = turn.take([])
        return Moved(number, tuple(written.rings))

    yield from one_by_one(store, homeless(store, book.desk, most), move, now)
