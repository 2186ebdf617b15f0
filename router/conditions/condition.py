"""A condition: a pure function that gives what it looks at. Its name is its word in the desk file (`from_` is `from`)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from config.desk import Desk
from router.event import TicketEvent, Values
from router.staff import Staff

Known = Callable[[Desk], Collection[str]]


class View(NamedTuple):
    """What a condition is given to look at: what happened, by which desk, and who is at work.

    `of` is what it is asked about where its word alone does not say it: a header's name, a field's.
    """

    event: TicketEvent
    desk: Desk
    staff: Staff
    of: str = ""


Look = Callable[[View], str | Values | None]
"""Gives the value or the values; None when they are not known here (a message that is only tried has no database)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A word for something of the event: how to look at it, and the only values there are where they are listed.

    `whole` says that its values are names which are compared as a whole, not searched for a part; `fresh` that a rule above
    may have changed what it sees.
    """

    word: str
    look: Look
    known: Known | None = None
    whole: bool = False
    fresh: bool = False


L = TypeVar("L", bound=Look)

CONDITIONS: Final[dict[str, Condition]] = {}


def condition(known: Known | None = None, *, whole: bool = False, fresh: bool = False) -> Callable[[L], L]:
    """Make the function's name a word of the desk file."""

    def register(look: L) -> L:
        word = look.__name__.rstrip("_")
        CONDITIONS[word] = Condition(word, look, known, whole, fresh)
        return look

    return register
