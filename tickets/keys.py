"""The desk's own keys, made when they are first wanted and then the same for every process."""

import secrets as random
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from tickets.schema import secrets
from tickets.store import Store

_READ: Final = select(secrets.c.value).where(secrets.c.name == bindparam("wanted"))
_MAKE: Final = {
    dialect.dialect.name: dialect.insert(secrets).on_conflict_do_nothing() for dialect in (sqlite, postgresql)
}


def signing_key(store: Store) -> bytes:
    """Return the key of signatures, 32 bytes; asks the database once in a process. Never call it inside a transaction of the store.

    It is committed before it is used, so a signature in a mail never outlives a key that was rolled back. Of any number of
    processes that start at once the first one's key is everybody's. Raises `Temporary`.
    """
    return _kept(store, "signing", lambda: random.token_bytes(32))


def vapid_key(store: Store) -> bytes:
    """Return the private key by which push services know this desk (RFC 8292), of the curve P-256, in DER; like `signing_key`."""
    return _kept(store, "vapid", _vapid)


def _vapid() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  # it is made once, and costs every start
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _kept(store: Store, name: str, make: Callable[[], bytes]) -> bytes:
    known = store.secrets.get(name)
    if known is None:
        known = store.secrets[name] = _read(store, name) or _make(store, name, make())
    return known


def _read(store: Store, name: str) -> bytes | None:
    with store.read() as connection:
        return _value(connection, name)


def _make(store: Store, name: str, made: bytes) -> bytes:
    with store.write() as connection:
        connection.execute(_MAKE[connection.dialect.name], {"name": name, "value": made})
        return _value(connection, name) or made


def _value(connection: Connection, name: str) -> bytes | None:
    value = connection.execute(_READ, {"wanted": name}).scalar()
    return None if value is None else bytes(value)
