"""What the conditions see of one event, looked up when it is first asked for."""

from typing import Any, Final

from config.desk import Desk
from router.conditions.condition import CONDITIONS, View
from router.event import Decision, TicketEvent, Values, as_decided
from router.staff import Staff


class _Unknown(tuple[Any, ...]):
    __slots__ = ()


UNKNOWN: Final[tuple[Any, ...]] = _Unknown()
"""The values of what is not known here: there are none, and it is told apart from there being none."""

MOST_SHOWN: Final = 20  # values of one word that stand in the trace


class Seen:
    """The values of one event by the key of what is looked at: a condition's word, or `word.of` (`header.list-id`)."""

    __slots__ = ("_begun", "_decided", "_folded", "_fresh", "_said", "_values", "_view", "unknown")

    def __init__(self, event: TicketEvent, desk: Desk, staff: Staff | None = None) -> None:
        self._begun = event
        self._decided: Decision | None = None
        self._view = View(event, desk, staff or Staff(desk, event.at))
        self._values: dict[str, tuple[Any, ...]] = {}
        self._folded: dict[str, Values] = {}
        self._said: dict[str, str] = {}
        self._fresh: list[str] = []
        self.unknown: set[str] = set()
        """The keys that were asked for and are not known."""

    def values(self, key: str) -> tuple[Any, ...]:
        """Return the values as they are, or `UNKNOWN`."""
        found = self._values.get(key)
        if found is None:
            if self._decided is not None:
                self._view = self._view._replace(event=as_decided(self._begun, self._decided))
                self._decided = None
            condition, view = CONDITIONS.get(key), self._view
            if condition is None:
                condition, view = CONDITIONS[key.partition(".")[0]], view._replace(of=key.partition(".")[2])
            if condition.fresh:
                self._fresh.append(key)
            looked = condition.look(view)
            if looked is None:
                self.unknown.add(key)
                looked = UNKNOWN
            found = self._values[key] = looked if isinstance(looked, tuple) else (looked,)
        return found

    def folded(self, key: str) -> Values:
        """Return the values of texts with case left out of account, or `UNKNOWN`."""
        found = self._folded.get(key)
        if found is None:
            values = self.values(key)
            found = values if values is UNKNOWN else tuple(value.casefold() for value in values)
            self._folded[key] = found
        return found

    def change(self, key: str) -> tuple[Values, ...]:
        """Return the values before the event and those after, with case left out of account; nothing when it did not change."""
        ends = self._view.event.changed.get(key, ())
        return tuple(tuple(value.casefold() for value in values) for values in ends)

    def said(self, key: str, operator: str = "") -> str:
        """Return what such an operator sees of the values, as it is told to people."""
        if operator == "changed":
            nothing = CONDITIONS[key].nothing
            return " → ".join(", ".join(one or nothing for one in end) for end in self.change(key)) or "not changed"
        found = self._said.get(key)
        if found is None:
            found = self._said[key] = self._told(key)
        return found

    def _told(self, key: str) -> str:
        values, found = self.values(key), CONDITIONS[key.partition(".")[0]]
        if values is UNKNOWN:
            return "not known"
        return ", ".join(found.nothing if value == "" else found.kind.said(value) for value in values[:MOST_SHOWN])

    def decided(self, decision: Decision) -> None:
        """Go on with the ticket as the rules have decided it so far; it is made when it is next looked at."""
        self._decided = decision
        for key in self._fresh:
            for known in (self._values, self._folded, self._said):
                known.pop(key, None)
        self._fresh.clear()
