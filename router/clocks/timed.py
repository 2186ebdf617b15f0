"""Time events: rules wait until a ticket has been so for so long, each once as long as it stays so.

What the time is counted from is a stamp of the ticket: a new message or status is a new stamp, and everything begins anew.
What the clock keeps is, for each event, the stamp and the keys of the timers that have struck since:
`{"time.older_than": [1800000000.0, ["q2vX0p1b"]]}`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.calendar import ALWAYS
from config.desk import Desk
from router.clocks.clock import Struck, Wound
from router.event import Change
from router.rules import RuleSet
from router.state import State
from router.timers import BEFORE, Timer, Timers
from tickets.calendar import add, back

MOST_NAMED: Final = 20
"""So many rules stand in a line of the history by their names; all of them stand in the trace."""
_GOING: Final = ("new", "open", "answered", "postponed")


def _answered(ticket: State) -> float | None:
    """Return since when the customer is waited for."""
    if ticket.waiting_since is not None or ticket.answered_at is None or ticket.answered_at < (ticket.heard_at or 0.0):
        return None
    return ticket.answered_at


STAMPS: Final[Mapping[str, Callable[[State], float | None]]] = {
    "time.older_than": lambda ticket: ticket.created_at,
    "time.status_older_than": lambda ticket: ticket.status_since,
    "time.unassigned_longer_than": lambda ticket: ticket.agent_since if ticket.agent is None else None,
    "time.waiting_for_agent": lambda ticket: ticket.waiting_since,
    "time.waiting_for_customer": _answered,
    "time.due_in_less_than": lambda ticket: ticket.sla_due_at,
    "time.overdue_more_than": lambda ticket: ticket.sla_due_at,
}
"""What the time of each event is counted from (UTC seconds); nothing while it is not so."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Strikes for the rules that wait for a time event."""

    word: Final = "time"

    def statuses(self, desk: Desk, rules: RuleSet) -> tuple[str, ...]:
        """Return the statuses that some rule waits in."""
        del desk
        named = {
            status for timers in rules.timed for status in (_GOING if timers.statuses is None else timers.statuses)
        }
        return tuple(named)

    def wind(self, state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> Wound | None:
        """Return what has struck since each stamp as it is now, and when the next timer is due.

        What has struck in a ticket that is over only stays there; a desk file winds those that `statuses` names.
        """
        del before, now
        if not rules.timed and self.word not in state.clocks:
            return None
        kept, due = _kept(state), list[float]()
        for timers, stamp in _running(state, rules):
            struck = _struck(kept, timers.event)
            following = next((timer for timer in timers.each if timer.key not in struck), None)
            at = None if following is None else _due(timers, following, stamp, state, desk)
            if at is not None:
                due.append(at)
        return Wound(kept, min(due, default=None), by_desk=False) if kept or due else None

    def strike(self, state: State, desk: Desk, rules: RuleSet, now: float) -> Struck | None:
        """Return the time events that are due, for the rules whose time has come."""
        kept, lines, asked = _kept(state), dict[str, Change](), set[str]()
        for timers, stamp in _running(state, rules):
            struck = _struck(kept, timers.event)
            over = list(_over(timers, struck, stamp, state, desk, now))
            if not over:
                continue
            asked.update(timer.rule for timer in over)
            known = kept.get(timers.event, [stamp, []])[1]
            kept[timers.event] = [stamp, [*known, *(timer.key for timer in over)]]
            line = lines.setdefault(timers.event, Change(timers.event, "clock", {"since": stamp, "rules": []}))
            line.data["rules"] = [*line.data["rules"], *(timer.rule for timer in over)][:MOST_NAMED]
        if not lines:
            return None
        ticket = state._replace(clocks={**state.clocks, self.word: kept})
        return Struck(list(lines.values()), ticket, frozenset(asked))


def _kept(state: State) -> dict[str, list[Any]]:
    """Return what has struck since the stamps that still are the ticket's."""
    said: Mapping[str, list[Any]] = state.clocks.get("time", {})
    return {event: kept for event, kept in said.items() if event in STAMPS and STAMPS[event](state) == kept[0]}


def _struck(kept: Mapping[str, list[Any]], event: str) -> frozenset[str]:
    return frozenset(kept[event][1]) if event in kept else frozenset()


def _running(state: State, rules: RuleSet) -> Iterator[tuple[Timers, float]]:
    """Yield the timers that run in the ticket as it is, and what their time is counted from."""
    for timers in rules.timed:
        if timers.run(state.status) and (stamp := STAMPS[timers.event](state)) is not None:
            yield timers, stamp


def _over(
    timers: Timers, struck: frozenset[str], stamp: float, state: State, desk: Desk, now: float
) -> Iterator[Timer]:
    """Yield the timers whose time has come and that have not struck."""
    for timer in timers.each:
        if timer.key in struck:
            continue
        at = _due(timers, timer, stamp, state, desk)
        if at is None or at > now:
            return
        yield timer


def _due(timers: Timers, timer: Timer, stamp: float, state: State, desk: Desk) -> float | None:
    """Return when a timer strikes (UTC seconds), by the department's hours where only those count; nothing means never."""
    early = timers.event == BEFORE
    department = desk.departments_by_id.get(state.department)
    hours = department.calendar if timers.open_hours and department else None
    if hours is None or hours == ALWAYS:
        return stamp - timer.than if early else stamp + timer.than
    calendar = desk.calendars_by_id.get(hours)
    if calendar is None:  # `never`
        return None
    return (back if early else add)(calendar, stamp, timer.than)
