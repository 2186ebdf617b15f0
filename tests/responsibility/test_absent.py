"""Who is not at work, why, and who stands in."""

from datetime import UTC, datetime
from typing import Any

import pytest

from router.staff import Staff
from tests.responsibility.desks import MONDAY_NOON, support, team

OFFICE = {"id": "office", "timezone": "Europe/Bratislava", "hours": {"mon-fri": ["08:00-17:00"]}}


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()


def test_an_agent_is_at_work_until_something_says_otherwise() -> None:
    staff = Staff(team({"sona": {}, "luca": {}}), MONDAY_NOON, {"luca"})
    assert staff.absent("sona") is None
    assert staff.absent("luca") == "away"
    assert staff.absent("ghost") == "not in the desk file any more"


def test_a_shift_is_the_clock_on_the_wall_of_its_calendar() -> None:
    made = team({"sona": {"calendar": "office"}, "luca": {"calendar": "never"}}, calendars=[OFFICE])
    assert Staff(made, at(2026, 11, 23, 7)).absent("sona") is None  # eight in Bratislava
    assert Staff(made, at(2026, 11, 23, 6, 59)).absent("sona") == "off shift"
    assert Staff(made, at(2026, 11, 22, 12)).absent("sona") == "off shift"
    assert Staff(made, MONDAY_NOON).absent("luca") == "off shift"


def test_vacation_days_are_those_of_the_agents_own_time_zone() -> None:
    days = [{"from": "2026-12-24", "to": "2026-12-26"}]
    made = team({"tina": {"vacations": days, "timezone": "Pacific/Auckland"}, "luca": {"vacations": days}})
    begins = at(2026, 12, 23, 11)  # midnight in Auckland
    assert Staff(made, begins - 1).absent("tina") is None
    assert Staff(made, begins).absent("tina") == "on vacation until 2026-12-26"
    assert Staff(made, begins).absent("luca") is None
    assert Staff(made, at(2026, 12, 26, 23, 59)).absent("luca") == "on vacation until 2026-12-26"
    assert Staff(made, at(2026, 12, 27)).absent("luca") is None


@pytest.mark.parametrize(
    ("away", "stands_in"),
    [({"sona"}, "luca"), ({"sona", "luca"}, "mia"), ({"sona", "luca", "mia"}, None)],
)
def test_substitutes_are_followed_to_the_first_who_is_there_and_never_in_a_circle(
    away: set[str], stands_in: str | None
) -> None:
    made = team({"sona": {"substitute": "luca"}, "luca": {"substitute": "mia"}, "mia": {"substitute": "sona"}})
    assert Staff(made, MONDAY_NOON, away).substitute("sona") == stands_in


def test_a_vacations_substitute_counts_before_the_usual_one_and_only_then() -> None:
    days: list[dict[str, Any]] = [{"from": "2026-11-23", "to": "2026-11-27", "substitute": "mia"}]
    made = team({"sona": {"substitute": "luca", "vacations": days}, "luca": {}, "mia": {}})
    assert Staff(made, MONDAY_NOON).substitute("sona") == "mia"
    assert Staff(made, at(2026, 11, 30), {"sona"}).substitute("sona") == "luca"
    assert Staff(made, MONDAY_NOON).substitute("luca") is None
    assert Staff(made, MONDAY_NOON).substitute("ghost") is None


def test_a_substitute_of_another_department_is_passed_by_where_a_department_is_meant() -> None:
    departments = [*support(agents=["sona", "mia"]), {"id": "other", "name": "Other", "agents": ["luca"]}]
    made = team({"sona": {"substitute": "luca"}, "luca": {"substitute": "mia"}, "mia": {}}, departments=departments)
    assert Staff(made, MONDAY_NOON).substitute("sona") == "luca"
    assert Staff(made, MONDAY_NOON).substitute("sona", "support") == "mia"
