"""Names that a transaction holds until it ends, where no row stands for what must not happen twice at once."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT

_LOCK = text("SELECT pg_advisory_xact_lock(key) FROM unnest(:keys) AS key").bindparams(
    bindparam("keys", type_=ARRAY(BIGINT))
)


def lock(connection: Connection, names: Sequence[str]) -> None:
    """Hold these names until the transaction ends, so that two workers never handle one conversation at once.

    In one order everywhere, so that two of them never wait for each other. SQLite has one writer anyway.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(_LOCK, {"keys": sorted({_number(name) for name in names})})


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
