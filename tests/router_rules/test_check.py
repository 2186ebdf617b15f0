"""Every mistake in the rules is found before they are used."""

from typing import Any

import pytest

from config.problems import DeskError
from router.conditions import MAX_PATTERN
from router.rules import check_rules, compile_rules
from tests.router_rules.desks import PEOPLE, desk

DEEP: dict[str, Any] = {"kind": "bounce"}
for _ in range(12):
    DEEP = {"not": DEEP}

WHEN: list[tuple[Any, str]] = [
    ({"subjekt": "x"}, 'when.0.subjekt: no condition is called "subjekt"; did you mean "subject"?'),
    ({"subject": {"contian": "x"}}, 'when.0.subject.contian: no operator is called "contian"; did you mean "contains"?'),
    ({"subject": {}}, "when.0.subject: says nothing; write what it must be, or {contains: …}"),
    ({"subject": None}, "when.0.subject: must be text; put it in quotes"),
    ({"subject": True}, "when.0.subject: must be text; put it in quotes"),
    ({"subject": []}, "when.0.subject: the list is empty; write at least one text"),
    ({"subject": ["x", 1.5]}, "when.0.subject.1: must be text; put it in quotes"),
    ({"subject": {"contains": ""}}, "when.0.subject.contains: is empty and would always hold; write a text"),
    ({"subject": {"is": ["a", "b"]}}, "when.0.subject.is: must be one text; for one of several write in: [one, two]"),
    ({"subject": {"matches": "(a"}}, "when.0.subject.matches: not a pattern RE2 understands: missing ): (a"),
    ({"subject": {"matches": "a(?=b)"}}, "when.0.subject.matches: not a pattern RE2 understands: invalid perl operator: (?="),
    ({"subject": {"matches": "x" * (MAX_PATTERN + 1)}}, "when.0.subject.matches: the pattern is longer than 500 characters; use contains with a list"),
    ({"subject": {"matches": "[ab].{900}c"}}, "when.0.subject.matches: the pattern repeats too much and would be slow; make it simpler"),
    ({"department": "biling"}, 'when.0.department: no department is called "biling"; did you mean "billing"?'),
    ({"department": {"in": ["general", "sales"]}}, 'when.0.department.in.1: no department is called "sales"; known: general, billing, technical, empty'),
    ({"channel": "suport-mail"}, 'when.0.channel: no channel is called "suport-mail"; did you mean "support-mail"?'),
    ({"channel_type": ["smpt"]}, 'when.0.channel_type.0: no channel type is called "smpt"; did you mean "smtp"?'),
    ({"priority": "hihg"}, 'when.0.priority: no priority is called "hihg"; did you mean "high"?'),
    ({"kind": "bouncing"}, 'when.0.kind: no kind is called "bouncing"; did you mean "bounce"?'),
    ({"tags": "vipp"}, 'when.0.tags: no tag is called "vipp"; did you mean "vip"?'),
    ({"tags": {"not_contains": ["vip", "x"]}}, 'when.0.tags.not_contains.1: no tag is called "x"; known: vip, invoice, outage'),
    ({}, "when.0: an empty group always holds; write a condition, or leave `when` out"),
    ({"not": [{"kind": "list"}]}, "when.0.not: must be one group: {subject: …}"),
    ({"any": {"kind": "list"}}, "when.0.any: must be a list of groups: [{subject: …}, {body: …}]"),
    ({"all": []}, "when.0.all: must be a list of groups: [{subject: …}, {body: …}]"),
    ({"any": [{"kind": "list"}, "x"]}, "when.0.any.1: must be a group: {subject: …}"),
    ({"any": [{"not": {"knd": "list"}}]}, 'when.0.any.0.not.knd: no condition is called "knd"; did you mean "kind"?'),
    (DEEP, f"when.0{'.not' * 10}: nested too deeply (more than 10 levels); make two rules of it"),
]  # fmt: skip

