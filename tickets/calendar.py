"""Business hours: whether a calendar is open at a moment, when it opens next, and when so much open time has passed.

Hours are those of the clock on the wall. Where it is put back, an hour comes twice and both are open if it is; where it is
put forward, the hours it leaves out do not exist.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

from config.calendar import Calendar

MOST_YEARS = 20
"""So far ahead somebody waits for open time to pass; later is never."""
LONGEST_YEARS = 3
"""In this year and the next two somebody looks for an open door."""
DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()


def is_open(calendar: Calendar, at: float) -> bool:
    """Tell whether a calendar is open at a moment (UTC seconds)."""
    there = datetime.fromtimestamp(at, ZoneInfo(calendar.timezone))
    minute = there.hour * 60 + there.minute
    return any(span.begins <= minute < span.ends for span in calendar.spans(there.date()))


def opens_at(calendar: Calendar, at: float) -> float | None:
    """Return the first moment from `at` on (UTC seconds) at which a calendar is open; nothing when it is not for two years."""
    first = _year_of(at)
    for year in range(first, first + LONGEST_YEARS):
        hours = _hours(calendar, year)
        index = bisect_right(hours.ends, at)
        if index < len(hours.ends):
            return max(at, hours.begins[index])
    return None


def closes_at(calendar: Calendar, at: float) -> float | None:
    """Return the first moment from `at` on (UTC seconds) at which a calendar is not open; nothing when it is for two years."""
    first = _year_of(at)
    for year in range(first, first + LONGEST_YEARS):
        hours = _hours(calendar, year)
        index = bisect_right(hours.begins, at) - 1
        if index < 0 or hours.ends[index] <= at:
            return at
        at = hours.ends[index]
    return None


def add(calendar: Calendar, start: float, seconds: float) -> float | None:
    """Return the first moment (UTC seconds) at which a calendar was open for so many seconds since `start`.

    It lies inside the hours, or is the moment they end. Nothing when it takes more than twenty years.
    """
    if seconds <= 0:
        return start
    first = _year_of(start)
    wanted = seconds + _hours(calendar, first).until(start)
    for year in range(first, first + MOST_YEARS):
        hours = _hours(calendar, year)
        index = bisect_left(hours.passed, wanted)
        if index < len(hours.passed):
            return hours.ends[index] - (hours.passed[index] - wanted)
        wanted -= hours.total
    return None


def back(calendar: Calendar, end: float, seconds: float) -> float | None:
    """Return a moment (UTC seconds) from which a calendar is open for so many seconds until `end`.

    It lies inside the hours. Nothing when they were not so many within twenty years.
    """
    if seconds <= 0:
        return end
    last = _year_of(end)
    wanted = _hours(calendar, last).until(end) - seconds
    for year in range(last, last - MOST_YEARS, -1):
        hours = _hours(calendar, year)
        if wanted >= 0 and hours.passed:
            index = bisect_left(hours.passed, wanted)
            return hours.ends[index] - (hours.passed[index] - wanted)
        wanted += _hours(calendar, year - 1).total
    return None


def open_seconds(calendar: Calendar, begin: float, end: float) -> float:
    """Return for how many seconds a calendar is open between two moments (UTC seconds); none when the second is earlier."""
    if end <= begin:
        return 0.0
    first, last = _year_of(begin), _year_of(end)
    whole = sum(_hours(calendar, year).total for year in range(first, last))
    return whole + _hours(calendar, last).until(end) - _hours(calendar, first).until(begin)


@dataclass(frozen=True, slots=True)
class _Hours:
    """When a calendar is open in a year of UTC: when each stretch begins and ends, and how much has passed by its end."""

    begins: list[float]
    ends: list[float]
    passed: list[float]

    @property
    def total(self) -> float:
        return self.passed[-1] if self.passed else 0.0

    def until(self, at: float) -> float:
        """Return for how many seconds of the year it was open before a moment."""
        index = bisect_right(self.begins, at) - 1
        return self.passed[index] - max(self.ends[index] - at, 0.0) if index >= 0 else 0.0


def _year_of(at: float) -> int:
    return datetime.fromtimestamp(at, UTC).year


def _hours(calendar: Calendar, year: int) -> _Hours:
    """Return the hours of a year, worked out once for a calendar: that costs about a millisecond."""
    found: _Hours | None = calendar.worked_out.get(year)
    if found is None:
        begins, ends = list[float](), list[float]()
        for begin, end in _stretches(calendar, year):
            if ends and ends[-1] == begin:
                ends[-1] = end
            else:
                begins.append(begin)
                ends.append(end)
        passed = list(accumulate(end - begin for begin, end in zip(begins, ends, strict=True)))
        found = calendar.worked_out[year] = _Hours(begins, ends, passed)
    return found


def _stretches(calendar: Calendar, year: int) -> Iterator[tuple[float, float]]:
    """Yield when a calendar is open in a year, in order: between two changes of the clock the wall is so far from UTC."""
    for first, last, offset in _offsets(ZoneInfo(calendar.timezone), year):
        for day in range((first + offset) // DAY, (last + offset - 1) // DAY + 1):
            midnight = day * DAY - offset
            for span in calendar.spans(date.fromordinal(_EPOCH + day)):
                begin, end = max(midnight + span.begins * 60, first), min(midnight + span.ends * 60, last)
                if begin < end:
                    yield float(begin), float(end)


def _offsets(zone: ZoneInfo, year: int) -> Iterator[tuple[int, int, int]]:
    """Yield from when to when in a year the clock of a zone is so many seconds ahead of UTC.

    It is looked at once a day: no zone has changed it twice within six days since 1970.
    """
    start, stop = (int(datetime(one, 1, 1, tzinfo=UTC).timestamp()) for one in (year, year + 1))
    offset = _offset(start, zone)
    for day in range(start, stop, DAY):
        if (then := _offset(day + DAY, zone)) != offset:
            change = _change(day, day + DAY, zone)
            if start < change < stop:
                yield start, change, offset
                start, offset = change, then
    yield start, stop, offset


def _change(before: int, after: int, zone: ZoneInfo) -> int:
    """Return the second at which the clock is changed between two moments."""
    offset, low, high = _offset(before, zone), before, after
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high


def _offset(at: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds())
