"""What the rules decide: actions in their order, stop, and who is responsible when no rule says so."""

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.desk import Desk
from router.decide import Verdict, decide
from router.event import TicketEvent
from router.rules import compile_rules
from tests.router_rules.desks import CREATED, LATER, desk, event

ONE = {"sona": ["general", "billing"]}


def asked(on: Desk, of: TicketEvent | None = None) -> Verdict:
    return decide(compile_rules(on), of or event(), on)


def after(*then: dict[str, Any], of: TicketEvent | None = None) -> Verdict:
    return asked(desk([{"on": ["ticket.created", "message.received"], "then": list(then)}]), of)


def told(verdict: Verdict) -> list[tuple[str, str, dict[str, Any]]]:
    return [(change.event, change.actor, change.data) for change in verdict.changes]


def test_a_transfer_gives_the_ticket_to_the_department_and_to_nobody_in_it() -> None:
    verdict = after({"transfer": "billing"}, of=event(LATER, agent="maria"))
    assert (verdict.decision.department, verdict.decision.agent) == ("billing", None)
    assert verdict.decision.unassigned_reason == "transferred"
    assert told(verdict) == [
        ("ticket.transferred", "rule:rule 0", {"from": "general", "to": "billing"}),
        ("ticket.unassigned", "rule:rule 0", {"from": "maria", "reason": "transferred"}),
    ]


def test_a_transfer_takes_the_agent_off_even_who_is_in_both_departments() -> None:
    assert after({"transfer": "billing"}, of=event(LATER, agent="sona")).decision.agent is None


def test_a_transfer_to_where_the_ticket_is_changes_nothing() -> None:
    verdict = after({"transfer": "general"}, of=event(LATER, agent="sona"))
    assert verdict.decision.agent == "sona"
    assert verdict.changes == ()


def test_assign_makes_a_member_responsible() -> None:
    verdict = after({"transfer": "billing"}, {"assign": "sona"})
    assert (verdict.decision.department, verdict.decision.agent) == ("billing", "sona")
    assert verdict.decision.unassigned_reason is None
    assert told(verdict)[-1] == ("ticket.assigned", "rule:rule 0", {"from": None, "to": "sona"})


def test_an_agent_who_is_not_in_the_department_at_that_moment_is_skipped_and_the_trace_says_why() -> None:
    verdict = after({"assign": "luca"}, {"tag": "vip"}, of=event(department="billing"))
    assert verdict.decision.agent is None
    assert verdict.decision.tags == ("vip",)
    assert verdict.trace["rules"][0]["actions"][0] == {
        "action": "assign",
        "value": "luca",
        "skipped": "luca is not in billing",
    }


def test_assign_nobody_takes_the_agent_off() -> None:
    verdict = after({"assign": "nobody"}, of=event(LATER, agent="sona"))
    assert (verdict.decision.agent, verdict.decision.unassigned_reason) == (None, "rule_unassigned")
    assert told(verdict) == [("ticket.unassigned", "rule:rule 0", {"from": "sona", "reason": "rule_unassigned"})]


def test_priority_and_tags_are_set_and_told_once() -> None:
    verdict = after({"priority": "urgent", "tag": ["vip", "outage"]}, {"tag": "vip"}, of=event(tags=("vip",)))
    assert (verdict.decision.priority, verdict.decision.tags) == ("urgent", ("vip", "outage"))
    assert told(verdict) == [
        ("ticket.priority_changed", "rule:rule 0", {"from": "normal", "to": "urgent"}),
        ("ticket.tagged", "rule:rule 0", {"added": ["outage"]}),
    ]


def test_everybody_is_notified_once_with_the_first_rule_that_asked() -> None:
    rules = [
        {"then": [{"notify": ["slack:#social", "email:Boss@Acme.example"]}]},
        {"then": [{"notify": ["agent:sona", "slack:#social"]}]},
    ]
    assert asked(desk(rules)).decision.notify == (
        ("slack:#social", "rule 0"),
        ("email:boss@acme.example", "rule 0"),
        ("agent:sona", "rule 1"),
    )