THEN: list[tuple[Any, str]] = [
    ([], "then: says nothing to do; write at least one action"),
    ([{}], "then.0: says nothing to do; write an action, like transfer: billing"),
    ([{"tranfser": "x"}], 'then.0.tranfser: no action is called "tranfser"; did you mean "transfer"?'),
    ([{"transfer": "biling"}], 'then.0.transfer: no department is called "biling"; did you mean "billing"?'),
    ([{"transfer": ["billing"]}], "then.0.transfer: must be one department, not a list"),
    ([{"transfer": None}], "then.0.transfer: says nothing; write a value behind it"),
    ([{"assign": "sna"}], 'then.0.assign: no agent is called "sna"; did you mean "sona"?'),
    ([{"assign": "nobdy"}], 'then.0.assign: no agent is called "nobdy"; did you mean "nobody"?'),
    ([{"priority": "urgnt"}], 'then.0.priority: no priority is called "urgnt"; did you mean "urgent"?'),
    ([{"tag": "invoce"}], 'then.0.tag: no tag is called "invoce"; did you mean "invoice"?'),
    ([{"tag": ["vip", 3]}], "then.0.tag.1: must be text; put it in quotes"),
    ([{"tag": []}], "then.0.tag: the list is empty; write at least one name"),
    ([{"stop": "yes"}], "then.0.stop: must be true or false"),
    ([{"notify": "sona"}], 'then.0.notify: "sona" is nobody to notify; write agent:ID, department:ID, "slack:#channel" or email:ADDRESS'),
    ([{"notify": ["agnet:sona"]}], 'then.0.notify.0: "agnet:sona" is nobody to notify; write agent:ID, department:ID, "slack:#channel" or email:ADDRESS; did you mean "agent:sona"?'),
    ([{"notify": ["agent:sna"]}], 'then.0.notify.0: no agent is called "sna"; did you mean "sona"?'),
    ([{"notify": ["department:biling"]}], 'then.0.notify.0: no department is called "biling"; did you mean "billing"?'),
    ([{"notify": ["slack:social"]}], 'then.0.notify.0: "social" is no Slack channel; write "slack:#support" or slack:C0123ABCD'),
    ([{"notify": ["email:boss"]}], 'then.0.notify.0: "boss" is no email address; write email:name@example.com'),
    ([{"transfer": "billing"}, {"assign": "luca"}], "then.1.assign: luca is not in billing, where this rule transfers the ticket; assign one of its agents, or add luca to departments.billing.agents"),
]  # fmt: skip


@pytest.mark.parametrize(("group", "expected"), WHEN, ids=[words[:50] for _, words in WHEN])
def test_a_mistake_in_a_condition_is_found(group: Any, expected: str) -> None:
    assert [str(problem) for problem in check_rules(desk([{}, {"when": [group]}]))] == [f"rules.1.{expected}"]


@pytest.mark.parametrize(("then", "expected"), THEN, ids=[words[:50] for _, words in THEN])
def test_a_mistake_in_an_action_is_found(then: Any, expected: str) -> None:
    assert [str(problem) for problem in check_rules(desk([{}, {"then": then}]))] == [f"rules.1.{expected}"]


@pytest.mark.parametrize(
    "target", ["agent:sona", "department:billing", "slack:#social-média", "slack:C0123ABCD", "email:Boss@acme.example"]
)
def test_everybody_a_rule_may_notify_is_accepted(target: str) -> None:
    assert check_rules(desk([{"then": [{"notify": [target]}]}])) == []


def test_rules_with_mistakes_are_not_compiled() -> None:
    with pytest.raises(DeskError, match="subjekt"):
        compile_rules(desk([{"when": [{"subjekt": "x"}]}]))


def test_an_agent_assigned_without_a_transfer_is_only_looked_at_when_it_happens() -> None:
    assert check_rules(desk([{"then": [{"assign": "luca"}, {"transfer": "billing"}, {"assign": "sona"}]}])) == []


def test_a_misspelt_member_is_one_mistake() -> None:
    wrong = desk([{"then": [{"transfer": "billing", "assign": "luca"}]}])
    billing = wrong.departments[1].model_copy(update={"agents": ("lucca",)})
    assert check_rules(wrong.model_copy(update={"departments": (wrong.departments[0], billing)})) == []


def test_inactive_rules_are_checked_as_well() -> None:
    assert len(check_rules(desk([{"active": False, "then": [{"transfer": "biling"}]}]))) == 1


def test_rules_are_found_by_their_event() -> None:
    rules = compile_rules(desk([{}, {"on": ["message.received"]}, {"active": False}], people=PEOPLE))
    assert {name: [rule.name for rule in found] for name, found in rules.by_event.items()} == {
        "ticket.created": ["rule 0"],
        "message.received": ["rule 1"],
    }
