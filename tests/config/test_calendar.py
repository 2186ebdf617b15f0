"""A calendar is refused with words that say how to write it."""

from datetime import date
from pathlib import Path

import pytest

from config.calendar import Span, public_holidays
from tests.config.desks import DESK, loaded, problems, said

CALENDARS = """\
calendars:
  - id: europe
    timezone: Europe/Bratislava
    hours:
      mon-thu: ["08:00-12:00", "13:00-17:00"]
      fri: ["08:00-12:00"]
    holidays: SK
    closed: [2026-12-31]
    exceptions:
      2026-12-23: ["08:00-10:00"]
"""
WITH = DESK.replace(
    "    agents: [sona]", "    agents: [sona]\n    calendar: europe\n    availability: {chat: europe, phone: never}"
)

NO_HOURS = 'not opening hours; write them as "08:00-12:00", and midnight at the end as "24:00"'
BROKEN = [
    ("fri: [", "friday: [", 'calendars.0.hours.friday: no weekday is called "friday"; did you mean "fri"?'),
    ("fri: [", "x: [", 'calendars.0.hours.x: no weekday is called "x"; known: mon, tue, wed, thu, fri, sat, sun, and ranges such as mon-fri'),
    ("mon-thu", "mon-fri", "calendars.0.hours: fri has hours twice; write all of a day's hours in one place"),
    ("mon-thu", "sat-mon", None),
    ('fri: ["08:00-12:00"]', 'fri: "08:00-12:00"', "calendars.0.hours.fri: must be a list; write it as [one, two]"),
    ("13:00-17:00", "11:00-17:00", "calendars.0.hours.mon-thu: these hours overlap; write each hour once"),
    ("13:00-17:00", "12:00-24:00", None),
    ("13:00-17:00", "13:00-24:01", f"calendars.0.hours.mon-thu.1: {NO_HOURS}"),
    ("13:00-17:00", "13-17", f"calendars.0.hours.mon-thu.1: {NO_HOURS}"),
    ("13:00-17:00", "22:00-06:00", 'calendars.0.hours.mon-thu.1: must end after it begins; over midnight write "22:00-24:00", and "00:00-06:00" on the next day'),
    ("2026-12-31", "2026-12-32", "calendars.0.closed.0: there is no day 2026-12-32"),
    ("2026-12-31", "31.12.2026", "calendars.0.closed.0: not a date; write it as 2026-12-24"),
    ("2026-12-31", "2026-12-23", "calendars.0.closed.0: this day stands in exceptions too; write it once"),
    ("2026-12-23:", "tomorrow:", "calendars.0.exceptions.tomorrow: not a date; write it as 2026-12-24"),
    ('["08:00-10:00"]', "[]", None),
    ("holidays: SK", "holidays: DE-BY", None),
    ("holidays: SK", "holidays: NO", None),
    ("holidays: SK", "holidays: slovakia", 'calendars.0.holidays: no holidays are known for "slovakia"; write a country as SK (ISO 3166), a part of one as DE-BY'),
    ("holidays: SK", "holidays: DE-XX", 'calendars.0.holidays: no holidays are known for "DE-XX"; write a country as SK (ISO 3166), a part of one as DE-BY'),
    ("Bratislava", "Presburg", "calendars.0.timezone: no time zone is called 'Europe/Presburg'; write it as Europe/Rome"),
    ("id: europe", "id: always", 'calendars.0.id: "always" is a word of its own; choose another id'),
    ("calendars:\n", "calendars:\n  - {id: europe, hours: {mon: []}}\n", 'calendars.1.id: the calendar id "europe" is already taken by calendars.0.id'),
    ("chat: europe", "chat: eurpe", 'departments.1.availability.chat: no calendar is called "eurpe"; did you mean "europe"?'),
    ("calendar: europe", "calendar: eurpe", 'departments.1.calendar: no calendar is called "eurpe"; did you mean "europe"?'),
    ("phone: never", "mail: never", 'departments.1.availability.mail: must be "chat", "phone" or "messaging"'),
    ("calendar: europe", "conversations: {bott: 2d}", 'departments.1.conversations.bott: no channel is called "bott"; did you mean "bot"?'),
    ("calendar: europe", "conversations: {bot: 2d}", None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), BROKEN, ids=[new.strip()[:40] for _, new, _ in BROKEN])
def test_a_mistake_in_a_calendar_is_told_with_what_to_write(
    tmp_path: Path, old: str, new: str, expected: str | None
) -> None:
    whole = WITH + CALENDARS
    assert old in whole
    found = [one.partition(" ")[2] for one in said(tmp_path, whole.replace(old, new, 1))]
    assert len(found) <= 3  # who refers to it may be told, too
    assert expected in found if expected else not found


def test_a_calendar_says_when_it_is_open_on_each_day(tmp_path: Path) -> None:
    found = loaded(tmp_path, WITH + CALENDARS)
    assert found.warnings == ()
    [calendar] = found.desk.calendars
    morning, afternoon = Span(480, 720), Span(780, 1020)
    assert calendar.spans(date(2026, 12, 21)) == (morning, afternoon)
    assert calendar.spans(date(2026, 12, 18)) == (morning,)
    assert calendar.spans(date(2026, 12, 19)) == ()
    assert calendar.spans(date(2026, 12, 23)) == (Span(480, 600),)
    assert calendar.spans(date(2026, 12, 24)) == ()  # a holiday there
    assert calendar.spans(date(2026, 12, 31)) == ()


def test_an_exception_is_stronger_than_a_holiday(tmp_path: Path) -> None:
    text = WITH + CALENDARS.replace("2026-12-23", "2026-12-25")
    [calendar] = loaded(tmp_path, text).desk.calendars
    assert calendar.spans(date(2026, 12, 25)) == (Span(480, 600),)
    assert calendar.spans(date(2027, 12, 25)) == ()


def test_a_range_of_weekdays_may_go_over_the_weeks_end(tmp_path: Path) -> None:
    [calendar] = loaded(tmp_path, WITH + CALENDARS.replace("mon-thu", "sat-mon")).desk.calendars
    assert [bool(spans) for spans in calendar.week] == [True, False, False, False, True, True, True]


def test_parts_of_a_country_have_holidays_of_their_own() -> None:
    assert date(2026, 11, 1) in public_holidays("DE-BY", 2026)
    assert date(2026, 11, 1) not in public_holidays("DE", 2026)


def test_a_calendar_without_hours_is_odd(tmp_path: Path) -> None:
    found = loaded(tmp_path, DESK + "calendars: [{id: europe}]\n")
    assert [one.message for one in found.warnings] == ["europe has no hours; it is never open"]
    assert problems(tmp_path, DESK + "calendars: [{id: europe}]\n") == ()
