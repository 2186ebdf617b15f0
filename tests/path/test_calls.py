"""Phone calls in their tickets: a call that an agent took is an answer, a missed one waits for somebody."""

from pathlib import Path

import pytest

from router.hand import CannotActError
from tests.channels import conformance
from tests.desks import HEAD, desk
from tests.path.answering import Answering
from tickets.store import Store

PHONES = """
  - name: phone
    type: phone
    url: https://desk.acme.example/in/phone
    auth_tokens: env:TWILIO_TOKEN
    department: billing"""


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Answering:
    return Answering(store, desk(HEAD.replace("\ntags:", f"{PHONES}\ntags:")), tmp_path / "out")


def called(front: Answering, what: str) -> int:
    """Let a call end in a way, and return its ticket."""
    number = front.payload("phone", (conformance.FOLDER / "phone" / f"{what}.form").read_bytes()).ticket
    assert number is not None
    return number


def test_a_call_that_an_agent_took_is_an_answer_and_takes_the_ticket(front: Answering) -> None:
    number = called(front, "taken")
    found = front.ticket(number)
    assert (found["status"], found["agent"], found["department"]) == ("answered", "luca", "billing")
    assert front.events(number)[-3:] == ["ticket.answered", "ticket.assigned", "ticket.status_changed"]
    assert front.last(number)["facts"]["call"]["outcome"] == "finished"
    assert [state for who, _, state in front.owed(number) if who == "luca"] == ["suppressed"]


def test_a_missed_call_waits_and_nobody_can_answer_it_in_writing(front: Answering) -> None:
    number = called(front, "hung_up_before_anybody_answered")
    found = front.ticket(number)
    assert (found["status"], found["agent"]) == ("new", None)
    with pytest.raises(CannotActError, match="take no answers"):
        front.answer(number)


def test_the_same_caller_is_the_same_conversation(front: Answering) -> None:
    assert called(front, "hung_up_before_anybody_answered") == called(front, "taken")
