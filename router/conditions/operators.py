"""The operators a condition can be asked with.

All comparisons leave case out of account. Of several values (`to`, `cc`, `tags`) one must be so; with `not` in its name an
operator holds when none is.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from router.conditions.patterns import MAX_MATCHED, pattern
from router.event import Values
from tickets.message import clean

Found = tuple[Any, ...]
Test = Callable[[Found], bool]
Make = Callable[[Found], Test]

OPERATORS: Final[dict[str, Make]] = {}
WHOLE: Final[dict[str, Make]] = {}
"""What some mean for names, of which no part is searched."""
ONE: Final = frozenset(
    {"is", "is_not", "less_than", "more_than", "at_least", "at_most", "within", "older_than", "exists", "changed"}
)
"""Those that take one value, not a list."""


def operator(make: Make) -> Make:
    """Make the function's name an operator; it is given the wanted values and returns the test."""
    OPERATORS[make.__name__.rstrip("_")] = make
    return make


@operator
def is_(wanted: Found) -> Test:
    """Equal to the one wanted value."""
    return lambda values: wanted[0] in values


@operator
def in_(wanted: Found) -> Test:
    """Equal to one of the wanted values."""
    one_of = frozenset(wanted)
    return lambda values: not one_of.isdisjoint(values)


@operator
def is_not(wanted: Found) -> Test:
    """Different from the one wanted value, or not there."""
    return lambda values: wanted[0] not in values


@operator
def not_in(wanted: Found) -> Test:
    """Equal to none of the wanted values."""
    return frozenset(wanted).isdisjoint


@operator
def contains(wanted: Found) -> Test:
    """One of the wanted texts stands somewhere in it."""
    return lambda values: any(text in value for value in values for text in wanted)


@operator
def contains_all(wanted: Found) -> Test:
    """Each of the wanted texts stands somewhere in it."""
    return lambda values: all(any(text in value for value in values) for text in wanted)


@operator
def not_contains(wanted: Found) -> Test:
    """None of the wanted texts stands anywhere in it."""
    return lambda values: not any(text in value for value in values for text in wanted)


@operator
def starts_with(wanted: Found) -> Test:
    """Text that begins with one of the wanted texts."""
    return lambda values: any(value.startswith(wanted) for value in values)


@operator
def ends_with(wanted: Found) -> Test:
    """Text that ends with one of the wanted texts."""
    return lambda values: any(value.endswith(wanted) for value in values)


@operator
def matches(wanted: Found) -> Test:
    """One of the RE2 patterns is found in it; of a very long text only the beginning is looked at."""
    patterns = [pattern(text) for text in wanted]
    return lambda values: any(p.search(clean(value[:MAX_MATCHED])) is not None for value in values for p in patterns)


@operator
def exists(wanted: Found) -> Test:
    """There is a value that is not empty."""
    return lambda values: any(value != "" for value in values) is wanted[0]


@operator
def less_than(wanted: Found) -> Test:
    """Smaller than the wanted number."""
    return lambda values: any(value < wanted[0] for value in values)


@operator
def more_than(wanted: Found) -> Test:
    """Larger than the wanted number."""
    return lambda values: any(value > wanted[0] for value in values)


@operator
def at_least(wanted: Found) -> Test:
    """Not smaller than the wanted number."""
    return lambda values: any(value >= wanted[0] for value in values)


@operator
def at_most(wanted: Found) -> Test:
    """Not larger than the wanted number."""
    return lambda values: any(value <= wanted[0] for value in values)


@operator
def within(wanted: Found) -> Test:
    """So long ago at most; the values are ages in seconds."""
    return at_most(wanted)


@operator
def older_than(wanted: Found) -> Test:
    """Longer ago than that; the values are ages in seconds."""
    return more_than(wanted)


@operator
def between(wanted: Found) -> Test:
    """In one of the spans of the day, which may go over midnight; the end is not in it. Values are minutes since midnight."""

    def inside(value: int) -> bool:
        return any(
            begins <= value < ends if begins < ends else value >= begins or value < ends for begins, ends in wanted
        )

    return lambda values: any(inside(value) for value in values)


@operator
def changed(wanted: Found) -> Test:
    """Different since the event, from and to what is wanted. The values are those before and those after, none if it is not."""
    if isinstance(wanted[0], bool):
        return lambda values: bool(values) is wanted[0]
    ends = [one and frozenset(one) for one in wanted]
    return lambda values: (
        bool(values) and all(one is None or not one.isdisjoint(value) for one, value in zip(ends, values, strict=True))
    )


WHOLE["contains"] = in_
WHOLE["contains_all"] = lambda wanted: frozenset(wanted).issubset
WHOLE["not_contains"] = not_in

MAX_CAPTURED: Final = 200  # characters of what a named group has found


def captured(patterns: Sequence[Any], values: Values) -> dict[str, str]:
    """Return what the named groups of the patterns find in the values: each group's first that is not empty."""
    found: dict[str, str] = {}
    for one in patterns:
        for value in values:
            for group, text in search.groupdict().items() if (search := one.search(clean(value[:MAX_MATCHED]))) else ():
                if text and group not in found:
                    found[group] = text[:MAX_CAPTURED]
    return found
