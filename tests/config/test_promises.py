"""What is wrong or odd in the promises of a desk file is told with its place."""

from pathlib import Path

import pytest

from config.sla import Sla
from tests.config.desks import DESK, loaded, said

PROMISES = """\
slas:
  - id: standard
    first_response: 4h
    resolution: 2d
  - id: gold
    calendar: always
    next_response: 1h
contact_groups:
  - id: partners
    members: ["@partner.example", ann@example.com]
    sla: gold
"""
WHOLE = DESK.replace("    agents: all\n", "    agents: all\n    sla: standard\n") + PROMISES

BROKEN = [
    (
        "id: gold\n",
        "id: gold\n  - id: standard\n    resolution: 1d\n  - id: bronze\n",
        'slas.2.id: the sla id "standard" is already taken by slas.0.id',
    ),
    ("calendar: always", "calendar: alwys", 'slas.1.calendar: no calendar is called "alwys"; did you mean "always"?'),
    ("sla: standard", "sla: standrad", 'departments.0.sla: no sla is called "standrad"; did you mean "standard"?'),
    ("sla: gold", "sla: golden", 'contact_groups.0.sla: no sla is called "golden"; did you mean "gold"?'),
    ("next_response: 1h", "next_response: 1", "slas.1.next_response: not a duration; write it as 90s, 30m, 4h or 2d"),
    ('["@partner.example", ann@example.com]', "[]", "contact_groups.0.members: must have at least one"),
]
ODD = [
    ("calendar: always", "calendar: never", "slas.1.calendar: warning: it is never open, so no promise ever becomes due"),
    ("    next_response: 1h\n", "", "slas.1: warning: promises nothing; write first_response, next_response or resolution"),
    (
        "resolution: 2d", "resolution: 2h",
        "slas.0: warning: first_response is longer than resolution, which is due before",
    ),
    (
        "resolution: 2d", "resolution: 2d\n    priorities: {urgent: {resolution: 1h}}",
        "slas.0.priorities.urgent: warning: first_response is longer than resolution, which is due before",
    ),
    (
        "next_response: 1h", "next_response: 1h\n    warn_before: 1h",
        "slas.1: warning: nobody is warned of next_response: warn_before is not shorter",
    ),
    (
        "    sla: gold\n", "    sla: gold\n  - {id: more, members: [ann@example.com]}\n",
        "contact_groups.1.members.0: warning: ann@example.com stands in contact_groups.0.members.1 already, and that counts",
    ),
]  # fmt: skip


def test_promises_that_are_right_are_fine(tmp_path: Path) -> None:
    found = loaded(tmp_path, WHOLE)
    assert found.warnings == ()
    assert found.desk.hours.keys() == {"always", "never"}


@pytest.mark.parametrize(("old", "new", "expected"), BROKEN)
def test_a_mistake_is_told_with_the_nearest_word(tmp_path: Path, old: str, new: str, expected: str) -> None:
    [found] = said(tmp_path, WHOLE.replace(old, new))
    assert found.partition(" ")[2] == expected


@pytest.mark.parametrize(("old", "new", "expected"), ODD)
def test_a_promise_that_says_nothing_is_warned_of(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert WHOLE.count(old) == 1
    [found] = loaded(tmp_path, WHOLE.replace(old, new)).warnings
    assert str(found).rpartition("desk.yaml:")[2].partition(" ")[2] == expected


def test_what_a_priority_leaves_out_stays() -> None:
    said_so = {"first_response": "4h", "resolution": "2d", "priorities": {"urgent": {"first_response": "1h"}}}
    sla = Sla.model_validate({"id": "one", **said_so})
    assert sla.targets("urgent") == {"first_response": 3600, "resolution": 2 * 86_400}
    assert sla.targets("low") == {"first_response": 4 * 3600, "resolution": 2 * 86_400}
