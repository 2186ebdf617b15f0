"""`check` finds what would keep a ticket from ever being given to somebody."""

from pathlib import Path
from typing import Any

import pytest

from commands.parts import CHECKS, KINDS
from config.load import load
from config.problems import DeskError
from tests.responsibility.desks import support, team_file

CHOOSES = support(assignment="least_loaded")
STANDS_IN = support(when_away="substitute")
OTHER = {"id": "other", "name": "Other", "agents": ["luca"], "addresses": ["other@acme.example"]}


def told(folder: Path, agents: dict[str, dict[str, Any]], **sections: Any) -> list[str]:
    """Return the path and the words of each problem, warnings with a question mark."""
    path = folder / "desk.yaml"
    path.write_text(team_file({"luca": {}, **agents}, **sections), encoding="utf-8")
    try:
        found = load(path, KINDS, CHECKS).warnings
    except DeskError as error:
        found = error.problems
    return [f"{one.path}{'?' if one.severity == 'warning' else ''}: {one.message}" for one in found]


@pytest.mark.parametrize(
    ("sona", "sections", "words"),
    [
        ({"calendar": "ofice"}, {"calendars": [{"id": "office", "hours": {"mon": ["08:00-09:00"]}}]}, "agents.1.calendar: no calendar"),
        ({"vacations": [{"from": "2026-12-24", "to": "2026-12-23"}]}, {}, "agents.1.vacations.0.to: ends before it begins, on 2026-12-24"),
        ({"substitute": "lucas"}, {"departments": STANDS_IN}, "agents.1.substitute: no agent is called"),
        ({"substitute": "sona"}, {"departments": STANDS_IN}, "agents.1.substitute: an agent is no substitute for themselves"),
        ({"substitute": "luca"}, {}, "agents.1.substitute?: no department of sona has when_away: substitute"),
        (
            {"vacations": [{"from": "2026-12-24", "to": "2026-12-24", "substitute": "luca"}]},
            {"departments": [*support(when_away="substitute", agents=["sona"]), OTHER]},
            "agents.1.vacations.0.substitute?: luca is not in support and stands in for nobody there",
        ),
        ({"capacity": 5}, {}, "agents.1.capacity?: no department of sona has an assignment"),
        (
            {"capacity": 5, "ways": ["mail", "phone"]},
            {"departments": CHOOSES, "desk": {"weights": {"phone": 3, "urgent": 2, "chat": 100}}},
            "agents.1.capacity?: a ticket of urgent priority by phone weighs 6, so no strategy ever gives sona one",
        ),
        ({"skills": ["italian"]}, {"departments": support(skills=["italien"])}, "departments.0.skills.0: no skill is called"),
        (
            {"skills": ["italian"]},
            {"departments": [*support(agents=["sona"]), {**OTHER, "skills": ["italian"]}]},
            "departments.1.skills.0?: no agent of other has it, so no strategy ever gives a ticket to one",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_where_it_stands(
    tmp_path: Path, sona: dict[str, Any], sections: dict[str, Any], words: str
) -> None:
    [found] = told(tmp_path, {"sona": sona}, **sections)
    assert found.startswith(words)


def test_a_desk_that_uses_everything_as_it_is_meant_has_no_warning(tmp_path: Path) -> None:
    sona = {"calendar": "always", "substitute": "luca", "capacity": 4, "skills": ["italian"], "ways": ["chat", "mail"]}
    departments = support(assignment="random", sticky=True, skills=["italian"], when_away="substitute")
    assert told(tmp_path, {"sona": sona}, departments=departments, desk={"weights": {"chat": 2, "urgent": 2}}) == []
