"""What agents chose, and by which ways they can be reached, asked of the database at most once a second."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from config.desk import Desk
from config.notices import DEFAULTS, Choices
from tickets.schema import devices, pauses, preferences
from tickets.store import Store

FRESH_SECONDS: Final = 1.0
"""So long somebody may be told by what they chose before."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What agents chose themselves, over the desk file; who has a device for push; which ways of whom are paused, and why."""

    layers: Mapping[str, Choices] = field(default_factory=dict)
    with_devices: frozenset[str] = frozenset()
    paused: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def of(self, desk: Desk, agent: str) -> Choices:
        """Return what counts for an agent: their own choice, over their part of the desk file, over the desk's, over the usual."""
        known = desk.agents_by_id.get(agent)
        below = desk.desk.notices.over(DEFAULTS)
        written = known.notices.over(below) if known else below
        own = self.layers.get(agent)
        return own.over(written) if own else written


def chosen(store: Store) -> Chosen:
    """Return what was chosen. Raises `Temporary`."""
    with store.read() as connection:
        said = connection.execute(select(preferences.c.agent, preferences.c.chosen)).all()
        with_devices = connection.scalars(select(devices.c.agent).distinct()).all()
        paused = connection.execute(select(pauses.c.agent, pauses.c.way, pauses.c.why)).all()
    return Chosen(
        {row.agent: Choices.model_validate(json.loads(row.chosen)) for row in said},
        frozenset(with_devices),
        {(row.agent, row.way): row.why for row in paused},
    )


class Preferences:
    """What was chosen, at most a second ago. Thread-safe."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[float, Chosen] | None = None

    def chosen(self) -> Chosen:
        """Return what was chosen. Raises `Temporary`."""
        with self._lock:
            now = self._clock()
            if self._known is None or now - self._known[0] >= FRESH_SECONDS:
                self._known = now, chosen(self._store)
            return self._known[1]
