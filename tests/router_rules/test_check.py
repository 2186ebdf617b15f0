"""Every mistake in the rules is found before they are used."""

from typing import Any

import pytest

from config.problems import DeskError
from ingest.channel import find
from router.conditions import MAX_PATTERN
from router.rules import check_rules, compile_rules
from tests.router_rules.asking import full
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
    ({"department": {"is_not": "biling"}}, 'when.0.department.is_not: no department is called "biling"; did you mean "billing"?'),
    ({"agent": "sna"}, 'when.0.agent: no agent is called "sna"; did you mean "sona"?'),
    ({"status": "opn"}, 'when.0.status: no status is called "opn"; did you mean "open"?'),
    ({"sla": "golden"}, 'when.0.sla: no SLA level is called "golden"; did you mean "gold"?'),
    ({"contact_group": "bord"}, 'when.0.contact_group: no contact group is called "bord"; did you mean "board"?'),
    ({"contact_tags": {"contains": "vipp"}}, 'when.0.contact_tags.contains: no tag is called "vipp"; did you mean "vip"?'),
    ({"unassigned_reason": "nobody"}, 'when.0.unassigned_reason: no reason is called "nobody"'),
    ({"actor": "agent:sna"}, 'when.0.actor: no actor is called "agent:sna"; did you mean "agent:sona"?'),
    ({"spam": {"contains": "y"}}, "when.0.spam.contains: spam is one of a few words and takes is, in, is_not, not_in"),
    ({"messages": {"contains": 3}}, "when.0.messages.contains: messages is a number and takes is, in, is_not, not_in, less_than, more_than, at_least, at_most, exists"),
    ({"messages": "three"}, "when.0.messages: must be a number, without quotes"),
    ({"messages": True}, "when.0.messages: must be a number, without quotes"),
    ({"messages": {"more_than": [1, 2]}}, "when.0.messages.more_than: must be one value"),
    ({"attachment_size": {"more_than": "5 MiB"}}, "when.0.attachment_size.more_than: not a size; write it as 500kB, 10MB or a number of bytes"),
    ({"created": "2h"}, "when.0.created: is a time and says not how to compare; write {within: …}"),
    ({"created": {"within": "2 hours"}}, "when.0.created.within: not a duration; write it as 90s, 30m, 4h or 2d"),
    ({"created": {"more_than": "2h"}}, "when.0.created.more_than: created is a time and takes within, older_than, exists"),
    ({"sla_left": ["2h"]}, "when.0.sla_left: is a time span and says not how to compare; write {less_than: …}"),
    ({"subject": {"exists": "yes"}}, "when.0.subject.exists: must be true or false"),
    ({"subject": {"changed": True}}, "when.0.subject.changed: subject is a text and takes is, in, is_not, not_in, contains, contains_all, not_contains, starts_with, ends_with, matches, exists"),
    ({"status": {"changed": "open"}}, "when.0.status.changed: must be true, or {from: …, to: …}"),
    ({"status": {"changed": {}}}, "when.0.status.changed: says neither from nor to; write changed: true"),
    ({"status": {"changed": {"form": "open", "to": "new"}}}, 'when.0.status.changed.form: no end of a change is called "form"; did you mean "from"?'),
    ({"status": {"changed": {"to": ["new", "opn"]}}}, 'when.0.status.changed.to: no status is called "opn"; did you mean "open"?'),
    ({"status": {"changed": {"to": []}}}, "when.0.status.changed.to: the list is empty; write at least one text"),
    ({"header": "x-a"}, "when.0.header: must say which header: {header: {HEADER: …}}"),
    ({"header": {"X Priority": "1"}}, "when.0.header.X Priority: no header can be called so; write it as x-priority"),
    ({"header": {"x-priority": {"contian": "1"}}}, 'when.0.header.x-priority.contian: no operator is called "contian"; did you mean "contains"?'),
    ({"fields": {}}, "when.0.fields: must say which field: {fields: {FIELD: …}}"),
    ({"fields": {"ordr": {"exists": True}}}, 'when.0.fields.ordr: no field is called "ordr"; did you mean "order"?'),
    ({"fields": {"order": {"exists": 1}}}, "when.0.fields.order.exists: must be true or false"),
    ({"queue": {"biling": {"more_than": 3}}}, 'when.0.queue.biling: no operator or department is called "biling"; did you mean "billing"?'),
    ({"queue": {"billing": {"more_then": 3}}}, 'when.0.queue.billing.more_then: no operator is called "more_then"; did you mean "more_than"?'),
    ({"queue": {"more_than": 3, "billing": "x"}}, "when.0.queue.billing: must be a number, without quotes"),
    ({"calendar": "opened"}, 'when.0.calendar: no state of a calendar is called "opened"; did you mean "open"?'),
    ({"calendar": {"erope": "open"}}, 'when.0.calendar.erope: no operator or calendar is called "erope"; did you mean "europe"?'),
    ({"weekday": ["sat", "sunday"]}, 'when.0.weekday.1: no weekday is called "sunday"; known: mon, tue, wed, thu, fri, sat, sun'),
    ({"time": "8-12"}, 'when.0.time: not a time of day; write it as "08:00-12:00", over midnight as "22:00-06:00"'),
    ({"time": {"between": ["08:00-08:00"]}}, "when.0.time.between.0: must end at another time than it begins"),
    ({"time": {"is": "08:00"}}, "when.0.time.is: time is a time of day and takes between"),
    ({"language": "english"}, 'when.0.language: no language is called "english"'),
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
    assert [str(problem) for problem in check_rules(full([{}, {"when": [group]}]))] == [f"rules.1.{expected}"]


def test_the_questions_of_a_chats_form_are_fields() -> None:
    form = {"fields": [{"id": "shop", "label": "Which shop?"}]}
    chat = find("chat").Config.model_validate(
        {"name": "site-chat", "type": "chat", "origins": ["https://a.example"], "form": form}
    )
    asks = full([{"when": [{"fields": {"shop": {"exists": True}}}]}])
    assert len(check_rules(asks)) == 1
    assert check_rules(asks.model_copy(update={"channels": (chat,)})) == []


def test_a_rule_about_a_language_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickets.language.find_spec", lambda _name: None)
    [problem] = check_rules(full([{"when": [{"language": ["sk", "cs"]}]}]))[:1]
    assert str(problem) == "rules.0.when.0.language.0: needs the extra for languages: pip install 'frontdesk[language]'"


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
