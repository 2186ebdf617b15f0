"""What conditions leave to the rules below: what named groups found, and the ticket as it was decided so far."""

from collections.abc import Mapping
from typing import Any

import pytest

from router.conditions import CONDITIONS
from router.decide import decide
from router.event import TicketEvent
from router.rules import compile_rules
from tests.router_rules.asking import DAY, HOUR, Answers, full
from tests.router_rules.desks import event

ORDER = {"subject": {"matches": r"order (?P<order>[a-z]+-\d+)"}}
SHOP = {"body": {"matches": [r"shop (?P<shop>\w+)", r"store (?P<shop>\w+)"]}}


def variables(*rules: Mapping[str, Any], asked: TicketEvent | None = None) -> Mapping[str, str]:
    made = full(rules)
    asked = asked or event(subject="Your order AB-12", text="In store Kosice.")
    return decide(compile_rules(made), asked, made).decision.variables


def test_named_groups_of_a_rule_that_matches_become_variables() -> None:
    assert variables({"when": [ORDER]}) == {"order": "AB-12"}
    assert variables({"when": [{**ORDER, **SHOP}]}) == {"order": "AB-12", "shop": "Kosice"}
    assert variables({"when": [ORDER]}, {"when": [SHOP]}) == {"order": "AB-12", "shop": "Kosice"}


def test_a_rule_that_does_not_match_leaves_none() -> None:
    assert variables({"when": [{**ORDER, "kind": "bounce"}]}) == {}
    assert variables({"when": [{"not": ORDER}]}) == {}
    assert variables({"when": [{"not": {"not": ORDER}}]}) == {}


def test_only_what_held_is_asked_for_them() -> None:
    apart = [{**ORDER, "kind": "bounce"}, SHOP]
    assert variables({"when": apart}) == {"shop": "Kosice"}
    assert variables({"when": [{"any": apart}]}) == {"shop": "Kosice"}
    assert variables({"when": [{"all": [ORDER, SHOP]}]}) == {"order": "AB-12", "shop": "Kosice"}


def test_a_later_rule_says_it_anew_and_nothing_takes_it_away() -> None:
    again = {"when": [{"body": {"matches": "in (?P<order>[a-z]+)(?P<none>x)?"}}]}
    assert variables({"when": [ORDER]}, again) == {"order": "store"}


def test_what_is_captured_is_bounded_and_stands_in_the_trace() -> None:
    made = full([{"when": [{"body": {"matches": "(?P<all>x+)"}}]}])
    verdict = decide(compile_rules(made), event(text="x" * 100_000), made)
    assert verdict.decision.variables == {"all": "x" * 200}
    assert verdict.trace["rules"][0]["captured"] == {"all": "x" * 200}


def run(*rules: Mapping[str, Any], asked: TicketEvent) -> list[str]:
    """Return the names of the rules that matched, in all passes."""
    made = full([{"name": str(number), **rule} for number, rule in enumerate(rules)])
    trace = decide(compile_rules(made), asked, made).trace
    runs = [*trace["rules"], *(one for follow in trace.get("next", ()) for one in follow["rules"])]
    return [one["rule"] for one in runs if one["result"] == "matched"]


