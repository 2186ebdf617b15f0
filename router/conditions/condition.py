"""A condition: a pure function that gives what it looks at. Its name is its word in the desk file (`from_` is `from`)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from config.desk import Desk
from router.conditions.kinds import Kind
from router.event import NOUNS, TicketEvent, Values
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


Look = Callable[[View], str | float | Values | tuple[float, ...] | None]
"""Gives the value or the values; None when they are not known here (a message that is only tried has no database)."""


@dataclass(frozen=True, slots=True)
class Of:
    """What a condition may be asked about: `{fields: {order: …}}`. Where it must be said, it is `needed`.

    `noun` is what one is called; `known` are those there are, where they are listed.
    """

    noun: str
    known: Known | None = None
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A word for something of the event: how to look at it, and the only values there are where they are listed.

    `fresh` says that a rule above may have changed what it sees, `asks` that looking costs more than reading what is there,
    or that it may not be known. `nothing` is the word people write for there being none.
    """

    word: str
    look: Look
    kind: Kind
    known: Known | None = None
    of: Of | None = None
    fresh: bool = False
    asks: bool = False
    nothing: str = ""

    @property
    def operators(self) -> tuple[str, ...]:
        """What it can be asked with."""
        return (*self.kind.operators, "changed") if self.word in CHANGING else self.kind.operators


CHANGING: Final = frozenset({*NOUNS.values(), "tags"})
"""The words whose values before and after an event tells."""

L = TypeVar("L", bound=Look)

CONDITIONS: Final[dict[str, Condition]] = {}


class CannotUseError(Exception):
    """A condition cannot be used here; the message says what to install."""


def condition(  # all that can be said of one
    kind: Kind,
    known: Known | None = None,
    of: Of | None = None,
    *,
    fresh: bool = False,
    asks: bool = False,
    nothing: str = "",
) -> Callable[[L], L]:
    """Make the function's name a word of the desk file; `known` may raise `CannotUseError`."""

    def register(look: L) -> L:
        word = look.__name__.rstrip("_")
        CONDITIONS[word] = Condition(word, look, kind, known, of, fresh, asks, nothing)
        return look

    return register
