"""What is wrong in a desk file: where it stands, what it is in plain words, and the nearest word that would be right."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Where = tuple[str | int, ...]
"""The steps from the top of the desk file to a value: `("departments", 1, "agents", 0)`."""

CLOSE = 0.7  # difflib's ratio; at its default of 0.6 `tags` would be offered for `agents`
FEW = 8  # so many known words are named when none of them is close


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, or with severity `warning` one thing odd, in a desk file.

    `line` and `column` count from 1 and are 0 where there is no position (a file that cannot be read). Whoever finds a
    problem says `where`; `load` adds the file and the position: of the value, or with `on_key` of its key.
    """

    where: Where
    message: str
    suggestion: str | None = None
    severity: Literal["error", "warning"] = "error"
    on_key: bool = False
    file: str = ""
    line: int = 0
    column: int = 0

    @property
    def path(self) -> str:
        """The steps as people read them: `departments.1.agents.0`."""
        return ".".join(shown(step) for step in self.where)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        head = " ".join(part for part in (place, self.path) if part)
        warning = "warning: " if self.severity == "warning" else ""
        hint = f'; did you mean "{self.suggestion}"?' if self.suggestion else ""
        return f"{head}: {warning}{self.message}{hint}"

    def as_json(self) -> dict[str, Any]:
        """Return the problem for programs, ready for `json.dumps`."""
        return {
            "severity": self.severity,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "message": self.message,
            "suggestion": self.suggestion,
        }


class DeskError(Exception):
    """The desk file cannot be used; `problems` holds everything that is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the desk file at which problems can be noted; places made from it note into the same list."""

    where: Where = ()
    found: list[Problem] = field(default_factory=list)

    def at(self, *steps: str | int) -> "Place":
        """Return the place some steps further down."""
        return Place((*self.where, *steps), self.found)

    def note(self, message: str, *, suggestion: str | None = None, on_key: bool = False) -> None:
        """Note an error here."""
        self.found.append(Problem(self.where, message, suggestion, on_key=on_key))

    def warn(self, message: str) -> None:
        """Note something odd here, which does not keep the desk from being used."""
        self.found.append(Problem(self.where, message, severity="warning"))

    def unknown(self, noun: str, word: object, known: Iterable[str], *, on_key: bool = False) -> None:
        """Note that nothing of this kind is called so, with the nearest word, or all of them when they are few."""
        words = tuple(known)
        suggestion = nearest(word, words)
        article = "" if suggestion or not 0 < len(words) <= FEW else f"; known: {', '.join(words)}"
        self.note(f'no {noun} is called "{shown(word)}"{article}', suggestion=suggestion, on_key=on_key)

    def twice(self, noun: str, word: str, first: Where) -> None:
        """Note that a name which must be unique was already given at `first`."""
        self.note(f'the {noun} "{shown(word)}" is already taken by {Problem(first, "").path}')

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.found)


def shown(word: object) -> str:
    """Return a word of the file fit for one line of a terminal: printable and at most 60 characters."""
    text = "".join(c if c.isprintable() else "?" for c in str(word)[:61])
    return text if len(text) <= 60 else f"{text[:59]}…"


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word that is written most like this one, or None when none is close."""
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(str(word)[:64].casefold(), folded, n=1, cutoff=CLOSE)
    return folded[close[0]] if close else None
