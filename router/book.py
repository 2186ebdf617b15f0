"""The desk of the moment with its rules and correlations, compiled once for each version."""

from collections.abc import Callable
from dataclasses import dataclass

from config.desk import Desk
from router.correlate import Compiled, compile_correlations
from router.rules import RuleSet, compile_rules


@dataclass(frozen=True, slots=True)
class Book:
    """A desk and what was compiled from it."""

    desk: Desk
    rules: RuleSet
    correlations: tuple[Compiled, ...]


def book_of(desk: Desk) -> Book:
    """Return the book of a desk; raises `DeskError` for one with wrong rules, which `load` does not give."""
    return Book(desk, compile_rules(desk), compile_correlations(desk))


class Shelf:
    """Gives the book of the desk of the moment. Thread-safe: it keeps nothing but the last one."""

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk
        self._last: Book | None = None

    def book(self) -> Book:
        """Return the book; raises `DeskError` for a desk with wrong rules, which `load` does not give."""
        desk, last = self._desk(), self._last
        if last is None or last.desk is not desk:
            last = self._last = book_of(desk)
        return last
