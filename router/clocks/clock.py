"""A clock of a ticket: what each kind of them promises."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from config.desk import Desk
from router.event import Change
from router.rules import RuleSet
from router.state import State


@dataclass(frozen=True, slots=True)
class Wound:
    """What a clock keeps of a ticket from now on (JSON), and when it has to strike next (UTC seconds), if it has to.

    `sla_due_at` is when the nearest promise it watches is broken, or was; only the clock of the promises says so. What does
    not run as long as the ticket stays as it is, whatever the desk file says, is not wound again `by_desk`.
    """

    kept: Any
    due_at: float | None = None
    sla_due_at: float | None = None
    by_desk: bool = True


@dataclass(frozen=True, slots=True)
class Struck:
    """What a clock that has struck comes to: lines for the history, and the ticket with what they say done.

    The clock notes in the ticket's `clocks` that it has struck, for its `wind`. `only` are the names of the rules to ask
    about it, where the clock is theirs alone; `tell` are targets as in the action `notify`, each with the reason in words.
    """

    lines: Sequence[Change]
    ticket: State
    only: frozenset[str] | None = None
    tell: tuple[tuple[str, str], ...] = ()


class Clock(Protocol):
    """One kind of clock, without a state of its own: what it keeps of a ticket stands under `word` in `State.clocks`."""

    @property
    def word(self) -> str:
        """The clock's name."""
        ...

    def statuses(self, desk: Desk, rules: RuleSet) -> Collection[str]:
        """Return in which statuses a ticket may have it for what the desk file says: none when the desk does not use it."""
        ...

    def wind(self, state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> Wound | None:
        """Return how it runs from `now` (UTC seconds) on, or nothing when it does not; quick where the desk does not use it.

        `before` is how the ticket stood, if it did; `state.sla_due_at` is known to the clocks behind that of the promises.
        """
        ...

    def strike(self, state: State, desk: Desk, rules: RuleSet, now: float) -> Struck | None:
        """Return what is due at `now`, or nothing when nothing is."""
        ...
