"""What conditions are compiled to: tests that say why they did not hold, and what they cannot hold without."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from router.conditions.seen import Seen
from router.event import Values


@dataclass(frozen=True, slots=True)
class Miss:
    """A condition that did not hold: where it stands in its rule, and what was wanted of which word, for the trace.

    `unknown` says that it could not be told, as what it asks for is not known here.
    """

    path: str
    word: str
    operator: str
    wanted: str | list[str]
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a condition cannot hold without: one of the texts is a value of its word, stands within one, or is found in one.

    Texts have case left out of account; those to be `found` are RE2 patterns as they are written.
    """

    word: str
    how: Literal["equal", "within", "found"]
    texts: Values


@dataclass(frozen=True, slots=True)
class Part:
    """A compiled condition or group: called, it returns None when it holds, else the first condition that did not.

    One of its `anchors` must hold for it to hold, else `missing` says what does not; without any it may always, and has to
    be asked. `captures` gives what the named groups of its patterns have found where it holds; nothing when it has none.
    """

    test: Callable[[Seen], Miss | None]
    anchors: tuple[Anchor, ...] | None = None
    captures: Callable[[Seen], Mapping[str, str]] | None = None
    missing: Miss | None = None

    def __call__(self, seen: Seen) -> Miss | None:
        """Ask."""
        return self.test(seen)
