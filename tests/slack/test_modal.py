"""The windows behind a card's buttons: Slack takes them whatever people write, and days begin at nine where the agent is."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.modal import reply, snooze, transfer, until
from tests.slack.limits import view_trouble

OF = "s.17.abcdefghijklmnop"
ZONES = ("UTC", "Europe/Rome", "America/New_York", "Australia/Sydney", "Asia/Kathmandu", "America/Sao_Paulo")


@given(
    st.text(max_size=400), st.integers(1, 10**18), st.lists(st.text(min_size=1, max_size=100), min_size=1, max_size=4)
)
def test_slack_takes_them_whatever_people_write(subject: str, number: int, names: list[str]) -> None:
    departments = [(f"d{place}", name.strip() or "x") for place, name in enumerate(names)]
    for view in (reply(OF, number, subject), snooze(OF, number, subject), transfer(OF, number, subject, departments)):
        assert view_trouble(view) is None
        assert view["private_metadata"] == OF


@pytest.mark.parametrize(("count", "groups"), [(100, 0), (101, 2), (250, 3)])
def test_more_departments_than_a_menu_holds_stand_in_groups(count: int, groups: int) -> None:
    departments = [(f"d{place}", f"Department {place}") for place in range(count)]
    view = transfer(OF, 17, "Where is it?", departments)
    menu = view["blocks"][1]["element"]
    assert view_trouble(view) is None
    assert len(menu.get("option_groups", ())) == groups
    every = menu.get("options") or [one for group in menu["option_groups"] for one in group["options"]]
    assert [one["value"] for one in every] == [id_ for id_, _ in departments]


@given(st.floats(0, 4e9), st.sampled_from(ZONES))
def test_a_snooze_ends_at_nine_of_a_day_that_comes_on_the_agents_clock(now: float, zone: str) -> None:
    here = datetime.fromtimestamp(now, ZoneInfo(zone))
    tomorrow, monday = (until(chosen, "", now, zone) for chosen in ("tomorrow", "monday"))
    assert tomorrow is not None
    assert monday is not None
    first, second = (datetime.fromtimestamp(one, ZoneInfo(zone)) for one in (tomorrow, monday))
    assert (first.hour, first.minute, first.date()) == (9, 0, here.date() + timedelta(days=1))
    assert (second.hour, second.weekday()) == (9, 0)
    assert timedelta(0) < second.date() - here.date() <= timedelta(days=7)
    assert until("1h", "", now, zone) == now + 3600
    assert until("4h", "", now, zone) == now + 4 * 3600


@given(st.dates(date(1971, 1, 1), date(2090, 1, 1)), st.sampled_from(ZONES[:3]))
def test_a_day_counts_before_the_other_choice(day: date, zone: str) -> None:
    found = until("1h", day.isoformat(), 1_795_348_800.0, zone)
    assert found is not None
    assert datetime.fromtimestamp(found, ZoneInfo(zone)).isoformat()[:16] == f"{day}T09:00"


@pytest.mark.parametrize(("chosen", "day"), [("", ""), ("2h", ""), ("1h", "soon"), ("tomorrow", "2026-13-01")])
def test_what_cannot_be_chosen_is_no_moment(chosen: str, day: str) -> None:
    assert until(chosen, day, 1_795_348_800.0, "UTC") is None
