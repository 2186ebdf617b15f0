"""Postponed tickets: when their time has come they are open again, and whoever has them is told."""

from dataclasses import dataclass
from typing import Final

from config.desk import Desk
from router.clocks.clock import Struck, Wound
from router.event import Change
from router.rules import RuleSet
from router.state import State


@dataclass(frozen=True, slots=True)
class Postponed:
    """Runs in a ticket that is postponed until a moment; a message of the customer before it opens the ticket as ever."""

    word: Final = "postponed"

    def statuses(self, desk: Desk, rules: RuleSet) -> tuple[str, ...]:
        """Return none: what is postponed is wound when it is."""
        del desk, rules
        return ()

    def wind(self, state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> Wound | None:
        """Return that it strikes when the ticket's time has come."""
        del before, desk, rules, now
        if state.status != "postponed" or state.postponed_until is None:
            return None
        return Wound(None, state.postponed_until)

    def strike(self, state: State, desk: Desk, rules: RuleSet, now: float) -> Struck | None:
        """Return the ticket as open."""
        del desk, rules
        if state.status != "postponed" or state.postponed_until is None or state.postponed_until > now:
            return None
        data = {"from": "postponed", "to": "open", "reason": "postponed_until"}
        mine = ((f"agent:{state.agent}", "the ticket was postponed until now"),) if state.agent else ()
        return Struck([Change("ticket.status_changed", "clock", data)], state._replace(status="open"), tell=mine)
