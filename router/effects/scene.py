"""Where an effect is done, and the words there are for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from config.desk import Desk
from router.actions import Skipped
from router.actions.words import values_of
from router.event import Change, Decision, Effect, TicketEvent
from router.state import State
from router.tell import Intent
from router.ticket import Pen

Elsewhere = Callable[[State, Sequence[Change], State, int | None], list[int]]
"""Does a turn in another ticket, whose row is held: as it stood, what happened, as it is now, the entry it happened with.

Returns the outbox rows to ring for.
"""


@dataclass(slots=True)
class Scene:
    """Where an effect is done: the ticket as it was written, what happened, and the entry it happened with, if any.

    What an effect writes into the history and owes is collected in `events` and `rings`. `quiet` says that nobody is told of
    what happened: it is history, or one more mail of an alarm.
    """

    pen: Pen
    desk: Desk
    ticket: State
    event: TicketEvent
    decision: Decision
    entry: int | None
    elsewhere: Elsewhere
    quiet: bool = False
    events: list[int] = field(default_factory=list)
    rings: list[int] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The ticket's number."""
        if self.ticket.number is None:
            raise ValueError("the ticket is not written yet")
        return self.ticket.number

    @property
    def values(self) -> Mapping[str, str]:
        """What texts are filled with."""
        return self.values_in(None)

    def values_in(self, language: str | None) -> Mapping[str, str]:
        """Return what texts for a customer of that language are filled with."""
        return values_of(self.ticket, self.number, self.desk, self.decision.variables, language)

    def history(self, *lines: Change) -> list[int]:
        """Append lines to the ticket's history and return their ids."""
        ids = self.pen.history(self.number, lines)
        self.events += ids
        return ids

    def owe(
        self, notices: Sequence[Intent], entry: int | None = None, later: Mapping[str, float] | None = None
    ) -> None:
        """Owe what must go out; it is rung for when everything is written. `later` is as with `Pen.owe`."""
        self.rings += self.pen.owe(self.number, entry or self.entry, notices, later)


Do = Callable[[Scene, Effect], str]
"""Does an effect and returns in words what it did; raises `Skipped` with the reason when it cannot be done."""

EFFECTS: Final[dict[str, Do]] = {}


def effect(do: Do) -> Do:
    """Make the function's name the word of an effect."""
    EFFECTS[do.__name__] = do
    return do


def perform(scene: Scene) -> list[dict[str, Any]]:
    """Do the decision's effects in their order, a merge behind the others, and return their lines of the trace."""
    done = []
    for one in sorted(scene.decision.effects, key=lambda one: one.word == "merge"):
        said = {"effect": one.word, "rule": one.rule}
        try:
            done.append({**said, "did": EFFECTS[one.word](scene, one)})
        except Skipped as skipped:
            done.append({**said, "skipped": str(skipped)})
    return done
