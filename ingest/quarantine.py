"""Quarantine: messages that were kept but could not be understood or routed, each with its cause, until a person decides."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, update

from ingest import channel as channels
from ingest.channel import Request
from ingest.inbox import keep, stored
from ingest.webhook import UNREAD, read
from tickets.blobs import Blobs, raw_of
from tickets.schema import inbox
from tickets.store import Store

RELEASED = "a person sent it on"
"""The cause of a row that was retried: whatever it was put aside for does not put it aside again."""

_SHORT = select(inbox.c.id, inbox.c.channel, inbox.c.external_id, inbox.c.cause, inbox.c.received_at, inbox.c.attempts)


def listing(store: Store) -> Sequence[Any]:
    """Return what waits in quarantine, oldest first, without the bytes. Raises `Temporary`."""
    with store.read() as connection:
        return connection.execute(_SHORT.where(inbox.c.state == "quarantined").order_by(inbox.c.id)).all()


def show(store: Store, number: int) -> Row[Any] | None:
    """Return one row in quarantine, or nothing; its bytes: `raw_of`."""
    with store.read() as connection:
        return connection.execute(select(inbox).where(inbox.c.id == number, inbox.c.state == "quarantined")).first()


def retry(store: Store, number: int, now: float, blobs: Blobs | None = None) -> str | None:
    """Send a row back to be routed, and return nothing; or return why it stays in quarantine.

    A payload that could not be taken apart is read again: every message found in it becomes a row of its own. Raises
    `Temporary`, and `LostBlobError` when its bytes are gone.
    """
    row = show(store, number)
    if row is None:
        return "not in quarantine"
    if row.part != UNREAD:
        _move(store, number, state="received", attempts=0, due_at=now, cause=RELEASED)
        return None
    word = json.loads(row.meta)["type"]
    found = read(channels.find(word), row.channel, word, Request(raw_of(row, blobs), {}))
    if found and found[0].cause is not None:
        return found[0].cause
    found = stored(blobs, found) if blobs else found
    with store.write() as connection:
        kept = keep(connection, found, now, now)
        cause = f"read again as {', '.join(f'row {one.id}' for one in kept) or 'nothing'}"
        connection.execute(update(inbox).where(inbox.c.id == number), {"state": "discarded", "cause": cause})
    return None


def discard(store: Store, number: int) -> bool:
    """Put a row aside for good, its bytes and cause stay; false when it is not in quarantine."""
    return _move(store, number, state="discarded")


def _move(store: Store, number: int, **values: Any) -> bool:
    statement = update(inbox).where(inbox.c.id == number, inbox.c.state == "quarantined").values(**values)
    with store.write() as connection:
        return connection.execute(statement).rowcount == 1
