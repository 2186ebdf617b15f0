"""Tokens that programs act with for an agent: shown once, kept as their hash."""

import hashlib
import secrets as random
from typing import Final

from sqlalchemy import delete, insert, select

from tickets.preferences import renew
from tickets.schema import tokens
from tickets.store import Store

PREFIX: Final = "fd_"
"""What a token begins with, so that scanners for lost secrets know one when they see it."""


def make(store: Store, agent: str, now: float) -> str:
    """Make a token for an agent and return it; nobody can read it again. Raises `Temporary`."""
    token = PREFIX + random.token_urlsafe(32)
    with store.write() as connection:
        connection.execute(insert(tokens), {"hash": _hash(token), "agent": agent, "made_at": now})
    return token


def agent_of(store: Store, token: str) -> str | None:
    """Return whose token it is, or nothing. Raises `Temporary`.

    It is looked up by its hash, so that how long that takes says nothing about tokens there are; 256 random bits need no salt.
    """
    with store.read() as connection:
        found: str | None = connection.scalar(select(tokens.c.agent).where(tokens.c.hash == _hash(token)))
    return found


def revoke(store: Store, agent: str, now: float) -> int:
    """Make all tokens of an agent worthless and return how many there were. Raises `Temporary`.

    The reply addresses in the notices they have got are worthless too. `now` is UTC seconds.
    """
    with store.write() as connection:
        renew(connection, agent, now)
        return connection.execute(delete(tokens).where(tokens.c.agent == agent)).rowcount


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
