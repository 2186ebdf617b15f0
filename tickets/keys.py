"""The desk's own signing key: 32 random bytes, made when they are first wanted and then the same for every process."""

import secrets as random
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from tickets.schema import secrets
from tickets.store import Store

_NAME: Final = "signing"
_READ: Final = select(secrets.c.value).where(secrets.c.name == _NAME)
_MAKE: Final = {
    dialect.dialect.name: dialect.insert(secrets).on_conflict_do_nothing() for dialect in (sqlite, postgresql)
}


def signing_key(store: Store) -> bytes:
    """Return the key; asks the database once in a process. Never call it inside a transaction of the store.

    It is committed before it is used, so a signature in a mail never outlives a key that was rolled back. Of any number of
    processes that start at once the first one's key is everybody's. Raises `Temporary`.
    """
    known = store.secrets.get(_NAME)
    if known is None:
        known = store.secrets[_NAME] = _read(store) or _make(store)
    return known


def _read(store: Store) -> bytes | None:
    with store.read() as connection:
        return _value(connection)


def _make(store: Store) -> bytes:
    with store.write() as connection:
        made = random.token_bytes(32)
        connection.execute(_MAKE[connection.dialect.name], {"name": _NAME, "value": made})
        return _value(connection) or made


def _value(connection: Connection) -> bytes | None:
    value = connection.execute(_READ).scalar()
    return None if value is None else bytes(value)