FRESH: list[tuple[Any, Any, Any]] = [
    ({"transfer": "billing"}, {"department": "billing"}, {"department": "general"}),
    ({"transfer": "billing"}, {"sla": "standard"}, {"sla": {"exists": False}}),
    ({"transfer": "billing"}, {"calendar": "closed"}, {"calendar": "open"}),
    ({"transfer": "billing"}, {"queue": 7}, {"queue": 0}),
    ({"transfer": "billing"}, {"time": "01:00-01:01"}, {"time": "00:00-00:01"}),
    ({"assign": "sona"}, {"agent": "sona"}, {"agent": "nobody"}),
    ({"assign": "sona"}, {"agent_available": True}, {"agent_available": False}),
    ({"assign": "sona"}, {"agent_since": {"within": "1h"}}, {"agent_since": {"older_than": "1h"}}),
    ({"assign": "nobody"}, {"unassigned_reason": "rule_unassigned"}, {"unassigned_reason": {"exists": False}}),
    ({"priority": "high"}, {"priority": "high"}, {"priority": "normal"}),
    ({"status": "answered"}, {"status": "answered"}, {"status": "new"}),
    ({"status": "answered"}, {"status_since": {"within": "1h"}}, {"status_since": {"older_than": "1h"}}),
    ({"fields": {"order": "A-12"}}, {"fields": {"order": "a-12"}}, {"fields": {"order": {"exists": False}}}),
    ({"sla": "gold"}, {"sla": "gold"}, {"sla": {"exists": False}}),
    ({"tag": "outage"}, {"tags": "outage"}, {"tags": {"not_contains": "outage"}}),
]


@pytest.mark.parametrize(("action", "after", "before"), FRESH, ids=[str(after) for _, after, _ in FRESH])
def test_the_rules_below_see_what_the_rules_above_decided(action: Any, after: Any, before: Any) -> None:
    asked = event(at=DAY * 4, status_since=DAY, agent_since=DAY, lookups=Answers(queues={"billing": 7}))
    asks = [{"when": [before], "then": [action]}, {"when": [before]}, {"when": [after]}]
    assert run(*asks, asked=asked)[:2] == ["0", "2"]


def test_every_condition_that_rules_may_change_is_fresh_and_no_anchor() -> None:
    fresh = {word for word, found in CONDITIONS.items() if found.fresh}
    assert fresh == {
        "department", "agent", "agent_available", "unassigned_reason", "status", "priority", "tags", "fields", "queue", "sla",
        "status_since", "agent_since", "calendar", "weekday", "time",
    }  # fmt: skip
    may_be_unknown = {word for word, found in CONDITIONS.items() if found.asks}
    assert may_be_unknown == {"header", "contact_name", "contact_tags", "earlier_tickets", "queue", "language"}
    for said in (
        {"department": "billing"},
        {"contact_tags": "vip"},
        {"header": {"x-a": "1"}},
        {"subject": {"is_not": "x"}},
    ):
        (rule,) = compile_rules(full([{"when": [said]}])).rules
        assert rule.anchors is None, said


def test_a_change_of_one_pass_is_not_that_of_the_next() -> None:
    above = {"on": ["ticket.created"], "then": [{"priority": "high"}]}
    changed = {"on": ["ticket.priority_changed"], "when": [{"priority": {"changed": {"from": "normal", "to": "high"}}}]}
    status = {"on": ["ticket.priority_changed"], "when": [{"status": {"changed": True}}]}
    by_rule = {"on": ["ticket.priority_changed"], "when": [{"actor": "rule:0"}]}
    asked = event(changed={"status": (("new",), ("open",))}, actors=("customer",))
    assert run(above, changed, status, by_rule, asked=asked) == ["0", "1", "3"]


def test_what_changed_stays_known_to_the_rules_below() -> None:
    asked = event(changed={"status": (("new",), ("open",))}, actors=("customer",))
    assert run({}, {"when": [{"status": {"changed": True}, "actor": "customer"}]}, asked=asked) == ["0", "1"]


def test_the_trace_names_what_was_not_known() -> None:
    made = full([{"when": [{"queue": {"billing": {"more_than": 3}}}]}, {"when": [{"created": {"older_than": "2h"}}]}])
    trace = decide(compile_rules(made), event(at=HOUR), made).trace
    assert trace["unknown"] == ["queue.billing"]
    assert [one["failed"] for one in trace["rules"]] == [
        [
            {
                "path": "when.0.queue.billing", "word": "queue.billing", "operator": "more_than", "wanted": "3",
                "saw": "not known", "unknown": True,
            }
        ],
        [{"path": "when.0.created", "word": "created", "operator": "older_than", "wanted": "2h", "saw": "1h ago"}],
    ]  # fmt: skip
