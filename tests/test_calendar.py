"""Business hours agree with somebody who looks at the clock on the wall every minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.calendar import WEEKDAYS, Calendar
from config.desk import Desk
from tests.router_rules.desks import desk
from tickets.availability import Availability
from tickets.calendar import is_open, opens_at

# Where and when a clock is changed: at one, two or three, at midnight, by half an hour, and by a whole day.
CHANGES = [
    ("Europe/Bratislava", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Bratislava", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 10, 24, 21, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 11, 22, 12, tzinfo=UTC)),  # not at all
]


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def spans(around: int) -> st.SearchStrategy[list[str]]:
    """Draw the hours of a day; most of them begin or end around a minute of it."""
    near = st.integers(-6, 6).map(lambda steps: min(max(around // 10 * 10 + steps * 10, 0), 1440))
    edges = st.sets(near | st.integers(0, 24).map(lambda hour: hour * 60), max_size=4).map(sorted)
    return edges.map(lambda drawn: [f"{clock(a)}-{clock(b)}" for a, b in zip(drawn[::2], drawn[1::2], strict=False)])


@st.composite
def looks(draw: st.DrawFn) -> tuple[Calendar, float]:
    """Draw a calendar and a moment near one at which its clock is changed."""
    zone, change = draw(st.sampled_from(CHANGES))
    there = change.astimezone(ZoneInfo(zone))
    hours = spans(there.hour * 60 + there.minute)
    days = [str(there.date() + timedelta(days=ahead)) for ahead in (-1, 0, 1)]
    exceptions = draw(st.dictionaries(st.sampled_from(days), hours, max_size=2))
    calendar = {
        "id": "any",
        "timezone": zone,
        "hours": draw(
            hours.map(lambda one: dict.fromkeys(WEEKDAYS, one)) | st.dictionaries(st.sampled_from(WEEKDAYS), hours)
        ),
        "exceptions": exceptions,
        "closed": sorted(draw(st.sets(st.sampled_from(days), max_size=1)) - set(exceptions)),
    }
    return Calendar.model_validate(calendar), change.timestamp() + draw(
        st.integers(-120, 120) | st.integers(-1440, 1440)
    ) * 60


def looks_open(calendar: Calendar, at: float) -> bool:
    """Look at the wall: what date and time is it there, and what does the sign on the door say."""
    there = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(calendar.timezone))
    day, now = there.date(), there.strftime("%H:%M")
    sign = calendar.hours.get(WEEKDAYS[day.weekday()], ())
    if day in calendar.closed:
        sign = ()
    if day in calendar.exceptions:
        sign = calendar.exceptions[day]
    return any(clock(begin) <= now < clock(end) for begin, end in sign)


@settings(max_examples=300, deadline=None)
@given(looks(), st.floats(0, 59.999))
def test_business_hours_agree_with_a_clock_looked_at_every_minute(look: tuple[Calendar, float], seconds: float) -> None:
    calendar, minute = look
    at = minute + seconds
    assert is_open(calendar, at) == looks_open(calendar, at)
    ahead = (minute + later * 60 for later in range(1, 1440 + 1))
    first = at if looks_open(calendar, at) else next((one for one in ahead if looks_open(calendar, one)), None)
    found = opens_at(calendar, at)
    if first is None:
        assert found is None or found > minute + 1440 * 60
    else:
        assert found == first


def test_what_is_never_open_never_opens() -> None:
    assert opens_at(Calendar(id="none"), 0.0) is None
    assert (
        opens_at(Calendar.model_validate({"id": "past", "exceptions": {"2025-01-01": ["08:00-09:00"]}}), 1.8e9) is None
    )


def test_it_opens_after_the_holidays() -> None:
    calendar = Calendar.model_validate(
        {"id": "sk", "timezone": "Europe/Bratislava", "hours": {"mon-fri": ["08:00-17:00"]}, "holidays": "SK"}
    )
    begins = datetime(2026, 12, 23, 17, tzinfo=ZoneInfo("Europe/Bratislava")).timestamp()
    assert opens_at(calendar, begins) == datetime(2026, 12, 28, 7, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("calendar", "availability", "opened"),
    [
        (None, {}, True),
        ("always", {}, True),
        ("never", {}, False),
        ("day", {}, True),
        ("night", {}, False),
        ("night", {"messaging": "always"}, True),
        (None, {"messaging": "never"}, False),
        (None, {"chat": "never"}, True),
    ],
)
def test_a_department_takes_what_its_calendar_says(
    calendar: str | None, availability: dict[str, str], *, opened: bool
) -> None:
    made = desk().model_dump(exclude_defaults=True)
    department = made["departments"][0] | {"calendar": calendar, "availability": availability}
    made["departments"] = [department, *made["departments"][1:]]
    made["calendars"] = [
        {"id": "day", "hours": {"mon-sun": ["06:00-22:00"]}},
        {"id": "night", "hours": {"mon-sun": ["00:00-06:00", "22:00-24:00"]}},
    ]
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
    found = Availability(Desk.model_validate(made), frozenset({"maria"}), noon)
    assert found.open("general", "messaging") is opened


def test_chat_wants_somebody_who_is_there() -> None:
    people = frozenset({"sona", "luca", "maria"})
    assert Availability(desk(), people - {"maria"}, 0.0).open("general", "chat")
    assert not Availability(desk(), people, 0.0).open("general", "chat")
    assert Availability(desk(), people, 0.0).open("general", "messaging")
    assert not Availability(desk(), frozenset(), 0.0).open("nowhere", "messaging")
