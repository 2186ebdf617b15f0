"""Chats that nobody took in time: each is noted once in its ticket, and whoever watches it is told to look."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import bindparam, select, update

from router.event import Change
from router.ticket import Pen
from tickets.lock import lock
from tickets.schema import conversations
from tickets.store import Store

MISSED: Final = "chat.missed"

_DUE: Final = (
    select(conversations.c.key)
    .where(conversations.c.waits_until <= bindparam("now"))
    .order_by(conversations.c.waits_until)
    .limit(bindparam("most"))
)


def missed(store: Store, now: float, most: int) -> Iterator[str]:
    """Note the chats whose time is over at `now` (UTC seconds), at most so many, and yield their keys. Raises `Temporary`."""
    with store.read() as connection:
        due = list(connection.scalars(_DUE, {"now": now, "most": most}))
    for key in due:
        with store.write() as connection:
            lock(connection, [key])
            over = update(conversations).where(conversations.c.key == key, conversations.c.waits_until <= now)
            ticket = connection.scalar(over.values(waits_until=None).returning(conversations.c.ticket_id))
            if ticket is None:  # somebody took it, or another process was first
                continue
            Pen(connection, None, now).history(ticket, [Change(MISSED, "desk", {"conversation": key})])
        yield key
