"""Whom a strategy chooses, and why nobody: pure, from a desk, a moment and what everybody has."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.desk import Desk
from router.decide import decide
from router.event import TicketEvent
from router.rules import compile_rules
from router.staff import Pick, Staff
from router.state import State
from router.workload import Workload, weight
from tests.responsibility.desks import MONDAY_NOON, support, team

TICKET = State("support", channel="mail", number=1, contact_id=7, subject="Hello")
CLOSED = [{"id": "sunday", "hours": {"sun": ["08:00-17:00"]}}]


@dataclass
class Known(Workload):
    """What a story says the agents have."""

    held: Mapping[str, float] = field(default_factory=dict)
    had: Mapping[str, float] = field(default_factory=dict)
    last: str | None = None

    def load(self, agents: Collection[str], besides: int | None) -> Mapping[str, float]:
        """Return what each has."""
        del besides
        return {agent: self.held.get(agent, 0.0) for agent in agents}

    def turns(self, department: str) -> Mapping[str, float]:
        """Return when each had a turn."""
        del department
        return self.had

    def last_agent(self, contact: int | None, besides: int | None) -> str | None:
        """Return the contact's last agent."""
        del contact, besides
        return self.last


def pick(
    at: Desk, ticket: State = TICKET, strategy: str | None = None, *, away: Collection[str] = (), **known: Any
) -> Pick:
    return Staff(at, MONDAY_NOON, away, Known(**known)).pick(ticket, strategy)


def three(strategy: str = "round_robin", *, department: Mapping[str, Any] | None = None, **said: Any) -> Desk:
    """Return a desk of three, each with what is said by their name."""
    agents = {name: said.pop(name, {}) for name in ("sona", "luca", "mia")}
    return team(agents, departments=support(assignment=strategy, **(department or {})), **said)


def test_round_robin_gives_it_to_who_had_a_turn_longest_ago() -> None:
    at = three()
    assert pick(at).agent == "sona"  # nobody had one: the desk file's order
    assert pick(at, had={"sona": 5.0}).agent == "luca"
    assert pick(at, had={"sona": 5.0, "luca": 6.0, "mia": 4.0}).agent == "mia"
    found = pick(at, had={"sona": 5.0, "luca": 6.0}, away={"mia"})
    assert (found.agent, found.reason, found.strategy) == ("sona", None, "round_robin")
    assert dict(found.passed_over) == {"mia": "away", "luca": "had a turn later, or stands below in the desk file"}


def test_least_loaded_is_measured_by_capacity_and_ties_go_by_turn() -> None:
    at = three("least_loaded", sona={"capacity": 10}, luca={"capacity": 2})
    assert pick(at, held={"sona": 4, "luca": 1, "mia": 5}).agent == "sona"
    assert pick(at, held={"sona": 6, "luca": 1, "mia": 6}).agent == "luca"
    assert pick(at, held={"sona": 6, "luca": 2, "mia": 5}).agent == "mia"  # without one it is as the largest: 5 of 10
    assert pick(at, held={"sona": 5, "luca": 1, "mia": 5}, had={"sona": 3, "luca": 2, "mia": 4}).agent == "luca"
    found = pick(at, held={"sona": 4.5, "luca": 2, "mia": 5})
    assert dict(found.passed_over) == {"luca": "has 2 of 2", "mia": "has 5"}


def test_random_draws_the_same_for_the_same_ticket_and_moment_and_everybody_in_the_end() -> None:
    at = three("random")
    drawn = [pick(at, TICKET._replace(number=number)).agent for number in range(60)]
    assert drawn == [pick(at, TICKET._replace(number=number)).agent for number in range(60)]
    assert set(drawn) == {"sona", "luca", "mia"}


def test_ring_all_assigns_nobody_and_says_who_is_rung() -> None:
    found = pick(three("ring_all", luca={"capacity": 1}), held={"luca": 1}, away={"mia"})
    assert (found.agent, found.reason, found.rung) == (None, "several_agents", ("sona",))
    assert pick(three("ring_all"), away={"sona", "luca", "mia"}).reason == "all_offline"


