"""Winding the clocks of a ticket: when it has to be looked at next, after whatever has just been decided."""

from typing import Any, Final

from config.desk import Desk
from router.clocks.clock import Clock
from router.clocks.escalation import Escalating
from router.clocks.postponed import Postponed
from router.clocks.react import React
from router.clocks.sla import Promises
from router.clocks.timed import Timed
from router.clocks.unassigned import Unassigned
from router.rules import RuleSet
from router.state import State

CLOCKS: Final[tuple[Clock, ...]] = (Promises(), Postponed(), Timed(), React(), Unassigned(), Escalating())
"""Every kind of clock, in the order in which they are wound and strike; that of the promises is the first."""


def wind(state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> State:
    """Return the ticket with its clocks as they run from `now` (UTC seconds) on; `before` is how it stood, if it did.

    Where the desk uses no clock and nothing runs, that is the state itself. `timed_by` is then nothing, else the desk's
    version, so that `router/clocks/rewind.py` finds what was wound by another.
    """
    idle = not state.clocks and state.timed_by is None
    if state.sla_due_at is not None:
        state = state._replace(sla_due_at=None)  # whoever knows says it again
    kept, due, timed = dict[str, Any](), list[float](), False
    for clock in CLOCKS:
        wound = clock.wind(state, before, desk, rules, now)
        timed = timed or (wound is not None and wound.by_desk) or state.status in clock.statuses(desk, rules)
        if wound is None:
            continue
        kept[clock.word] = wound.kept
        if wound.due_at is not None:
            due.append(wound.due_at)
        if wound.sla_due_at is not None:
            state = state._replace(sla_due_at=wound.sla_due_at)
    if idle and not kept and not timed:
        return state
    return state._replace(clocks=kept, due_at=min(due, default=None), timed_by=desk.version if timed else None)


def timed_statuses(desk: Desk, rules: RuleSet) -> frozenset[str]:
    """Return in which statuses tickets may have a clock for what the desk file says."""
    return frozenset(status for clock in CLOCKS for status in clock.statuses(desk, rules))
