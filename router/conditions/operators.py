"""The operators a condition can be asked with.

All comparisons leave case out of account. Of several values (`to`, `cc`, `tags`) one must be so; `not_contains` holds when
none is.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from router.conditions.patterns import MAX_MATCHED, pattern
from router.event import Values
from tickets.message import clean

Test = Callable[[Values], bool]

OPERATORS: Final[dict[str, Callable[[Values], Test]]] = {}
WHOLE: Final[dict[str, Callable[[Values], Test]]] = {}


def operator(make: Callable[[Values], Test]) -> Callable[[Values], Test]:
    """Make the function's name an operator; it is given the wanted values and returns the test."""
    OPERATORS[make.__name__.rstrip("_")] = make
    return make


@operator
def is_(wanted: Values) -> Test:
    """Equal to the one wanted value."""
    return lambda values: wanted[0] in values


@operator
def in_(wanted: Values) -> Test:
    """Equal to one of the wanted values."""
    one_of = frozenset(wanted)
    return lambda values: not one_of.isdisjoint(values)


@operator
def contains(wanted: Values) -> Test:
    """One of the wanted texts stands somewhere in it."""
    return lambda values: any(text in value for value in values for text in wanted)


@operator
def contains_all(wanted: Values) -> Test:
    """Each of the wanted texts stands somewhere in it."""
    return lambda values: all(any(text in value for value in values) for text in wanted)


@operator
def not_contains(wanted: Values) -> Test:
    """None of the wanted texts stands anywhere in it."""
    return lambda values: not any(text in value for value in values for text in wanted)


@operator
def starts_with(wanted: Values) -> Test:
    """Text that begins with one of the wanted texts."""
    return lambda values: any(value.startswith(wanted) for value in values)


@operator
def ends_with(wanted: Values) -> Test:
    """Text that ends with one of the wanted texts."""
    return lambda values: any(value.endswith(wanted) for value in values)


@operator
def matches(wanted: Values) -> Test:
    """One of the RE2 patterns is found in it; of a very long text only the beginning is looked at."""
    patterns = [pattern(text) for text in wanted]
    return lambda values: any(p.search(clean(value[:MAX_MATCHED])) is not None for value in values for p in patterns)


WHOLE["contains"] = in_
WHOLE["contains_all"] = lambda wanted: frozenset(wanted).issubset
WHOLE["not_contains"] = lambda wanted: frozenset(wanted).isdisjoint


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