@pytest.mark.parametrize(("last", "chosen", "by"), [("luca", "luca", "sticky"), ("mia", "sona", "round_robin")])
def test_the_contacts_last_agent_goes_first_when_they_can_have_it(last: str, chosen: str, by: str) -> None:
    found = pick(three(department={"sticky": True}), last=last, away={"mia"})
    assert (found.agent, found.strategy) == (chosen, by)


def test_sticky_alone_gives_it_to_the_last_agent_or_to_nobody() -> None:
    at = three("none", department={"sticky": True})
    assert pick(at, last="luca").agent == "luca"
    assert (pick(at).agent, pick(at).reason) == (None, "several_agents")
    assert pick(three(), strategy="sticky", last="luca").agent == "luca"
    assert pick(three(), strategy="sticky", last="ghost").reason == "several_agents"


def test_a_rule_may_name_another_strategy_than_the_departments() -> None:
    at = three("round_robin", department={"sticky": True})
    assert pick(at, strategy="least_loaded", last="sona", held={"sona": 1, "luca": 2}).agent == "mia"


def test_each_filter_keeps_out_whom_it_should_and_says_why() -> None:
    at = three(
        sona={"ways": ["chat"]},
        luca={"calendar": "sunday"},
        mia={"skills": ["italian"], "capacity": 2},
        calendars=CLOSED,
        department={"skills": ["italian"]},
    )
    found = pick(at, held={"mia": 2})
    assert dict(found.passed_over) == {
        "sona": "takes no mail",
        "luca": "lacks the skill italian",
        "mia": "has 2 of 2",
    }
    assert found.reason == "all_at_capacity"
    assert pick(at, held={"mia": 1}).agent == "mia"


@pytest.mark.parametrize(
    ("said", "away", "ticket", "reason"),
    [
        ({"department": {"agents": []}}, (), {}, "no_members"),
        ({"department": {"availability": {"chat": "sunday"}}}, (), {"channel": "site"}, "outside_hours"),
        ({"department": {"calendar": "sunday"}}, (), {"channel": "bot"}, "outside_hours"),
        ({"sona": {"calendar": "sunday"}, "luca": {"ways": []}, "mia": {"ways": []}}, (), {}, "outside_hours"),
        ({}, ("sona", "luca", "mia"), {}, "all_offline"),
        ({"sona": {"calendar": "sunday"}}, ("luca", "mia"), {}, "all_offline"),
        ({one: {"ways": ["chat"]} for one in ("sona", "luca", "mia")}, (), {}, "channel_disabled"),
        ({one: {"ways": ["chat"]} for one in ("sona", "luca")}, (), {"skills": {"czech": None}}, "skill_missing"),
        ({"sona": {"capacity": 0.5}}, ("luca", "mia"), {}, "all_at_capacity"),
        ({}, (), {"clocks": {"react": {"passed": ["sona", "luca", "mia"]}}}, "passed_on"),
    ],
)
def test_the_reason_for_nobody_is_that_of_whoever_came_nearest(
    said: dict[str, Any], away: Collection[str], ticket: dict[str, Any], reason: str
) -> None:
    found = pick(three(**{"calendars": CLOSED, **said}), TICKET._replace(**ticket), away=away)
    assert (found.agent, found.reason) == (None, reason)


def test_a_departments_hours_keep_no_mail_from_who_is_at_work() -> None:
    assert pick(three(department={"calendar": "sunday"}, calendars=CLOSED)).agent == "sona"


def test_a_skill_with_a_moment_is_needed_until_then() -> None:
    at = three(luca={"skills": ["italian"]})
    ticket = TICKET._replace(skills={"italian": MONDAY_NOON + 60})
    assert pick(at, ticket).agent == "luca"
    assert Staff(at, MONDAY_NOON + 60, (), Known()).pick(ticket).agent == "sona"
    assert pick(at, TICKET._replace(skills={"italian": None})).agent == "luca"


def test_who_has_passed_it_on_does_not_get_it_back() -> None:
    found = pick(three(), TICKET._replace(clocks={"react": {"passed": ["sona"]}}))
    assert (found.agent, found.passed_over[0]) == ("luca", ("sona", "has passed it on"))


