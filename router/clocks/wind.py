"""Winding the clocks of a ticket: when it has to be looked at next, after whatever has just been decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from config.desk import Desk
from router.event import Change
from router.rules import RuleSet
from router.state import State


@dataclass(frozen=True, slots=True)
class Struck:
    """What a clock that has struck comes to: lines for the history, and the ticket with what they say done.

    `only` are the names of the rules to ask about it, where the clock is theirs alone.
    """

    lines: Sequence[Change]
    ticket: State
    only: frozenset[str] | None = None


class Clock(Protocol):
    """One kind of clock. What it keeps of a ticket is JSON, under its own word in `State.clocks`."""

    word: str

    def wind(
        self, state: State, before: State | None, desk: Desk, rules: RuleSet, now: float
    ) -> tuple[Any | None, float | None]:
        """Return what it keeps of the ticket from now on, and when it has to strike next (UTC seconds); both may be nothing."""
        ...

    def strike(self, state: State, desk: Desk, rules: RuleSet, now: float) -> Struck | None:
        """Return what is due at `now`, or nothing when nothing is."""
        ...


CLOCKS: Final[tuple[Clock, ...]] = ()


def wind(state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> State:
    """Return the ticket with its clocks as they run from `now` (UTC seconds) on; `before` is how it stood, if it did."""
    del before, desk, rules, now
    return state
