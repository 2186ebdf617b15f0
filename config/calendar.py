"""A calendar: the hours of a week in a time zone, and the days that differ from it."""

import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from config.model import Model, Name
from config.problems import nearest, shown

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS, NEVER = "always", "never"
"""What stands where a calendar's id may, for being always or never open; no calendar may be called so."""


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is called {value!r}; write it as Europe/Rome") from error
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]


class Span(NamedTuple):
    """Opening hours of one day, in minutes since midnight on the clock on the wall; open until just before `ends`."""

    begins: int
    ends: int


def _span(value: object) -> Span:
    form = r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])"
    found = re.fullmatch(form, value) if isinstance(value, str) else None
    if found is None or (found[3] == "24" and found[4] != "00"):
        raise ValueError('not opening hours; write them as "08:00-12:00", and midnight at the end as "24:00"')
    span = Span(int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4]))
    if span.begins >= span.ends:
        raise ValueError(
            'must end after it begins; over midnight write "22:00-24:00", and "00:00-06:00" on the next day'
        )
    return span


def _in_order(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    ordered = tuple(sorted(spans))
    if any(one.ends > other.begins for one, other in pairwise(ordered)):
        raise ValueError("these hours overlap; write each hour once")
    return ordered


Spans = Annotated[tuple[Annotated[Span, BeforeValidator(_span)], ...], AfterValidator(_in_order)]


def _days(value: str) -> str:
    for word in value.split("-", 1):
        if word not in WEEKDAYS:
            near = nearest(word[:3], WEEKDAYS)
            hint = (
                f'; did you mean "{near}"?' if near else f"; known: {', '.join(WEEKDAYS)}, and ranges such as mon-fri"
            )
            raise ValueError(f'no weekday is called "{shown(word)}"{hint}')
    return value


def _date(value: object) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"there is no day {value}") from None
    raise ValueError("not a date; write it as 2026-12-24")


def _weekdays(days: str) -> list[int]:
    """Return the numbers of the weekdays in a range, which may go over the week's end."""
    first, _, last = days.partition("-")
    begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return [day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)]


def _each_day_once(hours: Mapping[str, tuple[Span, ...]]) -> Mapping[str, tuple[Span, ...]]:
    named = [day for days in hours for day in _weekdays(days)]
    if twice := next((WEEKDAYS[day] for day in named if named.count(day) > 1), None):
        raise ValueError(f"{twice} has hours twice; write all of a day's hours in one place")
    return hours


Days = Annotated[str, AfterValidator(_days)]
Day = Annotated[date, BeforeValidator(_date)]


@lru_cache(maxsize=512)
def public_holidays(where: str, year: int) -> frozenset[date]:
    """Return the public holidays of a country (SK) or a part of one (DE-BY) in a year; raises `ValueError` for an unknown one."""
    import holidays  # it costs as much as a whole command, and few desks ask for it

    country, _, part = where.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year, expand=False))
    except NotImplementedError:
        raise ValueError(
            f'no holidays are known for "{shown(where)}"; write a country as SK (ISO 3166), a part of one as DE-BY'
        ) from None


def _known_country(value: str) -> str:
    public_holidays(value, 2026)
    return value


class Calendar(Model):
    """`calendars:` when somebody is there, by the clock on the wall of a time zone.

    `hours` are spans by weekday (mon) or range of them (mon-fri); a day without any is closed. A date in `exceptions` has
    those spans instead, none meaning closed; else a date in `closed` or one of the public `holidays` is closed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    id: Name
    timezone: TimeZone = "UTC"
    hours: Annotated[Mapping[Days, Spans], AfterValidator(_each_day_once)] = {}
    closed: tuple[Day, ...] = ()
    exceptions: Mapping[Day, Spans] = {}
    holidays: Annotated[str, AfterValidator(_known_country)] | None = Field(
        default=None, description="the country whose public holidays are closed (SK), or a part of it (DE-BY)"
    )

    @cached_property
    def week(self) -> tuple[tuple[Span, ...], ...]:
        """The spans of each weekday, from Monday on."""
        said = {day: spans for days, spans in self.hours.items() for day in _weekdays(days)}
        return tuple(said.get(day, ()) for day in range(7))

    @cached_property
    def worked_out(self) -> dict[int, Any]:
        """What was worked out of it for a year, kept with it (tickets/calendar.py)."""
        return {}

    def spans(self, day: date) -> tuple[Span, ...]:
        """Return when it is open on a date, in order."""
        if day in self.exceptions:
            return self.exceptions[day]
        off = day in self.closed or (self.holidays is not None and day in public_holidays(self.holidays, day.year))
        return () if off else self.week[day.weekday()]
