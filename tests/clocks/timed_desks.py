"""Desks whose rules wait."""

from tests.desks import HEAD

OFFICE = HEAD.replace(
    "departments:", "calendars: [{id: office, hours: {mon-fri: ['09:00-17:00']}}]\ndepartments:"
).replace("id: general,", "id: general, calendar: office,")


def waits(event: str, how: str, then: str = "{priority: high}", name: str = "Waits") -> str:
    """Return a rule that waits."""
    return f"  - {{name: {name}, on: [{{{event}: {how}}}], then: [{then}]}}\n"
