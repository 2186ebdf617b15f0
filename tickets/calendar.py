"""Business hours: whether a calendar is open at a moment, and when it opens next.

Hours are those of the clock on the wall. Where it is put back, an hour comes twice and both are open if it is; where it is
put forward, the hours it leaves out do not exist.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.calendar import Calendar

LONGEST_DAYS = 731
"""So far ahead somebody looks for an open door."""


def is_open(calendar: Calendar, at: float) -> bool:
    """Tell whether a calendar is open at a moment (UTC seconds)."""
    there = datetime.fromtimestamp(at, ZoneInfo(calendar.timezone))
    minute = there.hour * 60 + there.minute
    return any(span.begins <= minute < span.ends for span in calendar.spans(there.date()))


def opens_at(calendar: Calendar, at: float) -> float | None:
    """Return the first moment from `at` on (UTC seconds) at which a calendar is open; nothing when it is not for two years."""
    if is_open(calendar, at):
        return at
    zone = ZoneInfo(calendar.timezone)
    today = datetime.fromtimestamp(at, zone).date()
    for ahead in range(LONGEST_DAYS):
        day = today + timedelta(days=ahead)
        if calendar.spans(day):
            found = [one for one in _edges(calendar, day, zone) if one > at and is_open(calendar, one)]
            if found:
                return min(found)
    return None


def _edges(calendar: Calendar, day: date, zone: ZoneInfo) -> list[float]:
    """Return the moments at which it may open on a date: where its hours begin, and where the clock is changed."""
    midnight = datetime.combine(day, time(), zone)
    begins = [midnight + timedelta(minutes=span.begins) for span in calendar.spans(day)]
    first, last = midnight.timestamp(), (midnight + timedelta(days=1)).replace(fold=1).timestamp()
    edges = [first, *(one.replace(fold=fold).timestamp() for one in begins for fold in (0, 1))]
    if _offset(first, zone) != _offset(last, zone):
        edges.append(_change(first, last, zone))
    return [one for one in edges if datetime.fromtimestamp(one, zone).date() == day]


def _change(before: float, after: float, zone: ZoneInfo) -> float:
    """Return the second at which the clock is changed between two moments."""
    offset, low, high = _offset(before, zone), int(before), int(after)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return float(high)


def _offset(at: float, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
