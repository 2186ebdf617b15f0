"""The desk of the moment with its rules and correlations, compiled once for each version."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection, Transaction, select
from sqlalchemy.dialects import postgresql, sqlite

from config.desk import Desk
from config.notices import Choices
from router.correlate import Compiled, compile_correlations
from router.rules import RuleSet, compile_rules
from router.trace import kept
from tickets.preferences import Chosen, Preferences
from tickets.schema import desk_versions
from tickets.store import Store

LOOK_SECONDS: Final = 60.0
"""So often somebody looks again for what a process with another desk file has left behind."""
_INSERT: Any = {one.dialect.name: one.insert(desk_versions).on_conflict_do_nothing() for one in (sqlite, postgresql)}


@dataclass(slots=True)
class Record:
    """Keeps the rules of one version of the desk for `why`, once. Thread-safe."""

    _sure: bool = False
    _written_in: Transaction | None = None

    def keep(self, connection: Connection, rules: RuleSet, now: float) -> None:
        """Write the rules in the open transaction, unless they stand there; a desk without rules has none to keep."""
        transaction = connection.get_transaction() if rules.rules and not self._sure else None
        if transaction is None or transaction is self._written_in:
            return
        there = select(desk_versions.c.version).where(desk_versions.c.version == rules.version)
        if connection.execute(there).first() is not None:  # what was written here is committed by now
            self._sure, self._written_in = True, None
            return
        row = {"version": rules.version, "rules": json.dumps(kept(rules)), "at": now}
        connection.execute(_INSERT[connection.dialect.name], row)
        self._written_in = transaction


@dataclass(frozen=True, slots=True)
class Book:
    """A desk and what was compiled from it, and what its agents chose to be told of."""

    desk: Desk
    rules: RuleSet
    correlations: tuple[Compiled, ...]
    record: Record = field(default_factory=Record, compare=False)
    chosen: Chosen = field(default_factory=Chosen, compare=False)
    _choices: dict[str, Choices] = field(default_factory=dict, init=False, compare=False, repr=False)

    def choices(self, agent: str) -> Choices:
        """Return what counts for an agent."""
        known = self._choices.get(agent)
        if known is None:
            known = self._choices[agent] = self.chosen.of(self.desk, agent)
        return known


def book_of(desk: Desk) -> Book:
    """Return the book of a desk; raises `DeskError` for one with wrong rules, which `load` does not give."""
    return Book(desk, compile_rules(desk), compile_correlations(desk))


class Shelf:
    """Gives the book of the desk of the moment, with what agents chose. Thread-safe: it keeps nothing but the last one.

    Without a store nobody has chosen anything: that is for looking at tickets.
    """

    def __init__(self, desk: Callable[[], Desk], store: Store | None = None) -> None:
        self._desk = desk
        self._last: Book | None = None
        self._preferences = Preferences(store) if store is not None else None

    def book(self) -> Book:
        """Return the book; ask for it before a transaction begins.

        Raises `DeskError` for a desk with wrong rules, which `load` does not give, and `Temporary` when the database fails.
        """
        desk, last = self._desk(), self._last
        if last is None or last.desk is not desk:
            last = self._last = book_of(desk)
        if self._preferences is not None and (chosen := self._preferences.chosen()) is not last.chosen:
            last = self._last = replace(last, chosen=chosen)
        return last


class Seldom:
    """When something that a desk file asks for once has to be looked at: for a new version, and again now and then.

    A process with another desk file may have undone it since. For one thread.
    """

    def __init__(self) -> None:
        self._done: tuple[str, float] | None = None

    def due(self, desk: Desk, now: float) -> bool:
        """Tell whether to look, at `now` (UTC seconds)."""
        return self._done is None or self._done[0] != desk.version or now - self._done[1] >= LOOK_SECONDS

    def done(self, desk: Desk, now: float) -> None:
        """Note that there is nothing left to do for this desk."""
        self._done = desk.version, now