@pytest.mark.parametrize("stopping", [{"stop": True}, {"then": [{"stop": True}, {"tag": "vip"}]}])
def test_a_rule_that_stops_is_the_last_one(stopping: dict[str, Any]) -> None:
    verdict = asked(desk([{"when": [{"kind": "bounce"}], **stopping}, stopping, {"then": [{"tag": "outage"}]}]))
    assert verdict.decision.tags == ("vip",)
    assert [(run["rule"], run["result"]) for run in verdict.trace["rules"]] == [("rule 1", "matched")]


def test_stop_false_stops_nothing() -> None:
    verdict = asked(desk([{"then": [{"stop": False}]}, {}]))
    assert verdict.decision.tags == ("vip",)


def test_a_rule_sees_what_the_rules_above_decided() -> None:
    rules: list[dict[str, Any]] = [
        {"when": [{"department": "general", "priority": "normal"}], "then": [{"transfer": "billing"}, {"tag": "vip"}]},
        {"when": [{"department": "general"}], "then": [{"tag": "outage"}]},
        {"when": [{"department": "billing", "tags": "vip"}], "then": [{"assign": "sona"}, {"priority": "high"}]},
        {"when": [{"priority": "high"}], "then": [{"tag": "invoice"}]},
    ]
    decision = asked(desk(rules)).decision
    assert (decision.department, decision.agent, decision.tags) == ("billing", "sona", ("vip", "invoice"))


def test_rules_are_asked_by_event_and_only_while_they_are_active() -> None:
    rules: list[dict[str, Any]] = [{}, {"on": ["message.received", "ticket.reopened"]}, {"active": False}]
    created = [run["rule"] for run in asked(desk(rules)).trace["rules"]]
    later = [run["rule"] for run in asked(desk(rules), event(LATER)).trace["rules"]]
    assert (created, later) == (["rule 0", "rule 1"], ["rule 1"])


# the responsibility of a new ticket


def test_the_only_agent_of_a_desk_has_every_new_ticket() -> None:
    verdict = asked(desk([{"then": [{"transfer": "technical"}]}], people=ONE))
    assert (verdict.decision.department, verdict.decision.agent) == ("technical", "sona")
    assert verdict.decision.unassigned_reason is None
    assert told(verdict)[-1] == ("ticket.assigned", "desk", {"from": None, "to": "sona", "reason": "one_agent"})


def test_a_rule_may_keep_a_ticket_from_the_only_agent() -> None:
    decision = asked(desk([{"then": [{"assign": "nobody"}]}], people=ONE)).decision
    assert (decision.agent, decision.unassigned_reason) == (None, "rule_unassigned")


@pytest.mark.parametrize(
    ("department", "then", "reason"),
    [
        ("general", {"tag": "vip"}, "several_agents"),
        ("technical", {"tag": "vip"}, "several_agents"),
        ("empty", {"tag": "vip"}, "no_members"),
        ("general", {"transfer": "billing"}, "transferred"),
        ("general", {"assign": "nobody"}, "rule_unassigned"),
    ],
)
def test_among_several_agents_nobody_is_chosen_and_the_reason_is_kept(
    department: str, then: dict[str, Any], reason: str
) -> None:
    decision = asked(desk([{"then": [then]}]), event(department=department)).decision
    assert (decision.agent, decision.unassigned_reason) == (None, reason)


@pytest.mark.parametrize("people", [ONE, {"sona": ["general"], "luca": ["general"]}])
@pytest.mark.parametrize(("agent", "reason"), [("sona", None), (None, "transferred"), (None, "several_agents")])
def test_a_later_message_leaves_the_responsibility_as_it_is(
    people: dict[str, list[str]], agent: str | None, reason: str | None
) -> None:
    verdict = asked(desk(people=people), event(LATER, agent=agent, unassigned_reason=reason))
    assert (verdict.decision.agent, verdict.decision.unassigned_reason) == (agent, reason)
    assert verdict.changes == ()
    assert verdict.trace["by"] is None


