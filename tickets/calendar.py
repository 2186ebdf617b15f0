"""Business hours: whether a calendar is open at a moment."""

from config.desk import Calendar


def is_open(calendar: Calendar, at: float) -> bool:
    """Tell whether a calendar is open at a moment (UTC seconds)."""
    raise NotImplementedError(calendar.id, at)
