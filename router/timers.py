"""The time events that rules wait for, compiled once: those whose time runs alike stand together, the soonest first."""

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, get_args

from config.rule import Rule, TimeEvent
from router.state import OVER

KEY_BYTES: Final = 6
"""Of the keys under which a ticket keeps what has struck: ten thousand rules share one with a chance of 1 : 5 million."""
BEFORE: Final = "time.due_in_less_than"
"""The time event that comes before what it counts from."""


@dataclass(frozen=True, slots=True)
class Timer:
    """How long (seconds) a rule waits, and the key under which a ticket keeps that it has struck: the rule's, whatever it waits."""

    than: float
    key: str
    rule: str


@dataclass(frozen=True, slots=True)
class Timers:
    """Timers of one event and kind. `statuses` are those a ticket must have, nothing meaning any in which it is not over."""

    event: str
    statuses: frozenset[str] | None
    open_hours: bool
    each: tuple[Timer, ...]

    def run(self, status: str) -> bool:
        """Tell whether they run in a status."""
        return status not in OVER if self.statuses is None else status in self.statuses


def compile_timers(rules: Iterable[Rule]) -> tuple[Timers, ...]:
    """Return the timers of rules that are active."""
    found: dict[tuple[str, frozenset[str] | None, bool], list[Timer]] = {}
    times = Counter[tuple[str, str]]()
    for rule in rules:
        for on in rule.on if rule.active else ():
            if on.event in get_args(TimeEvent) and on.than is not None:
                times[rule.name, on.event] += 1
                key = _key(f"{times[rule.name, on.event]} {on.event} {rule.name}")
                kind = on.event, frozenset(on.status) or None, on.open_hours
                found.setdefault(kind, []).append(Timer(on.than, key, rule.name))
    return tuple(
        Timers(*kind, tuple(sorted(each, key=lambda one: -one.than if kind[0] == BEFORE else one.than)))
        for kind, each in found.items()
    )


def _key(said: str) -> str:
    return urlsafe_b64encode(blake2b(said.encode(), digest_size=KEY_BYTES).digest()).decode()
