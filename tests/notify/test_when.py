"""When an agent is told: a table of what waits for what, and laws against a clock that goes minute by minute."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.calendar import WEEKDAYS, Calendar
from config.notices import DEFAULTS, Choices
from notify.when import APART_SECONDS, MOST_AN_HOUR, Later, Never, Now, Owed, Told, hour_began, next_time, when
from tests.notify.desk import NOW
from tickets.calendar import closes_at, is_open

ROME = "Europe/Rome"
REPLY = Owed(
    way="email",
    word="replied",
    whose="mine",
    asked=False,
    tried=False,
    bundle=None,
    seen=False,
    member=True,
    department="Billing",
    mine=True,
    has="Sona",
    status="open",
)
NEW = replace(REPLY, word="new", whose="unassigned", mine=False, has=None, status="new")
FULL = Told(this_hour=MOST_AN_HOUR["email"])
TWICE = Told(this_hour=2 * MOST_AN_HOUR["email"])


def chosen(**said: Any) -> Choices:
    return Choices.model_validate(said).over(DEFAULTS)


QUIET = chosen(quiet_hours={"mon-sun": ["12:00-13:00"]})  # NOW is a Wednesday, 12:06:40 in Rome
NIGHT = chosen(quiet_hours={"mon-sun": ["00:00-07:00"]}, digest={"email": "daily"}, digest_at="07:00")


def told(told: Now | Later | Never) -> str:
    return "now" if isinstance(told, Now) else told.why


@pytest.mark.parametrize(
    ("owed", "choices", "lately", "expected"),
    [
        # of one ticket
        (REPLY, DEFAULTS, Told(), "now"),
        (REPLY, DEFAULTS, Told(last=NOW - 1), "told at 12:08 together with what comes until then"),
        (REPLY, DEFAULTS, Told(last=NOW - APART_SECONDS), "now"),
        (REPLY, DEFAULTS, Told(trying=NOW + 1), "told at 12:08 together with what comes until then"),
        (REPLY, DEFAULTS, Told(trying=NOW + 600), "told at 12:16 together with what comes until then"),
        (replace(REPLY, word="assigned"), DEFAULTS, Told(last=NOW - 1), "now"),
        (replace(REPLY, word="sla_breached"), DEFAULTS, Told(last=NOW - 1), "now"),
        (replace(REPLY, asked=True), DEFAULTS, Told(last=NOW - 1), "now"),
        (replace(REPLY, word=None), DEFAULTS, Told(last=NOW - 1), "now"),
        (replace(REPLY, tried=True), DEFAULTS, Told(last=NOW - 1), "now"),
        # quiet hours
        (REPLY, QUIET, Told(), "quiet hours; told together at 2026-11-18 13:00"),
        (replace(REPLY, asked=True), QUIET, Told(), "quiet hours; told together at 2026-11-18 13:00"),
        (replace(REPLY, tried=True), QUIET, Told(), "quiet hours; told together at 2026-11-18 13:00"),
        (replace(REPLY, bundle="x"), QUIET, Told(), "quiet hours; told together at 2026-11-18 13:00"),
        (replace(REPLY, word="chat_missed"), QUIET, Told(), "now"),
        (REPLY, chosen(quiet_hours={"mon-tue": ["12:00-13:00"]}), Told(), "now"),
        (
            REPLY,
            chosen(quiet_hours={"mon-sun": ["00:00-24:00"]}),
            Told(),
            "not sent: your quiet hours never end, and this is not important",
        ),
        # digests
        (REPLY, chosen(digest={"email": "hourly"}), Told(), "in the digest at 2026-11-18 13:00"),
        (REPLY, chosen(digest={"email": "daily"}), Told(), "in the digest at 2026-11-19 08:00"),
        (REPLY, chosen(digest={"slack": "daily"}), Told(), "now"),
        (replace(REPLY, bundle="x"), chosen(digest={"email": "daily"}), Told(last=NOW - 1), "now"),
        (replace(REPLY, word="sla_breached"), chosen(digest={"email": "daily"}), Told(), "now"),
        (REPLY, NIGHT, Told(), "in the digest at 2026-11-19 07:00"),
        # too much in an hour
        (REPLY, DEFAULTS, FULL, "60 notices went by email this hour; told together at 2026-11-18 13:00"),
        (replace(REPLY, bundle="x"), DEFAULTS, FULL, "60 notices went by email this hour; told together at 2026-11-18 13:00"),
        (replace(REPLY, word="sla_breached"), DEFAULTS, FULL, "now"),
        (replace(REPLY, word="sla_breached"), DEFAULTS, TWICE, "120 notices went by email this hour; told together at 2026-11-18 13:00"),
        (replace(REPLY, way="slack"), DEFAULTS, FULL, "now"),
        # not at all
        (replace(REPLY, seen=True), DEFAULTS, Told(), "not sent: the agent has seen it meanwhile"),
        (replace(REPLY, member=False), DEFAULTS, Told(), "not sent: no longer a member of Billing"),
        (replace(NEW, has="Luca"), DEFAULTS, Told(), "not sent: Luca has the ticket meanwhile"),
        (replace(NEW, has="Sona", mine=True), DEFAULTS, Told(), "not sent: you have the ticket meanwhile"),
        (replace(NEW, status="spam"), DEFAULTS, Told(), "not sent: the ticket is spam meanwhile"),
        (replace(NEW, word="chat_ringing", has="Luca"), DEFAULTS, Told(), "not sent: Luca has the ticket meanwhile"),
        (replace(NEW, whose="others", has="Luca"), DEFAULTS, Told(), "now"),
        (replace(REPLY, word="assigned", mine=False, has=None), DEFAULTS, Told(), "not sent: nobody has the ticket meanwhile"),
        (replace(REPLY, mine=False, has="Luca"), DEFAULTS, Told(), "now"),
    ],
)  # fmt: skip
def test_what_waits_for_what(owed: Owed, choices: Choices, lately: Told, expected: str) -> None:
    found = when(owed, choices, ROME, lately, NOW)
    assert told(found) == expected
    assert isinstance(found, Never) == expected.startswith("not sent")


def test_a_repetition_that_waits_for_the_morning_stays_the_same_notice() -> None:
    found = when(replace(REPLY, tried=True, bundle="x"), QUIET, ROME, Told(), NOW)
    assert isinstance(found, Later)
    assert not found.bundle


_ZONES = st.sampled_from(["UTC", ROME, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"])
# Around changes of the clock in those zones, and a year's end.
_MOMENTS = st.sampled_from(
    [1_743_296_400, 1_761_440_400, 1_741_503_600, 1_762_063_200, 1_743_865_200, 1_757_214_000, 1_767_225_600]
).flatmap(lambda around: st.integers(around - 90_000, around + 90_000).map(float))
_SPANS = st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True).map(
    lambda quarters: [
        f"{begin // 4:02}:{begin % 4 * 15:02}-{end // 4:02}:{end % 4 * 15:02}"
        for begin, end in zip(sorted(quarters)[::2], sorted(quarters)[1::2], strict=False)
    ]
)
_QUIET = st.dictionaries(st.sampled_from(WEEKDAYS), _SPANS, min_size=1)


@given(_QUIET, _ZONES, _MOMENTS)
def test_quiet_hours_end_when_a_clock_that_goes_minute_by_minute_says_so(
    hours: dict[str, list[str]], zone: str, now: float
) -> None:
    calendar = Calendar.model_validate({"id": "quiet", "timezone": zone, "hours": hours})
    found = when(REPLY, chosen(quiet_hours=hours), zone, Told(), now)
    if not is_open(calendar, now):
        assert isinstance(found, Now)
        return
    minute = now - now % 60  # all these zones are whole minutes from UTC
    while is_open(calendar, minute):
        minute += 60
    assert isinstance(found, Later)
    assert found.at == minute == closes_at(calendar, now)
    assert isinstance(when(replace(REPLY, bundle="x"), chosen(quiet_hours=hours), zone, Told(), found.at), Now)


@given(_QUIET, _ZONES, _MOMENTS, st.sampled_from(["hourly", "daily"]))
def test_a_digest_never_comes_in_quiet_hours_and_then_it_does_come(
    hours: dict[str, list[str]], zone: str, now: float, digest: str
) -> None:
    choices = chosen(quiet_hours=hours, digest={"email": digest}, digest_at="02:30")
    calendar = Calendar.model_validate({"id": "quiet", "timezone": zone, "hours": hours})
    found = when(REPLY, choices, zone, Told(), now)
    assert isinstance(found, Later)
    assert now < found.at < now + 8 * 86_400
    assert not is_open(calendar, found.at)
    assert isinstance(when(replace(REPLY, bundle="x"), choices, zone, Told(), found.at), Now)


@given(_ZONES, _MOMENTS, st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_comes_once_each_day_also_when_the_clock_is_changed(
    zone: str, now: float, hour: int, minute: int
) -> None:
    wall = f"{hour:02}:{minute:02}"
    first = next_time(wall, now, zone)
    second = next_time(wall, first, zone)
    assert now < first <= now + 26 * 3_600
    days = [datetime.fromtimestamp(one, ZoneInfo(zone)).date() for one in (first, second)]
    assert (days[1] - days[0]).days == 1
    assert abs(second - first - 86_400) <= 3_600


@given(_ZONES, _MOMENTS)
def test_the_hour_of_the_clock_begins_at_its_full_minute(zone: str, now: float) -> None:
    began = hour_began(now, zone)
    there = datetime.fromtimestamp(began, ZoneInfo(zone))
    assert now - 3_600 < began <= now
    assert there.second == 0


def test_a_clock_that_was_put_back_holds_nobody_up() -> None:
    found = when(REPLY, DEFAULTS, ROME, Told(last=NOW + 86_400), NOW)
    assert isinstance(found, Later)
    assert found.at == NOW + APART_SECONDS
