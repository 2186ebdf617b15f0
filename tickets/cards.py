"""Cards in Slack: which ticket one is of, and that it follows its ticket. Whoever changes a ticket makes its cards due (notify/cards.py)."""

from typing import Final

from sqlalchemy import Connection, bindparam, func, select, update

from tickets.prepared import Prepared
from tickets.schema_told import cards
from tickets.store import Store

APART_SECONDS: Final = 1.5
"""A card follows its ticket so much later; what changes meanwhile is shown by one update."""

_CHANGED: Final = Prepared(
    update(cards)
    .where(cards.c.ticket_id == bindparam("ticket"), cards.c.ts != "", cards.c.last_error.is_(None))
    .values(attempts=0, due_at=func.coalesce(cards.c.due_at, bindparam("due")))
)


def changed(connection: Connection, ticket: int, now: float) -> None:
    """Make the cards of a ticket due soon, in the open transaction; one that waits for longer goes on waiting."""
    _CHANGED.run(connection, {"ticket": ticket, "due": now + APART_SECONDS})


def ticket_of(store: Store, channel: str, ts: str) -> int | None:
    """Return the ticket whose card a message is, by Slack's ids, or nothing. Raises `Temporary`."""
    with store.read() as connection:
        found: int | None = connection.scalar(
            select(cards.c.ticket_id).where(cards.c.channel == channel, cards.c.ts == ts)
        )
    return found
