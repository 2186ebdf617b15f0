"""What became of our messages at their providers: sent, delivered, read or failed, and of the entry they are pieces of.

A later word counts only when it says more: providers repeat their receipts and keep no order among them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select, update

from config.check import CUSTOMER
from tickets.message import Receipt
from tickets.prepared import OneOf, Prepared
from tickets.schema import entries, outbox, pieces

RANK: Final = {"pending": 0, "sent": 1, "delivered": 2, "read": 3, "failed": 4}
_KNOWN = Prepared(select(pieces).where(pieces.c.space == bindparam("in_space"), OneOf(pieces.c.external_id, "ids")))
_IN_FLIGHT = (
    select(outbox.c.id)
    .join(entries, entries.c.id == outbox.c.entry_id)
    .where(
        entries.c.conversation == bindparam("key"),
        entries.c.state == "pending",
        outbox.c.recipient == CUSTOMER,
        outbox.c.state == "pending",
        outbox.c.attempts > 0,
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Lost:
    """An answer that failed at the provider after it was accepted there."""

    entry_id: int
    outbox_id: int
    words: str


def known(connection: Connection, space: str, ids: Iterable[str]) -> list[Any]:
    """Return the pieces that have these provider's ids; `space` is `<channel>/<account>`."""
    return _KNOWN.all(connection, {"in_space": space, "ids": list(ids)})


def in_flight(connection: Connection, key: str) -> bool:
    """Tell whether an answer to the conversation is being sent, so that an id nobody knows may be its own."""
    return connection.execute(_IN_FLIGHT, {"key": key}).first() is not None


def told(connection: Connection, space: str, key: str, receipt: Receipt) -> list[Lost] | None:
    """Write down what a receipt says and return what was lost; nothing (`None`) when it speaks of no piece we know."""
    found = known(connection, space, receipt.ids) if receipt.ids else _until(connection, key, receipt)
    if not found:
        return None
    news = [piece for piece in found if RANK[receipt.state] > RANK[piece.state]]
    for piece in news:
        this = and_(pieces.c.space == piece.space, pieces.c.external_id == piece.external_id)
        trouble = receipt.error[:1000] or None if receipt.state == "failed" else None
        connection.execute(update(pieces).where(this).values(state=receipt.state, trouble=trouble))
    touched = {piece.entry_id: piece.outbox_id for piece in news}
    failed = [entry for entry in touched if settle(connection, entry) == "failed"]
    words = receipt.error or "the platform says it was not delivered"
    return [Lost(entry, touched[entry], words) for entry in failed]


def _until(connection: Connection, key: str, receipt: Receipt) -> Sequence[Any]:
    """Return the pieces of the conversation that were sent until a moment."""
    if receipt.until is None:
        return []
    ours = select(pieces).join(entries, entries.c.id == pieces.c.entry_id).where(entries.c.conversation == key)
    return connection.execute(ours.where(pieces.c.sent_at <= receipt.until.timestamp() + 1)).all()


def settle(connection: Connection, entry_id: int) -> str | None:
    """Write the state of an answer as its pieces have it, and return the new one; nothing when it has not changed."""
    rows = connection.execute(select(pieces.c.state, pieces.c.trouble).where(pieces.c.entry_id == entry_id)).all()
    old = connection.scalar(select(entries.c.state).where(entries.c.id == entry_id))
    failed = next((row for row in rows if row.state == "failed"), None)
    state = "failed" if failed else min((row.state for row in rows), key=RANK.__getitem__, default=old)
    if state == old or state is None:
        return None
    values = {"state": state, "trouble": failed.trouble if failed else None}
    connection.execute(update(entries).where(entries.c.id == entry_id).values(values))
    return str(state)
