"""What agents chose, and by which ways they can be reached, asked of the database at most once a second."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from config.desk import Desk
from config.notices import DEFAULTS, Choices, Way, Whose, Word
from tickets.lock import lock
from tickets.schema_told import devices, pauses, preferences
from tickets.store import Store

FRESH_SECONDS: Final = 1.0
"""So long somebody may be told by what they chose before."""

_INSERT: Any = {one.dialect.name: one.insert(preferences) for one in (sqlite, postgresql)}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What agents chose themselves, over the desk file; who has a device for push; which ways of whom are paused, and why.

    `epochs` are those of the agents' reply addresses, where they are not 0.
    """

    layers: Mapping[str, Choices] = field(default_factory=dict)
    with_devices: frozenset[str] = frozenset()
    paused: Mapping[tuple[str, str], str] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)

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
        return chosen_in(connection)


def chosen_in(connection: Connection) -> Chosen:
    """Return what was chosen, as the open transaction sees it."""
    said = connection.execute(select(preferences.c.agent, preferences.c.chosen, preferences.c.epoch)).all()
    with_devices = connection.scalars(select(devices.c.agent).distinct()).all()
    paused = connection.execute(select(pauses.c.agent, pauses.c.way, pauses.c.why)).all()
    return Chosen(
        {row.agent: Choices.model_validate(json.loads(row.chosen)) for row in said},
        frozenset(with_devices),
        {(row.agent, row.way): row.why for row in paused},
        {row.agent: row.epoch for row in said},
    )


def written(connection: Connection, agent: str) -> dict[str, Any]:
    """Return what an agent chose, as they wrote it; nobody else changes it until the transaction ends."""
    lock(connection, (f"preferences:{agent}",))
    found = connection.scalar(select(preferences.c.chosen).where(preferences.c.agent == agent))
    return {} if found is None else dict(json.loads(found))


def choose(connection: Connection, agent: str, chosen: Mapping[str, Any], now: float) -> Choices:
    """Keep what an agent chose in place of what they chose before, and return it; what they wrote is kept as it is.

    Raises `ValueError` in words when it is not right (`config.notices.Choices`); then nothing is written. Who changes only a
    part asks for what is `written` in the same transaction.
    """
    choices = Choices.model_validate(chosen)
    lock(connection, (f"preferences:{agent}",))
    said = {"chosen": json.dumps(chosen), "changed_at": now}
    kept = _INSERT[connection.dialect.name].values(agent=agent, epoch=0, **said)
    connection.execute(kept.on_conflict_do_update(index_elements=["agent"], set_=said))
    return choices


def renew(connection: Connection, agent: str, now: float) -> None:
    """Make every reply address worthless that an agent has got so far; what they chose stays."""
    new = _INSERT[connection.dialect.name].values(agent=agent, chosen="{}", epoch=1, changed_at=now)
    raised = {"epoch": preferences.c.epoch + 1}
    connection.execute(new.on_conflict_do_update(index_elements=["agent"], set_=raised))


def stop(  # who, by which way, of what, and when
    connection: Connection, desk: Desk, agent: str, way: Way, told: Iterable[tuple[Word, Whose]], now: float
) -> bool:
    """Tell an agent no more by a way of what they were `told` by it; return whether that is new."""
    return _changed(connection, desk, agent, told, now, lambda ways: [one for one in ways if one != way])


def resume(
    connection: Connection, desk: Desk, agent: str, way: Way, told: Iterable[tuple[Word, Whose]], now: float
) -> bool:
    """Tell an agent of it by that way again; return whether that is new."""
    return _changed(connection, desk, agent, told, now, lambda ways: [*ways, *([] if way in ways else [way])])


def _changed(  # like those above
    connection: Connection,
    desk: Desk,
    agent: str,
    told: Iterable[tuple[Word, Whose]],
    now: float,
    wanted: Callable[[Sequence[Way]], list[Way]],
) -> bool:
    own = written(connection, agent)
    choices = Choices.model_validate(own).over(Chosen().of(desk, agent))
    ways: dict[Word, dict[Whose, list[Way]]] = {word: dict(by_whose) for word, by_whose in own.get("ways", {}).items()}
    new = False
    for word, whose in told:
        before = list(choices.told(word, whose))
        if (after := wanted(before)) != before:
            ways.setdefault(word, {})[whose], new = after, True
    if new:
        choose(connection, agent, {**own, "ways": ways}, now)
    return new


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
