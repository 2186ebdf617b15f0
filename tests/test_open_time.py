"""Open time that passes agrees with somebody who counts the minutes at which the sign on the door says open."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.calendar import Calendar
from tests.test_calendar import looks, looks_open
from tickets.calendar import add, is_open, open_seconds, opens_at

MINUTES = 2 * 1440
BRATISLAVA = {"id": "sk", "timezone": "Europe/Bratislava"}
OFFICE = Calendar.model_validate({**BRATISLAVA, "hours": {"mon-fri": ["08:00-12:00", "13:00-17:00"]}, "holidays": "SK"})


def there(text: str, zone: str = "Europe/Bratislava") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@settings(max_examples=200)
@given(looks(), st.integers(0, MINUTES), st.integers(0, 59), st.integers(1, 60_000))
def test_open_time_agrees_with_a_clock_looked_at_every_minute(
    look: tuple[Calendar, float], later: int, second: int, wanted: int
) -> None:
    calendar, minute = look
    begin = minute + second
    opened = [looks_open(calendar, minute + ahead * 60) for ahead in range(MINUTES)]
    counted = sum(60 for one in opened[:later] if one) - (second if opened[0] else 0)
    assert open_seconds(calendar, begin, minute + later * 60) == (counted if later else 0)
    left, expected = wanted + (second if opened[0] else 0), None
    for ahead, one in enumerate(opened):
        if one and left <= 60:
            expected = minute + ahead * 60 + left
            break
        left -= 60 if one else 0
    found = add(calendar, begin, wanted)
    if expected is None:
        assert found is None or found > minute + MINUTES * 60
    else:
        assert found == expected


@settings(max_examples=200)
@given(looks(), st.lists(st.integers(0, 400 * 86_400), min_size=3, max_size=3).map(sorted), st.integers(1, 10**6))
def test_open_time_adds_up_and_adding_it_leads_back(look: tuple[Calendar, float], after: list[int], more: int) -> None:
    calendar, at = look
    one, two, three = (at + seconds for seconds in after)
    assert open_seconds(calendar, one, two) + open_seconds(calendar, two, three) == open_seconds(calendar, one, three)
    assert 0 <= open_seconds(calendar, one, two) <= two - one
    due = add(calendar, one, more)
    if due is not None:
        assert open_seconds(calendar, one, due) == more
        assert open_seconds(calendar, one, due - 1) == more - 1  # it is the first such moment
        assert is_open(calendar, due - 1)
        assert (add(calendar, due, 1) or 0) > due
        assert (add(calendar, two, more) or due) >= due  # who comes later is never earlier
        assert add(calendar, one, more + 1) == add(calendar, due, 1)
    spent = open_seconds(calendar, one, three)
    assert spent == 0 or (add(calendar, one, spent) or 0) <= three


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-11-27 16:55", 0.5, "2026-11-30 08:25"),  # over the week's end
        ("2026-11-27 09:00", 4, "2026-11-27 14:00"),  # over noon
        ("2026-11-27 16:00", 1, "2026-11-27 17:00"),  # the moment it closes, and not the next morning
        ("2026-12-23 16:00", 2, "2026-12-28 09:00"),  # over Christmas
        ("2026-10-23 16:00", 9, "2026-10-26 17:00"),  # the clock is put back in the night to Sunday
        ("2026-12-31 16:00", 1.5, "2027-01-04 08:30"),  # over the year's end
    ],
)
def test_so_many_hours_later_by_the_office_clock(begin: str, hours: float, end: str) -> None:
    assert add(OFFICE, there(begin), hours * 3600) == there(end)


def test_around_the_clock_an_hour_is_an_hour_where_the_clock_is_changed() -> None:
    night = Calendar.model_validate({**BRATISLAVA, "hours": {"mon-sun": ["00:00-06:00", "22:00-24:00"]}})
    assert open_seconds(night, there("2026-10-24 22:00"), there("2026-10-25 06:00")) == 9 * 3600
    assert open_seconds(night, there("2026-03-28 22:00"), there("2026-03-29 06:00")) == 7 * 3600
    samoa = Calendar.model_validate({"id": "ws", "timezone": "Pacific/Apia", "hours": {"mon-sun": ["09:00-10:00"]}})
    days = there("2011-12-29 00:00", "Pacific/Apia"), there("2012-01-01 00:00", "Pacific/Apia")
    assert open_seconds(samoa, *days) == 2 * 3600  # there was no 30 December


def test_what_never_opens_is_never_due() -> None:
    past = Calendar.model_validate({"id": "past", "exceptions": {"2025-01-01": ["08:00-09:00"]}})
    assert add(past, 1.8e9, 1) is None
    assert add(past, 1.8e9, 0) == 1.8e9
    assert open_seconds(past, 0.0, 1.8e9) == 3600


def test_many_years_are_counted_as_they_are() -> None:
    begin, end = (datetime(year, 6, 1, tzinfo=UTC).timestamp() for year in (1970, 2070))
    always = Calendar.model_validate({"id": "all", "hours": {"mon-sun": ["00:00-24:00"]}})
    assert open_seconds(always, begin, end) == end - begin
    assert add(always, begin, 10 * 365 * 86_400) == begin + 10 * 365 * 86_400
    assert opens_at(always, begin) == begin
