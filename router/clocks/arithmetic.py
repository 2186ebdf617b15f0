"""Why a promise is due when it is: the open time that counted, day by day, and what did not."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from config.calendar import Calendar
from config.desk import Desk
from router.clocks.promise import Kept, Pause, Promise, kept_of, stretches
from router.state import OVER, WORKING, State
from tickets.calendar import open_seconds, opens_at
from tickets.look import moment


def arithmetic(state: State, desk: Desk, now: float) -> dict[str, Any]:
    """Return for JSON what a ticket is promised, by what level and why, and of each target how it was counted until `now`.

    Times are ISO 8601 in UTC, time spans seconds; `days` are those of the calendar on which time counted, by its clock on
    the wall. `level` is nothing where nothing is promised; then `because` says why.
    """
    said = state.clocks.get("sla")
    kept = kept_of(said) if said else None
    return {
        "number": state.number,
        "status": state.status,
        "priority": state.priority,
        "due_at": moment(state.sla_due_at),
        "level": kept.level if kept else None,
        "because": _because(kept, desk),
        "desk_version": state.timed_by,
        "targets": [_target(name, one, kept, state, desk, now) for name, one in kept.targets.items()] if kept else [],
    }


def _because(kept: Kept | None, desk: Desk) -> str:
    if kept is not None and kept.because is not None:
        return kept.because
    if not desk.slas:
        return "the desk file has no slas"
    if kept is None:
        return "its clocks were not wound since the desk file has slas; the running desk does that"
    return "neither the ticket nor its contact's group nor its department has a level"


def _target(name: str, one: Promise, kept: Kept, state: State, desk: Desk, now: float) -> dict[str, Any]:
    calendar = desk.hours.get(one.calendar)
    end = min(at for at in (one.met, one.dropped, now) if at is not None)
    pauses = kept.pauses if name == "resolution" else ()
    days = _days(calendar, one.counted, end, pauses) if calendar else []
    spent = sum(day["seconds"] for day in days)
    return {
        "target": name,
        "state": _state(name, one, state, now),
        "level": one.level,
        "calendar": one.calendar,
        "timezone": calendar.timezone if calendar else None,
        "promised": one.seconds,
        "began_at": moment(one.began),
        "counted_since": moment(one.counted),
        "days": days,
        "spent": spent,
        "left": max(one.seconds - spent, 0.0),
        "pauses": [
            {"from": moment(begin), "to": moment(until), "open_seconds": _open(calendar, begin, until or end)}
            for begin, until in pauses
            if begin < end and (until or end) > one.counted
        ],
        "due_at": moment(one.due),
        "warns_at": moment(one.warn),
        "warned_at": moment(one.warned),
        "breached_at": moment(one.breached),
        "ended_at": moment(one.met or one.dropped),
    }


def _state(name: str, one: Promise, state: State, now: float) -> str:
    """Return how a promise stands: one word for programs, which people understand."""
    if one.off:
        return "off"
    if one.dropped is not None:
        return "dropped"
    if one.met is not None:
        return "late" if one.broken(now) else "kept"
    if one.broken(now):
        return "broken"
    if name == "resolution" and state.status not in WORKING | OVER:
        return "paused"
    return "never" if one.due is None else "runs"


def _open(calendar: Calendar | None, begin: float, end: float) -> float | None:
    return None if calendar is None else open_seconds(calendar, begin, end)


def _days(calendar: Calendar, begin: float, end: float, pauses: Sequence[Pause]) -> list[dict[str, Any]]:
    """Return each day on which time counted, and how much."""
    zone, days = ZoneInfo(calendar.timezone), dict[str, float]()
    for start, stop in stretches(begin, end, pauses):
        at = start
        while (opened := opens_at(calendar, at)) is not None and opened < stop:
            day = datetime.fromtimestamp(opened, zone).date()
            at = min(_after(day, zone), stop)
            days[str(day)] = days.get(str(day), 0.0) + open_seconds(calendar, opened, at)
    return [{"date": day, "seconds": seconds} for day, seconds in days.items()]


def _after(day: date, zone: ZoneInfo) -> float:
    """Return when a day of a zone is over, the last time it is, whatever its clock is changed by."""
    midnight = datetime.combine(day + timedelta(days=1), time(), zone)
    return max(midnight.replace(fold=fold).timestamp() for fold in (0, 1))
