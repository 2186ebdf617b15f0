"""Presence: which agents are not at work. Who never said anything is there."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from tickets.schema import presence
from tickets.store import Store

FRESH_SECONDS: Final = 1.0
"""So long somebody may pass for being there, or away, who has just said otherwise."""


def away(store: Store) -> frozenset[str]:
    """Return the ids of the agents who are away. Raises `Temporary`."""
    return frozenset(away_since(store))


def away_since(store: Store) -> Mapping[str, float]:
    """Return the ids of the agents who are away, and since when (UTC seconds). Raises `Temporary`."""
    with store.read() as connection:
        return away_in(connection)


def away_in(connection: Connection) -> Mapping[str, float]:
    """Return the same, in an open transaction."""
    rows = connection.execute(select(presence.c.agent, presence.c.since).where(presence.c.away == 1))
    return {row.agent: row.since for row in rows}


def set_away(store: Store, agent: str, away: bool, now: float) -> bool:
    """Note that an agent is away, or back, and return whether that is new. Raises `Temporary`."""
    dialect = sqlite if store.sqlite else postgresql
    said = dialect.insert(presence).values(agent=agent, away=int(away), since=now)
    changed = said.on_conflict_do_update(
        index_elements=["agent"], set_={"away": int(away), "since": now}, where=presence.c.away != int(away)
    )
    with store.write() as connection:
        known = connection.scalar(select(presence.c.away).where(presence.c.agent == agent))
        connection.execute(changed)
    return away != bool(known)


class Present:
    """Who is away, asked of the database at most once a second. Thread-safe."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[float, Mapping[str, float]] | None = None

    def away(self) -> frozenset[str]:
        """Return the ids of the agents who are away. Raises `Temporary`."""
        return frozenset(self.away_since())

    def away_since(self) -> Mapping[str, float]:
        """Return the ids of the agents who are away, and since when (UTC seconds). Raises `Temporary`."""
        with self._lock:
            now = self._clock()
            if self._known is None or now - self._known[0] >= FRESH_SECONDS:
                self._known = now, away_since(self._store)
            return self._known[1]
