"""Unassigned too long: what waits and nobody has for as long as the department says is told of, once until somebody has it.

What is kept of a ticket that waits: `{"since": 1795348800.0}`, with `"told": true` once it was told of.
"""

from dataclasses import dataclass
from typing import Final

from config.desk import Desk
from router.clocks.clock import Struck, Wound
from router.event import Change
from router.rules import RuleSet
from router.state import WORKING, State

WORD: Final = "unassigned"
TOO_LONG: Final = "ticket.unassigned_too_long"


@dataclass(frozen=True, slots=True)
class Unassigned:
    """Runs in new and open tickets nobody has, of departments that say `unassigned_after`."""

    word: Final = WORD

    def statuses(self, desk: Desk, rules: RuleSet) -> frozenset[str]:
        """Return the statuses in which somebody has to do something, where a department says so."""
        del rules
        return WORKING if any(one.unassigned_after is not None for one in desk.departments) else frozenset()

    def wind(self, state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> Wound | None:
        """Return since when nobody has it, and when that is too long."""
        del before, rules, now
        department = desk.departments_by_id.get(state.department)
        after = department.unassigned_after if department else None
        if after is None or state.agent is not None or state.status not in WORKING:
            return None
        kept = state.clocks.get(WORD)
        if not kept or kept["since"] < state.agent_since:
            kept = {"since": max(state.agent_since, state.status_since)}
        return Wound(kept, None if kept.get("told") else kept["since"] + after)

    def strike(self, state: State, desk: Desk, rules: RuleSet, now: float) -> Struck | None:
        """Return that it is too long."""
        wound = self.wind(state, None, desk, rules, now)
        if wound is None or wound.due_at is None or wound.due_at > now:
            return None
        ticket = state._replace(clocks={**state.clocks, WORD: {**wound.kept, "told": True}})
        return Struck([Change(TOO_LONG, "clock", {"since": wound.kept["since"]})], ticket)
