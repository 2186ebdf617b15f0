"""What is done once for a key, however often it is asked for."""

from typing import Any, Final

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from tickets.schema_told import once
from tickets.store import Store

KEPT_SECONDS: Final = 200 * 86_400.0
"""So long a key is known: longer than the address of a notice can be written to, and than any platform repeats itself."""

_INSERT: Any = {
    one.dialect.name: one.insert(once).on_conflict_do_nothing().returning(once.c.key) for one in (sqlite, postgresql)
}


def first(connection: Connection, key: str, now: float) -> bool:
    """Note in the open transaction that something is done for the key; true only for the first that asks.

    Who asks while another transaction has asked waits until that one has ended: it may be undone. `now` is UTC seconds.
    """
    return connection.execute(_INSERT[connection.dialect.name], {"key": key, "at": now}).first() is not None


def forget(store: Store, now: float) -> int:
    """Forget what was done too long ago to be asked for again, and return how many keys. Raises `Temporary`."""
    with store.write() as connection:
        return connection.execute(delete(once).where(once.c.at < now - KEPT_SECONDS)).rowcount