def test_weights_multiply_and_count_the_ticket_that_is_to_be_given() -> None:
    at = three(
        desk={"weights": {"chat": 3, "urgent": 2}}, sona={"capacity": 6}, luca={"capacity": 5.9}, mia={"capacity": 1}
    )
    chat = TICKET._replace(channel="site", priority="urgent")
    assert (weight(at, "site", "urgent"), weight(at, "bot", "urgent"), weight(at, "gone", "low")) == (6, 2, 1)
    assert pick(at, chat).agent == "sona"
    assert pick(at, chat, held={"sona": 0.1}).reason == "all_at_capacity"


def test_fractions_of_weights_fill_a_capacity_to_the_brim() -> None:
    at = three(desk={"weights": {"mail": 0.1}}, sona={"capacity": 0.3}, luca={"ways": []}, mia={"ways": []})
    assert pick(at, held={"sona": 0.1 + 0.1}).agent == "sona"
    assert pick(at, held={"sona": 0.1 + 0.1 + 0.1}).agent is None


def test_a_decision_asks_the_department_it_ends_in_and_tells_how_it_chose() -> None:
    departments = [
        {"id": "front", "name": "Front", "agents": "all"},
        *support(assignment="round_robin"),
    ]
    at = team(
        {"sona": {}, "luca": {}},
        departments=departments,
        rules=[{"name": "On", "when": [{"subject": "Hello"}], "then": [{"transfer": "support"}]}],
    )
    event = TicketEvent(frozenset({"ticket.created"}), TICKET._replace(department="front"), MONDAY_NOON, "mail", "smtp")
    verdict = decide(compile_rules(at), event, at, Staff(at, MONDAY_NOON, {"sona"}, Known()))
    assert (verdict.decision.department, verdict.decision.agent) == ("support", "luca")
    assigned = verdict.changes[-1]
    assert (assigned.event, assigned.actor) == ("ticket.assigned", "desk")
    assert assigned.data == {"from": None, "to": "luca", "reason": "round_robin"}
    assert verdict.trace["picked"] == [
        {"strategy": "round_robin", "agent": "luca", "reason": None, "passed_over": [["sona", "away"]]}
    ]


def test_a_department_without_a_strategy_has_nobody_as_ever() -> None:
    event = TicketEvent(frozenset({"ticket.created"}), TICKET, MONDAY_NOON, "mail", "smtp")
    at = three("none")
    verdict = decide(compile_rules(at), event, at)
    assert (verdict.decision.agent, verdict.decision.unassigned_reason) == (None, "several_agents")
    assert "picked" not in verdict.trace


WAYS = ("mail", "site", "bot")


@given(
    st.sampled_from(["round_robin", "least_loaded", "random", "ring_all"]),
    st.lists(st.sampled_from([None, 0.5, 1, 2, 3.5]), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from(["low", "normal", "urgent"])), max_size=25),
    st.sets(st.sampled_from(["a0", "a1", "a2", "a3"])),
)
def test_nobody_ever_has_more_than_their_capacity_and_nothing_waits_for_who_has_room(
    strategy: str, capacities: list[float | None], stream: list[tuple[str, str]], away: set[str]
) -> None:
    agents = {f"a{i}": {} if one is None else {"capacity": one} for i, one in enumerate(capacities)}
    at = team(
        agents, departments=support(assignment=strategy), desk={"weights": {"chat": 1.5, "urgent": 2, "low": 0.25}}
    )
    held, had = dict.fromkeys(agents, 0.0), dict[str, float]()
    for number, (channel, priority) in enumerate(stream):
        ticket = State("support", channel=channel, number=number, priority=priority)
        heavy = weight(at, channel, priority)
        found = Staff(at, MONDAY_NOON, away, Known(held=held, had=had)).pick(ticket)
        room = {
            one.id
            for one in at.agents
            if one.id not in away and (one.capacity is None or held[one.id] + heavy <= one.capacity)
        }
        assert {*([found.agent] if found.agent else []), *found.rung} <= room
        if strategy == "ring_all":
            assert set(found.rung) == room
        elif room:
            assert found.agent in room
        if found.agent is not None:
            held[found.agent] += heavy
            had[found.agent] = float(number)
        else:
            assert found.reason in ("several_agents", "all_offline", "all_at_capacity")
        others = {agent for agent, _ in found.passed_over}
        assert others | set(found.rung) | ({found.agent} - {None}) == set(agents)  # everybody is accounted for