# laws

WHENS = st.sampled_from(
    [[], [{"subject": {"contains": "invoice"}}], [{"department": "billing"}], [{"tags": "vip"}], [{"priority": "high"}]]
)
THENS = st.sampled_from(
    [
        {"transfer": "billing"},
        {"transfer": "technical"},
        {"assign": "sona"},
        {"assign": "nobody"},
        {"assign": "luca"},
        {"priority": "high"},
        {"tag": ["vip", "invoice"]},
        {"notify": ["slack:#social"]},
    ]
)
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "when": WHENS,
            "then": st.lists(THENS, min_size=1, max_size=3),
            "stop": st.booleans(),
            "on": st.sampled_from([["ticket.created"], ["message.received"], ["ticket.created", "message.received"]]),
        }
    ),
    max_size=5,
)


def makeable(rules: list[dict[str, Any]]) -> Desk | None:
    from router.rules import check_rules

    made = desk(rules)
    return None if check_rules(made) else made


@settings(deadline=None)
@given(RULES, st.sampled_from([CREATED, LATER]), st.sampled_from([None, "sona", "maria"]))
def test_deciding_is_pure_and_its_outcome_holds_together(
    rules: list[dict[str, Any]], names: frozenset[str], agent: str | None
) -> None:
    made = makeable(rules)
    if made is None:
        return
    question = event(names, agent=agent if names == LATER else None)
    kept = copy.deepcopy(question, {id(question.lookups): question.lookups})
    compiled = compile_rules(made)
    first = decide(compiled, question, made)
    assert first == decide(compiled, question, made) == decide(compile_rules(made), question, made)
    assert question == kept
    assert json.loads(json.dumps(first.trace)) == first.trace
    decision = first.decision
    if decision.agent is not None and decision.agent != question.ticket.agent:
        assert decision.agent in made.members(decision.department)
    if names == CREATED:
        assert (decision.agent is None) == (decision.unassigned_reason is not None)
    assert _replayed(first, question) == (decision.department, decision.agent, decision.priority, decision.tags)


def _replayed(verdict: Verdict, question: TicketEvent) -> tuple[Any, ...]:
    """Return what the ticket's history alone makes of the ticket."""
    now: dict[str, Any] = {
        "department": question.ticket.department,
        "agent": question.ticket.agent,
        "priority": question.ticket.priority,
    }
    tags = question.ticket.tags
    for change in verdict.changes:
        match change.event:
            case "ticket.transferred":
                now["department"] = change.data["to"]
            case "ticket.assigned":
                now["agent"] = change.data["to"]
            case "ticket.unassigned":
                now["agent"] = None
            case "ticket.priority_changed":
                now["priority"] = change.data["to"]
            case "ticket.tagged":
                tags = (*tags, *change.data["added"])
    return (now["department"], now["agent"], now["priority"], tags)


@settings(deadline=None)
@given(RULES)
def test_a_transfer_never_assigns(rules: list[dict[str, Any]]) -> None:
    without = [
        {**rule, "then": [one for one in rule["then"] if "assign" not in one] or [{"tag": "vip"}]} for rule in rules
    ]
    assert asked(desk(without)).decision.agent is None


def test_ten_rules_cost_well_under_a_millisecond() -> None:
    rules = [{"when": [{"subject": {"contains": ["refund", "bill"]}, "from_domain": "x.example"}]}] * 10
    made = desk([{**rule, "name": f"rule {n}"} for n, rule in enumerate(rules)])
    compiled, question = compile_rules(made), event()
    best = 1.0
    for _ in range(200):
        before = time.perf_counter()
        decide(compiled, question, made)
        best = min(best, time.perf_counter() - before)
    assert best < 0.0005
