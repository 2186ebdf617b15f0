"""What is done once for a key, however often it is asked for."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from tickets.schema import once

_INSERT: Any = {
    one.dialect.name: one.insert(once).on_conflict_do_nothing().returning(once.c.key) for one in (sqlite, postgresql)
}


def first(connection: Connection, key: str, now: float) -> bool:
    """Note in the open transaction that something is done for the key; true only for the first that asks.

    Who asks while another transaction has asked waits until that one has ended: it may be undone. `now` is UTC seconds.
    """
    return connection.execute(_INSERT[connection.dialect.name], {"key": key, "at": now}).first() is not None
