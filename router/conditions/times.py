"""Conditions about time: how long something is so, what was promised, and what the clock on the wall says."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from config.calendar import ALWAYS, WEEKDAYS
from config.desk import Desk
from router.conditions.condition import Of, View, condition
from router.conditions.kinds import AGE, CHOICE, LEFT, NAME, TIME
from router.event import Values
from router.level import level_of
from tickets.availability import way_in, within_hours

Ages = tuple[float, ...]


def _age(view: View, since: float | None) -> Ages:
    """Return how many seconds ago something was, if it was."""
    return () if since is None else (max(view.event.at - since, 0.0),)


@condition(AGE)
def created(view: View) -> Ages:
    """When the ticket was made."""
    return _age(view, view.event.ticket.created_at)


@condition(AGE, fresh=True)
def status_since(view: View) -> Ages:
    """Since when it has its status."""
    event = view.event
    return _age(view, event.at if "status" in event.changed else event.ticket.status_since)


@condition(AGE, fresh=True)
def agent_since(view: View) -> Ages:
    """Since when this agent has it, or nobody."""
    event = view.event
    return _age(view, event.at if "agent" in event.changed else event.ticket.agent_since)


@condition(AGE)
def waiting_since(view: View) -> Ages:
    """When the customer's oldest message came that nobody has answered."""
    return _age(view, view.event.ticket.waiting_since)


@condition(AGE)
def heard(view: View) -> Ages:
    """When the customer wrote last."""
    return _age(view, view.event.ticket.heard_at)


@condition(AGE)
def answered(view: View) -> Ages:
    """When a person answered last."""
    event = view.event
    return _age(view, event.at if "ticket.answered" in event.names else event.ticket.answered_at)


@condition(NAME, lambda desk: tuple(desk.slas_by_id), fresh=True)
def sla(view: View) -> str:
    """SLA level of the ticket: its own, else its contact group's, else its department's."""
    level = level_of(view.event.ticket, view.desk)
    return level[0].id if level else ""


@condition(LEFT)
def sla_left(view: View) -> Ages:
    """How long it is until the nearest promise is broken, as it stood before this event; less than nothing when it is."""
    due = view.event.ticket.sla_due_at
    return () if due is None else (due - view.event.at,)


def _calendars(desk: Desk) -> Values:
    return tuple(desk.hours)


def _calendar(view: View) -> str:
    """Return the id of the calendar that is meant: the one named, else the department's for the way the ticket came."""
    found = view.desk.departments_by_id.get(view.event.ticket.department)
    if view.of or found is None:
        return view.of or ALWAYS
    way = way_in(view.desk, view.event.channel)
    return (None if way == "mail" else found.availability.get(way)) or found.calendar or ALWAYS


def _wall(view: View) -> datetime:
    return datetime.fromtimestamp(view.event.at, UTC).astimezone(ZoneInfo(view.desk.hours[_calendar(view)].timezone))


@condition(CHOICE, lambda _desk: ("open", "closed"), Of("calendar", _calendars), fresh=True)
def calendar(view: View) -> str:
    """Whether the department's calendar, or another one, is open now: open, closed."""
    return "open" if within_hours(view.desk, _calendar(view), view.event.at) else "closed"


@condition(CHOICE, lambda _desk: WEEKDAYS, Of("calendar", _calendars), fresh=True)
def weekday(view: View) -> str:
    """Day of the week in the time zone of that calendar: mon, tue …."""
    return WEEKDAYS[_wall(view).weekday()]


@condition(TIME, None, Of("calendar", _calendars), fresh=True)
def time(view: View) -> float:
    """Time of day in the time zone of that calendar."""
    wall = _wall(view)
    return wall.hour * 60 + wall.minute
