"""Where tickets' cards stand in Slack."""

from sqlalchemy import select

from tickets.schema import cards
from tickets.store import Store


def ticket_of(store: Store, channel: str, ts: str) -> int | None:
    """Return the ticket whose card a message is, by Slack's ids, or nothing. Raises `Temporary`."""
    with store.read() as connection:
        found: int | None = connection.scalar(
            select(cards.c.ticket_id).where(cards.c.channel == channel, cards.c.ts == ts)
        )
    return found
