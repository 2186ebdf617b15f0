"""What rules cannot do together is told before it hurts, and nothing else is."""

from typing import Any

import pytest

from commands.parts import CHECKS, KINDS
from config.load import load
from config.settings import EXAMPLE
from router.static import check_together
from tests.router_rules.desks import desk

STOP = {"stop": True}
MOVED = ["ticket.transferred"]


def told(*rules: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in check_together(desk(rules)) if problem.where[0] == "rules"]


FOUND: list[tuple[list[dict[str, Any]], str]] = [
    ([STOP, {}], "rules.1: warning: can never be reached: rules.0 (rule 0) holds whenever this one would, and stops"),
    (
        [{"when": [{"subject": {"contains": ["Bill", "refund"]}}], **STOP}, {"when": [{"subject": {"contains": "bill"}, "kind": "message"}]}],
        "rules.1: warning: can never be reached: rules.0 (rule 0) holds whenever this one would, and stops",
    ),
    (
        [{"when": [{"from": ["a@x.example", "b@x.example"]}], "then": [{"stop": True}]}, {"when": [{"from": "A@x.example"}]}],
        "rules.1: warning: can never be reached: rules.0 (rule 0) holds whenever this one would, and stops",
    ),
    (
        [{"when": [{"kind": "bounce"}], "then": [{"transfer": "billing"}]}, {"then": [{"transfer": "technical"}]}],
        "rules.0: warning: does nothing that lasts: rules.1 (rule 1) holds whenever this one does, and sets the same",
    ),
    (
        [
            {"on": MOVED, "when": [{"department": "billing"}], "then": [{"transfer": "technical"}]},
            {"on": MOVED, "when": [{"department": "technical"}], "then": [{"transfer": "billing"}]},
        ],
        ("rules.1: warning: may go in a circle with rules.0 (rule 0): billing → technical → billing; "
        "each is done once, so where it ends is chance"),
    ),
    ([{"when": [{"channel_type": "telegram"}]}], "rules.0.when.0.channel_type: warning: no channel is of type telegram"),
    *(
        ([{"when": [{"subject": said}]}], "rules.0.when.0.subject: can never hold: what is said here contradicts itself")
        for said in (
            {"is": "a", "in": ["b", "c"]},
            {"is": "Bill", "is_not": "bill"},
            {"in": ["old bill", "new bill"], "not_contains": "bill"},
            {"contains": "invoice 12", "not_contains": ["x", "Invoice"]},
        )
    ),
    (
        [{"when": [{"any": [{"kind": "bounce", "not": {"kind": "bounce"}}]}]}],
        "rules.0.when.0.any.0.not: can never hold: it denies what the same group asks for",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "expected"), FOUND)
def test_what_cannot_be_meant_is_told(rules: list[dict[str, Any]], expected: str) -> None:
    assert told(*rules) == [expected]


@pytest.mark.parametrize(
    "rules",
    [
        [{**STOP, "active": False}, {}],
        [{**STOP, "on": ["message.received"]}, {}],
        [{**STOP, "when": [{"kind": "bounce"}]}, {"when": [{"kind": "list"}]}],
        [{**STOP, "when": [{"priority": "low"}]}, {"when": [{"priority": "low", "kind": "list"}]}],
        [{**STOP, "on": MOVED}, {"on": MOVED}],
        [{**STOP, "when": [{"subject": {"not_contains": ["a", "b"]}}]}, {"when": [{"subject": {"not_contains": "a"}}]}],
        [
            {**STOP, "when": [{"subject": {"contains": "a"}}]},
            {"when": [{"subject": {"contains": "a"}}, {"kind": "list"}]},
        ],
        [{"then": [{"transfer": "billing"}]}, {"when": [{"kind": "list"}], "then": [{"transfer": "technical"}]}],
        [{"then": [{"transfer": "billing"}]}, {"when": [{"department": "billing"}], "then": [{"transfer": "general"}]}],
        [{"then": [{"transfer": "billing"}, {"tag": "vip"}]}, {"then": [{"transfer": "technical"}]}],
        [{"on": MOVED, "when": [{"department": "billing"}], "then": [{"transfer": "technical"}]}],
        [{"when": [{"to": {"is": "a@x.example", "in": ["b@x.example"]}}]}],
        [{"when": [{"kind": "bounce", "not": {"kind": "bounce", "subject": "x"}}]}],
    ],
)
def test_what_may_be_meant_is_no_alarm(rules: list[dict[str, Any]]) -> None:
    assert told(*rules) == []


def test_a_source_that_no_department_and_no_rule_knows_is_told() -> None:
    channels: dict[str, Any] = {"channels": [{"name": "bot", "type": "telegram"}]}
    [problem] = check_together(desk(**channels))
    assert str(problem) == (
        "channels.0: warning: names no department and no rule asks for it; its tickets begin in general"
    )
    assert check_together(desk([{"when": [{"channel_type": "telegram"}]}], **channels)) == []


def test_the_example_desk_gives_no_alarm() -> None:
    assert [str(problem) for problem in load(EXAMPLE, KINDS, CHECKS).warnings] == []
