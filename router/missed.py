"""Chats that nobody took in time: each is noted once in its ticket, and told to who could have it and to who watches it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, update

from router.book import Book
from router.event import Change
from router.hold import hold
from router.staff import staff_of
from router.ticket import Pen
from router.turn import Turn
from tickets.lock import lock
from tickets.presence import away_since
from tickets.schema import conversations
from tickets.store import Store

MISSED: Final = "chat.missed"

_DUE: Final = (
    select(conversations.c.key)
    .where(conversations.c.waits_until <= bindparam("now"))
    .order_by(conversations.c.waits_until)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Missed:
    """A chat that was missed: its key, and the outbox rows to ring for."""

    conversation: str
    notices: tuple[int, ...]


def missed(store: Store, book: Book, now: float, most: int) -> Iterator[Missed]:
    """Note the chats whose time is over at `now` (UTC seconds), at most so many, with all that follows. Raises `Temporary`."""
    with store.read() as connection:
        due = list(connection.scalars(_DUE, {"now": now, "most": most}))
    away = away_since(store) if due else dict[str, float]()
    for key in due:
        with store.write() as connection:
            lock(connection, [key])
            over = update(conversations).where(conversations.c.key == key, conversations.c.waits_until <= now)
            number = connection.scalar(over.values(waits_until=None).returning(conversations.c.ticket_id))
            ticket = None if number is None else hold(connection, number)
            if ticket is None:  # somebody took it, or another process was first
                continue
            turn = Turn(Pen(connection, None, now), book, staff_of(connection, book.desk, now, away), ticket)
            _, written = turn.take([Change(MISSED, "desk", {"conversation": key})])
        yield Missed(key, tuple(written.rings))
