"""The kinds of value a condition may look at: what can be asked of one, how it is written, and how it is told to people."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from config.model import seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value. `noun` is what an error calls it, `operators` what can be asked of it.

    `plain` is the operator of a value that stands alone, `many` that of a list; without one an operator must be written.
    `read` gives a wanted value as it is compared and raises `ValueError` in plain words, `said` tells a value to people.
    Texts have case left out of account; those of a `whole` kind are names, of which no part is searched.
    """

    noun: str
    operators: tuple[str, ...]
    read: Callable[[object], Any]
    said: Callable[[Any], str] = str
    plain: str = "is"
    many: str = "in"
    text: bool = True
    whole: bool = False


EQUAL: Final = ("is", "in", "is_not", "not_in")
COMPARE: Final = ("less_than", "more_than", "at_least", "at_most")
SEARCH: Final = ("contains", "contains_all", "not_contains", "starts_with", "ends_with", "matches")


def _text(said: object) -> str:
    if isinstance(said, bool) or not isinstance(said, (str, int)):
        raise ValueError("must be text; put it in quotes")  # noqa: TRY004  # told at its place, like every wrong value
    return str(said)


def _choice(said: object) -> str:
    return ("yes" if said else "no") if isinstance(said, bool) else _text(said)


def _number(said: object) -> float:
    if isinstance(said, bool) or not isinstance(said, (int, float)):
        raise ValueError("must be a number, without quotes")  # noqa: TRY004
    return said


_UNITS: Final = {"": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


def _size(said: object) -> float:
    found = re.fullmatch(r"([0-9]{1,15}) ?(kB|MB|GB)?", str(said))
    if isinstance(said, bool) or not isinstance(said, (int, str)) or found is None:
        raise ValueError("not a size; write it as 500kB, 10MB or a number of bytes")
    return int(found[1]) * _UNITS[found[2] or ""]


def _hours(said: object) -> tuple[int, int]:
    form = r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)"
    found = re.fullmatch(form, said) if isinstance(said, str) else None
    if found is None:
        raise ValueError('not a time of day; write it as "08:00-12:00", over midnight as "22:00-06:00"')
    begins = int(found[1]) * 60 + int(found[2])
    ends = int(found[3]) * 60 + int(found[4]) if found[3] else 24 * 60
    if begins == ends:
        raise ValueError("must end at another time than it begins")
    return begins, ends


def duration(length: float) -> str:
    """Return a time span in seconds as it is told to people: `2d 3h`, `45m`, `10s`."""
    rest, parts = int(abs(length)), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


TEXT: Final = Kind("a text", (*EQUAL, *SEARCH, "exists"), _text)
NAME: Final = Kind("a name", (*EQUAL, *SEARCH, "exists"), _text)
NAMES: Final = Kind("a list of names", (*EQUAL, *SEARCH, "exists"), _text, whole=True)
CHOICE: Final = Kind("one of a few words", EQUAL, _choice)
NUMBER: Final = Kind("a number", (*EQUAL, *COMPARE, "exists"), _number, lambda value: f"{value:.10g}", text=False)
SIZE: Final = Kind("a size", COMPARE, _size, lambda value: f"{value:,.0f} bytes", "", "", text=False)
AGE: Final = Kind(
    "a time", ("within", "older_than", "exists"), seconds, lambda value: f"{duration(value)} ago", "", "", text=False
)
LEFT: Final = Kind(
    "a time span", (*COMPARE, "exists"), seconds,
    lambda value: duration(value) if value >= 0 else f"overdue by {duration(value)}", "", "", text=False,
)  # fmt: skip
TIME: Final = Kind(
    "a time of day",
    ("between",),
    _hours,
    lambda value: f"{value // 60:02}:{value % 60:02}",
    "between",
    "between",
    text=False,
)
