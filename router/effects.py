"""What rules ask for that is more than another value of the ticket: each effect is done in the decision's transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from config.desk import Desk
from router.actions import Skipped
from router.event import Change, Decision, Effect, TicketEvent
from router.state import State
from router.tell import Intent
from router.ticket import Pen


@dataclass(slots=True)
class Scene:
    """Where an effect is done: the ticket as it was written, what happened, and the entry it happened with, if any.

    What an effect writes into the history and owes is collected in `events` and `rings`.
    """

    pen: Pen
    desk: Desk
    ticket: State
    event: TicketEvent
    decision: Decision
    entry: int | None
    events: list[int] = field(default_factory=list)
    rings: list[int] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The ticket's number."""
        if self.ticket.number is None:
            raise ValueError("the ticket is not written yet")
        return self.ticket.number

    def history(self, lines: Sequence[Change]) -> list[int]:
        """Append lines to the ticket's history and return their ids."""
        ids = self.pen.history(self.number, lines)
        self.events += ids
        return ids

    def owe(self, notices: Sequence[Intent], entry: int | None = None) -> None:
        """Owe what must go out; it is rung for when everything is written."""
        self.rings += self.pen.owe(self.number, entry or self.entry, notices)


Do = Callable[[Scene, Effect], str]
"""Does an effect and returns in words what it did; raises `Skipped` with the reason when it cannot be done."""

EFFECTS: Final[dict[str, Do]] = {}


def effect(do: Do) -> Do:
    """Make the function's name the word of an effect."""
    EFFECTS[do.__name__] = do
    return do


def perform(scene: Scene) -> list[dict[str, Any]]:
    """Do the decision's effects in their order and return their lines of the trace."""
    done = []
    for one in scene.decision.effects:
        said = {"effect": one.word, "rule": one.rule}
        try:
            done.append({**said, "did": EFFECTS[one.word](scene, one)})
        except Skipped as skipped:
            done.append({**said, "skipped": str(skipped)})
    return done
