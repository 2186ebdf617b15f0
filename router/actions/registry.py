"""What an action is, and the words there are for them in the desk file.

An action's function is `(event, decision, value, given) -> Decision`, its name its word; the reader it is registered with
turns what the desk file says into the value, and notes what is wrong with it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.desk import Desk
from config.problems import Place
from router.event import Decision, Effect, TicketEvent
from router.staff import Staff


@dataclass(frozen=True, slots=True)
class Given:
    """What an action knows besides the ticket: the desk, the name of its rule, and who is at work."""

    desk: Desk
    rule: str
    staff: Staff


class Skipped(Exception):  # noqa: N818  # a word of the trace: the action was skipped, for this reason
    """The action cannot be done to this ticket; the message says why."""


Act = Callable[[TicketEvent, Decision, Staff], Decision]
"""An action with its value: returns the new decision, or raises `Skipped`."""

Do = Callable[[TicketEvent, Decision, Any, Given], Decision]
Read = Callable[[object, Desk, Place], Any]


@dataclass(frozen=True, slots=True)
class Action:
    """A word for something a rule does."""

    word: str
    do: Do
    read: Read


ACTIONS: Final[dict[str, Action]] = {}


def action(read: Read) -> Callable[[Do], Do]:
    """Make the function's name a word of the desk file, with the reader of its value."""

    def register(do: Do) -> Do:
        ACTIONS[do.__name__] = Action(do.__name__, do, read)
        return do

    return register


def to_do(decision: Decision, word: str, value: Any, given: Given, event: str | None = None) -> Decision:
    """Return the decision with one more effect; `event` is what happens to the ticket by it."""
    return decision._replace(effects=(*decision.effects, Effect(word, value, given.rule, event)))


def one_of(noun: str, said: object, known: Collection[str], place: Place) -> str:
    """Read the name of something there is."""
    if isinstance(said, (list, Mapping)):
        place.note(f"must be one {noun}, not a list")
    elif said not in known:
        place.unknown(noun, said, known)
    return str(said)


def each(said: object, place: Place, read: Callable[[str, Place], str]) -> tuple[str, ...]:
    """Read one text or a list of them."""
    if said == [] or said is None:
        place.note("the list is empty; write at least one name")
        return ()
    made = []
    for index, item in enumerate(said if isinstance(said, list) else [said]):
        here = place.at(index) if isinstance(said, list) else place
        if isinstance(item, str):
            made.append(read(item, here))
        else:
            here.note("must be text; put it in quotes")
    return tuple(dict.fromkeys(made))


def true_or_false(said: object, _desk: Desk, place: Place) -> bool:
    """Read a yes or no."""
    if not isinstance(said, bool):
        place.note("must be true or false")
    return said is True
