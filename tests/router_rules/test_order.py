"""The order of rules: the file's, each once a turn, up to the one that stops; where nothing hangs together it is all the same."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router.decide import Verdict, decide
from router.rules import compile_rules
from tests.router_rules.desks import desk, event

APART: list[dict[str, Any]] = [
    {"name": "where", "when": [{"subject": {"contains": "invoice"}}], "then": [{"transfer": "billing"}]},
    {"name": "how much", "when": [{"from_domain": "example.com"}], "then": [{"priority": "high"}]},
    {"name": "what", "when": [{"body": {"matches": "down since"}}], "then": [{"tag": ["vip", "outage"]}]},
    {"name": "who hears", "when": [{"kind": "message"}], "then": [{"notify": ["slack:#bills"]}]},
    {"name": "never", "when": [{"subject": {"contains": "newsletter"}}], "then": [{"transfer": "technical"}]},
]
"""Rules of which none sets, or looks at, what another sets."""
EVENTS = ["ticket.created", "ticket.tagged", "ticket.transferred", "ticket.priority_changed", "ticket.status_changed"]
THEN = st.sampled_from(
    [{"transfer": "billing"}, {"transfer": "technical"}, {"priority": "high"}, {"priority": "low"}, {"tag": "vip"},
     {"status": "resolved"}, {"status": "open"}]
)  # fmt: skip
RULE = st.fixed_dictionaries(
    {
        "on": st.lists(st.sampled_from(EVENTS), min_size=1, unique=True),
        "then": st.lists(THEN, min_size=1, max_size=2),
        "stop": st.booleans(),
    }
)


def asked(rules: list[dict[str, Any]]) -> Verdict:
    made = desk(rules)
    return decide(compile_rules(made), event(), made)


def matched(verdict: Verdict) -> list[list[str]]:
    passes = [verdict.trace, *verdict.trace.get("next", ())]
    return [[run["rule"] for run in one["rules"] if run["result"] == "matched"] for one in passes]


@given(st.permutations(APART))
def test_the_order_of_rules_that_have_nothing_to_do_with_each_other_is_all_the_same(
    rules: list[dict[str, Any]],
) -> None:
    assert asked(rules).decision == asked(APART).decision


def test_of_two_rules_that_set_the_same_the_lower_one_has_the_last_word() -> None:
    high, low = {"then": [{"priority": "high"}]}, {"then": [{"priority": "low"}]}
    assert (asked([high, low]).decision.priority, asked([low, high]).decision.priority) == ("low", "high")


@settings(deadline=None)
@given(st.lists(RULE, min_size=1, max_size=6))
def test_each_rule_is_done_once_a_turn_in_the_order_of_the_file_up_to_the_one_that_stops(
    rules: list[dict[str, Any]],
) -> None:
    passes = matched(asked(rules))
    names = [f"rule {number}" for number in range(len(rules))]
    done = [name for one in passes for name in one]
    assert len(done) == len(set(done))
    for one in passes:
        assert one == [name for name in names if name in one]
        assert not any(rules[names.index(name)]["stop"] for name in one[:-1])
    assert asked(rules) == asked(rules)
