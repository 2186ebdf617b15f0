"""Holding a ticket: whoever changes one holds its conversations and its row, in this order, until the transaction ends."""

from sqlalchemy import Connection, bindparam, select

from router.state import State, state_of
from tickets.lock import lock
from tickets.schema import conversations, tickets
from tickets.store import Store

_KEYS = select(conversations.c.key).where(conversations.c.ticket_id == bindparam("of_ticket"))
_ROW = select(tickets).where(tickets.c.id == bindparam("number")).with_for_update()


def hold_conversations(connection: Connection, number: int) -> list[str]:
    """Hold the conversations of a ticket until the transaction ends, and return their keys; its row is held next."""
    keys = list(connection.scalars(_KEYS, {"of_ticket": number}))
    lock(connection, keys)
    return keys


def hold(connection: Connection, number: int) -> State | None:
    """Return a ticket as it stands, held until the transaction ends; nothing when there is none."""
    hold_conversations(connection, number)
    row = connection.execute(_ROW, {"number": number}).first()
    return None if row is None else state_of(row)


def conversations_of(store: Store, number: int) -> list[str]:
    """Return the keys of a ticket's conversations, for whoever watches them. Raises `Temporary`."""
    with store.read() as connection:
        return list(connection.scalars(_KEYS, {"of_ticket": number}))
