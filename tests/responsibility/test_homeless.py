"""A department that the desk file loses leaves no ticket behind."""

import pytest

from router.book import Shelf
from router.homeless import rehoused
from tests.desks import HEAD, desk
from tests.path.stories import Front
from tickets.store import Store

WITHOUT = HEAD.replace(
    "  - {id: billing, name: Billing, agents: [sona, luca], addresses: [billing@acme.example]}\n", ""
).replace(", department: billing}", "}")


@pytest.fixture
def front(store: Store) -> Front:
    return Front(store, desk(HEAD))


def loses_billing(front: Front) -> list[int]:
    front.at = desk(WITHOUT)
    moved = rehoused(front.store, Shelf(lambda: front.at).book(), front.now, 100)
    return [one.ticket for one in moved]


def test_open_tickets_go_to_the_first_department_and_its_agents_are_told(front: Front) -> None:
    number = front.send("a@customer", to="billing@acme.example")
    closed = front.send("b@customer", to="billing@acme.example", sender="b@example.com")
    front.set(closed, status="closed")
    known = set(front.notices())
    assert loses_billing(front) == [number]
    found = front._ticket(number)
    assert (found["department"], found["agent"], found["status"]) == ("general", None, "new")
    [*_, last] = found["history"]
    assert (last["event"], last["actor"]) == ("ticket.transferred", "desk")
    assert last["data"]["because"] == "the desk file has no department billing any more"
    assert len(set(front.notices()) - known) >= 3
    assert loses_billing(front) == []


def test_an_agent_who_is_in_the_first_department_keeps_the_ticket(front: Front) -> None:
    number = front.send("a@customer", to="billing@acme.example")
    front.set(number, agent="luca")
    loses_billing(front)
    assert (front._ticket(number)["department"], front._ticket(number)["agent"]) == ("general", "luca")


def test_a_customer_who_writes_again_is_heard_in_the_first_department(front: Front) -> None:
    number = front.send("a@customer", to="billing@acme.example")
    front.set(number, status="resolved")
    front.at = desk(WITHOUT)
    front.router = type(front.router)(front.store, lambda: front.at)
    assert front.send("b@customer", to="billing@acme.example", answers="a@customer") == number
    found = front._ticket(number)
    assert (found["department"], found["status"], found["messages"]) == ("general", "open", 2)
