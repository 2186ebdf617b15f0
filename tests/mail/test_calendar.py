"""Invitations are read out of whatever a calendar program sends, and never keep a mail from being read."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mail.calendar import invitation
from ingest.mail.read import parse_mail
from tests.mail.making import HEAD, multipart

CALENDAR = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Our own
BEGIN:STANDARD
TZOFFSETTO:+0130
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:u1@acme
SUMMARY;LANGUAGE=en:Lun
 ch\\, then coffee
LOCATION:Room 1
DTSTART%s
DTEND:20261102T130000Z
ORGANIZER;CN="Ann: boss":mailto:Ann@customer.example
BEGIN:VALARM
SUMMARY:not this
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:not this either
END:VEVENT
END:VCALENDAR
"""


def test_an_invitation_is_read_and_stays_a_file() -> None:
    calendar = (
        b"Content-Type: text/calendar; charset=utf-8; method=REQUEST\n\n" + (CALENDAR % ":20261102T120000Z").encode()
    )
    message = parse_mail(HEAD + multipart(b"\nplease come", calendar, kind="alternative"))
    found = message.invitation
    assert found is not None
    assert (found.method, found.uid, found.summary, found.location) == (
        "REQUEST",
        "u1@acme",
        "Lunch, then coffee",
        "Room 1",
    )
    assert found.organizer == "ann@customer.example"
    assert (found.begins, found.ends) == (datetime(2026, 11, 2, 12, tzinfo=UTC), datetime(2026, 11, 2, 13, tzinfo=UTC))
    assert message.text == "please come"
    assert [one.content_type for one in message.attachments] == ["text/calendar"]


@pytest.mark.parametrize(
    ("said", "hour"),
    [
        (";TZID=Europe/Bratislava:20261102T130000", 12),
        (";TZID=W. Europe Standard Time:20261102T130000", 12),
        (';TZID="/mozilla.org/20050126_1/Europe/Rome":20261102T130000', 12),
        (";TZID=Our own:20261102T133000", 12),
        (";VALUE=DATE:20261102", 0),
        (":20261102T120000", 12),
        (";TZID=Mars/Olympus:20261102T120000", None),
        (":soon", None),
        (":20261399T120000", None),
    ],
)
def test_times_are_read_in_their_zones(said: str, hour: int | None) -> None:
    found = invitation(CALENDAR % said)
    assert found is not None
    assert found.begins == (None if hour is None else datetime(2026, 11, 2, hour, tzinfo=UTC))


def test_a_duration_tells_the_end() -> None:
    found = invitation(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261102T120000Z\nDURATION:PT1H30M\nEND:VEVENT\n", "cancel"
    )
    assert found is not None
    assert (found.method, found.ends) == ("CANCEL", datetime(2026, 11, 2, 13, 30, tzinfo=UTC))


@given(
    st.lists(st.sampled_from([*CALENDAR.splitlines(), "DTSTART;TZID=x:", ";", ":", '"', " ", "DURATION:P9999W", "\0"]))
)
def test_any_lines_are_a_calendar_or_none(lines: list[str]) -> None:
    invitation("\n".join(lines))
