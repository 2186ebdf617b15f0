"""Strategies at work: mails come, agents act, and the next one gets the next ticket."""

from typing import Any

from tests.responsibility.crew import Crew
from tests.responsibility.desks import support, team
from tickets.store import Store


def crew(store: Store, agents: dict[str, dict[str, Any]], departments: Any = None, **sections: Any) -> Crew:
    return Crew(store, team(agents, departments=departments or support(assignment="round_robin"), **sections))


def test_round_robin_goes_round_even_when_everything_comes_at_one_moment(store: Store) -> None:
    desk = crew(store, {"sona": {}, "luca": {}, "mia": {}})
    desk.comes(7)
    assert desk.have() == ["sona", "luca", "mia", "sona", "luca", "mia", "sona"]
    assert desk.turns() == [("support", "luca"), ("support", "mia"), ("support", "sona")]


def test_each_department_has_its_own_turn(store: Store) -> None:
    other = {"id": "sales", "name": "Sales", "agents": "all", "addresses": ["sales@acme.example"]}
    departments = [*support(assignment="round_robin"), {**other, "assignment": "round_robin"}]
    desk = crew(store, {"sona": {}, "luca": {}}, departments)
    desk.comes(1)
    desk.comes(1, to="sales@acme.example")
    desk.comes(1)
    assert desk.have() == ["sona", "sona", "luca"]


def test_a_desk_without_strategies_keeps_no_turns_and_assigns_nobody(store: Store) -> None:
    desk = crew(store, {"sona": {}, "luca": {}}, support())
    assert [desk.reason(number) for number in desk.comes(2)] == ["several_agents", "several_agents"]
    assert desk.turns() == []


def test_the_history_says_which_strategy_it_was_and_the_trace_who_was_passed_over(store: Store) -> None:
    desk = crew(
        store, {"sona": {}, "luca": {"skills": ["italian"]}}, support(assignment="round_robin", skills=["italian"])
    )
    [number] = desk.comes()
    assigned = next(line for line in desk._ticket(number)["history"] if line["event"] == "ticket.assigned")
    assert (assigned["actor"], assigned["data"]) == ("desk", {"from": None, "to": "luca", "reason": "round_robin"})
    [picked] = desk.trace(number)["picked"]
    assert picked["passed_over"] == [["sona", "lacks the skill italian"]]


def test_capacity_counts_the_tickets_of_all_departments_and_an_answer_makes_room(store: Store) -> None:
    other = {"id": "sales", "name": "Sales", "agents": "all", "addresses": ["sales@acme.example"]}
    departments = [*support(assignment="least_loaded"), {**other, "assignment": "least_loaded"}]
    desk = crew(store, {"sona": {"capacity": 2}, "luca": {"capacity": 1}}, departments)
    desk.comes(2)
    third, fourth = desk.comes(2, to="sales@acme.example")
    assert desk.held() == {"sona": 2, "luca": 1}
    assert (desk.all()[third], desk.reason(fourth)) == ("sona", "all_at_capacity")
    first = next(number for number, agent in desk.all().items() if agent == "luca")
    desk.acts.answer(first, "luca", "It is on its way.")
    [fifth] = desk.comes(1)
    assert desk.all()[fifth] == "luca"


def test_a_customers_next_message_asks_the_strategy_again_for_a_ticket_nobody_has(store: Store) -> None:
    desk = crew(store, {"sona": {}, "luca": {}})
    desk.goes("sona")
    desk.goes("luca")
    number = desk.send("a@example.com")
    assert (desk.all()[number], desk.reason(number)) == (None, "all_offline")
    desk.goes("luca", away=False)
    desk.send("b@example.com", answers="a@example.com")
    assert (desk.all()[number], desk.reason(number)) == ("luca", None)


def test_its_own_ticket_does_not_count_against_an_agent_who_writes_again(store: Store) -> None:
    desk = crew(store, {"sona": {"capacity": 1}, "luca": {}})
    number = desk.send("a@example.com")
    desk.send("b@example.com", answers="a@example.com")
    assert desk.all() == {number: "sona"}


def test_the_contacts_last_agent_goes_first(store: Store) -> None:
    desk = crew(store, {"sona": {}, "luca": {}, "mia": {}}, support(assignment="round_robin", sticky=True))
    sona = desk.send("a@example.com", sender="ann@example.com")
    desk.comes(1)
    again = desk.send("b@example.com", sender="ann@example.com", subject="Another thing")
    desk.comes(1)
    assert [desk.all()[one] for one in (sona, again)] == ["sona", "sona"]
    assert desk.have() == ["sona", "luca", "sona", "mia"]
    assert desk.trace(again)["picked"][0]["strategy"] == "sticky"


def test_a_transfer_asks_the_other_departments_strategy_in_the_same_turn(store: Store) -> None:
    departments = [
        {"id": "front", "name": "Front", "agents": "all", "addresses": ["front@acme.example"]},
        *support(assignment="round_robin", agents=["luca"]),
    ]
    desk = crew(store, {"sona": {}, "luca": {}}, departments)
    by_hand, and_back = desk.comes(2, to="front@acme.example")
    desk.acts.take(by_hand, "sona")
    desk.acts.transfer(by_hand, "sona", "support")
    assert desk.all() == {by_hand: "luca", and_back: None}
    assert desk.events(by_hand)[-3:] == ["ticket.transferred", "ticket.unassigned", "ticket.assigned"]
    desk.acts.transfer(by_hand, "luca", "front")
    assert (desk.all()[by_hand], desk.reason(by_hand)) == (None, "transferred")


def test_ring_all_assigns_nobody_and_the_first_to_answer_has_it(store: Store) -> None:
    desk = crew(store, {"sona": {}, "luca": {}, "mia": {}}, support(assignment="ring_all"))
    desk.goes("mia")
    [number] = desk.comes()
    assert (desk.all()[number], desk.reason(number)) == (None, "several_agents")
    assert desk.trace(number)["picked"][0]["rung"] == ["sona", "luca"]
    desk.acts.answer(number, "luca", "Here I am.")
    assert desk.all()[number] == "luca"
