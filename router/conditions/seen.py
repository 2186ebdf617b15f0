"""What the conditions see of one event, looked up when it is first asked for."""

from typing import Final

from config.desk import Desk
from router.conditions.condition import CONDITIONS, View
from router.event import TicketEvent, Values
from router.staff import Staff


class _Unknown(tuple[str, ...]):
    __slots__ = ()


UNKNOWN: Final[Values] = _Unknown()
"""The values of what is not known here: there are none, and it is told apart from there being none."""

MOST_SHOWN: Final = 20  # values of one word that stand in the trace


class Seen:
    """The values of one event by the key of what is looked at: a condition's word, or `word.of` (`header.list-id`)."""

    __slots__ = ("_folded", "_values", "_view", "unknown")

    def __init__(self, event: TicketEvent, desk: Desk, staff: Staff | None = None) -> None:
        self._view = View(event, desk, staff or Staff(desk, event.at))
        self._values: dict[str, Values] = {}
        self._folded: dict[str, Values] = {}
        self.unknown: set[str] = set()
        """The keys that were asked for and are not known."""

    def values(self, key: str) -> Values:
        """Return the values as they are, or `UNKNOWN`."""
        found = self._values.get(key)
        if found is None:
            word, _, of = key.partition(".")
            looked = CONDITIONS[word].look(self._view._replace(of=of) if of else self._view)
            if looked is None:
                self.unknown.add(key)
                looked = UNKNOWN
            found = self._values[key] = (looked,) if isinstance(looked, str) else looked
        return found

    def folded(self, key: str) -> Values:
        """Return the values with case left out of account, or `UNKNOWN`."""
        found = self._folded.get(key)
        if found is None:
            values = self.values(key)
            found = values if values is UNKNOWN else tuple(value.casefold() for value in values)
            self._folded[key] = found
        return found

    def said(self, key: str) -> str:
        """Return the values as they are told to people."""
        values = self.values(key)
        return "not known" if values is UNKNOWN else ", ".join(values[:MOST_SHOWN])

    def decided(self, event: TicketEvent) -> None:
        """Go on with the ticket as the rules have decided it so far."""
        self._view = self._view._replace(event=event)
        for key in [key for key in self._values if CONDITIONS[key.partition(".")[0]].fresh]:
            del self._values[key]
            self._folded.pop(key, None)
