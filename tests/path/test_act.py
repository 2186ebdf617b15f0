"""What agents do with their own hands: who may, what stands in the ticket, what rules make of it, who is told."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.act import Acts
from router.hand import CannotActError
from tests.desks import HEAD, desk
from tests.path.answering import Answering
from tickets import look
from tickets.presence import set_away
from tickets.store import Store

RULES = """
  - name: Billing is told what comes over
    on: [ticket.transferred]
    when: [{department: billing}]
    then: [{notify: ["email:office@acme.example"]}]
  - name: What is urgent is a good customer's
    on: [ticket.priority_changed]
    when: [{priority: urgent}]
    then: [{tag: vip}]
"""


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Answering:
    return Answering(store, desk(HEAD, RULES), tmp_path / "out")


@pytest.fixture
def number(front: Answering) -> int:
    return front.send("a@customer", to="billing@acme.example")


def last(front: Answering, number: int) -> tuple[str, str, dict[str, Any]]:
    event = front.ticket(number)["history"][-1]
    return event["event"], event["actor"], event["data"]


def test_taking_makes_a_ticket_mine_and_taking_it_again_changes_nothing(front: Answering, number: int) -> None:
    assert front.acts.take(number, "luca").changed
    assert front.ticket(number)["agent"] == "luca"
    assert last(front, number) == ("ticket.assigned", "agent:luca", {"from": None, "to": "luca", "reason": "taken"})
    before = front.events(number)
    assert not front.acts.take(number, "luca").changed
    assert front.events(number) == before


def test_who_was_too_late_hears_who_was_faster(front: Answering, number: int) -> None:
    front.acts.take(number, "sona")
    front.now += 3
    with pytest.raises(
        CannotActError,
        match=r"Sona took it 3 s before you: ticket 1 is theirs$",
    ):
        front.acts.take(number, "luca")
    assert front.ticket(number)["agent"] == "sona"


def test_two_who_take_at_the_same_moment_are_one_winner(front: Answering, store: Store) -> None:
    for turn in range(20):
        number = front.send(f"{turn}@race", to="billing@acme.example")
        won, begin = list[str](), threading.Barrier(2)

        def takes(agent: str, number: int = number, won: list[str] = won, begin: threading.Barrier = begin) -> None:
            begin.wait(10)
            try:
                Acts(store, lambda: front.at, lambda: front.now).take(number, agent)
            except CannotActError:
                return
            won.append(agent)

        threads = [threading.Thread(target=takes, args=(agent,)) for agent in ("sona", "luca")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert won == [front.ticket(number)["agent"]]
        assert front.events(number).count("ticket.assigned") == 1


def test_a_ticket_goes_from_agent_to_agent_and_back_to_the_department(front: Answering, number: int) -> None:
    front.acts.assign(number, "luca", "sona")
    front.acts.assign(number, "sona", "luca")
    assert last(front, number) == ("ticket.assigned", "agent:sona", {"from": "sona", "to": "luca", "reason": "hand"})
    front.acts.assign(number, "luca", "nobody")
    found = front.ticket(number)
    assert (found["agent"], found["unassigned_reason"]) == (None, "several_agents")
    assert last(front, number) == ("ticket.unassigned", "agent:luca", {"from": "luca", "reason": "put_back"})


def test_nobody_gives_a_ticket_to_who_is_away_or_outside(front: Answering, number: int, store: Store) -> None:
    with pytest.raises(CannotActError, match='No agent is called "mia" in billing'):
        front.acts.assign(number, "luca", "mia")
    set_away(store, "sona", away=True, now=front.now)
    with pytest.raises(CannotActError, match=r"Sona is not at work \(away\)?.*, so ticket 1 stays where it is"):
        front.acts.assign(number, "luca", "sona")
    assert front.ticket(number)["agent"] is None


def test_a_transfer_assigns_nobody_and_the_rules_hear_of_it(front: Answering) -> None:
    number = front.send("b@customer")
    front.acts.assign(number, "mia", "mia")
    front.acts.transfer(number, "mia", "billing")
    found = front.ticket(number)
    assert (found["department"], found["agent"], found["unassigned_reason"]) == ("billing", None, "transferred")
    assert front.events(number)[-2:] == ["ticket.transferred", "ticket.unassigned"]
    assert ("office@acme.example", "email", "pending") in front.owed(number)
    told = [who for who, _, state in front.owed(number) if state == "pending"]
    assert {"sona", "luca"} <= set(told)
    [*_, decision] = look.passes(front.store, number)
    assert decision["inbox"] is None
    assert decision["trace"]["events"] == ["ticket.transferred", "ticket.unassigned"]
    assert {"office@acme.example", "sona", "luca"} <= {one["recipient"] for one in decision["told"]}


def test_rules_that_hang_on_an_act_change_the_ticket_in_the_same_turn(front: Answering, number: int) -> None:
    front.acts.priority(number, "luca", "urgent")
    found = front.ticket(number)
    assert (found["priority"], found["tags"]) == ("urgent", ["vip"])
    assert [(one["event"], one["actor"]) for one in found["history"][-2:]] == [
        ("ticket.priority_changed", "agent:luca"),
        ("ticket.tagged", "rule:What is urgent is a good customer's"),
    ]


def test_tags_come_and_go(front: Answering, number: int) -> None:
    front.acts.tag(number, "luca", ["vip"])
    assert front.ticket(number)["tags"] == ["vip"]
    front.acts.tag(number, "luca", (), ["vip"])
    assert front.ticket(number)["tags"] == []
    assert last(front, number) == ("ticket.tagged", "agent:luca", {"added": [], "removed": ["vip"]})
    assert not front.acts.tag(number, "luca", (), ["vip"]).changed


def test_a_note_stands_in_the_ticket_and_changes_nothing_of_it(front: Answering, number: int) -> None:
    before = {**front.ticket(number), "updated_at": None, "entries": None, "history": None}
    front.acts.note(number, "luca", "He called, too.")
    entry = front.last(number)
    assert (entry["kind"], entry["author"], entry["text"]) == ("note", "agent:luca", "He called, too.")
    assert {**front.ticket(number), "updated_at": None, "entries": None, "history": None} == before
    assert "customer" not in {who for who, *_ in front.owed(number)}


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda acts: acts.transfer(1, "luca", "biling"), 'No department is called "biling"; did you mean billing?'),
        (lambda acts: acts.tag(1, "luca", ["vipp"]), 'No tag is called "vipp"; did you mean vip?'),
        (lambda acts: acts.priority(1, "luca", "hgih"), 'No priority is called "hgih"; did you mean high?'),
        (lambda acts: acts.status(1, "luca", "merged"), 'No status is called "merged"'),
        (lambda acts: acts.postpone(1, "luca", 0.0), "That moment is over already"),
        (lambda acts: acts.note(1, "luca", " \n"), "without words"),
        (lambda acts: acts.take(1, "mia"), "There is no ticket 1 in a department of Mia"),
        (lambda acts: acts.take(2, "luca"), "There is no ticket 2 in a department of Luca"),
        (lambda acts: acts.take(1, "nora"), "No agent is called 'nora'"),
    ],
)
@pytest.mark.usefixtures("number")
def test_what_cannot_be_done_says_why_and_changes_nothing(
    front: Answering, act: Callable[[Acts], object], words: str
) -> None:
    before = front.ticket(1)
    with pytest.raises(CannotActError, match=words):
        act(front.acts)
    assert front.ticket(1) == before


def test_resolved_and_opened_again_by_hand(front: Answering, number: int) -> None:
    front.acts.status(number, "luca", "resolved")
    assert front.ticket(number)["waiting_since"] is None
    front.acts.status(number, "luca", "open")
    assert last(front, number) == ("ticket.reopened", "agent:luca", {"from": "resolved", "to": "open"})
    front.acts.status(number, "luca", "closed")
    assert front.send("c@customer", to="billing@acme.example", answers="a@customer") != number


def test_a_postponed_ticket_is_opened_by_its_customer(front: Answering, number: int) -> None:
    front.acts.postpone(number, "luca", front.now + 3600)
    assert front.status(number) == "postponed"
    assert front.send("c@customer", to="billing@acme.example", answers="a@customer") == number
    found = front.ticket(number)
    assert (found["status"], found["postponed_until"]) == ("open", None)


def test_a_merged_ticket_is_part_of_the_other_one_and_its_customer_writes_there(front: Answering, number: int) -> None:
    other = front.send("z@else", to="billing@acme.example", sender="ann@else.example")
    front.acts.status(other, "luca", "answered")
    acted = front.acts.merge(number, "luca", other)
    assert acted.ticket == other
    found = front.ticket(other)
    assert [one["external_id"] for one in found["entries"]] == ["a@customer", "z@else"]
    assert (found["messages"], found["status"]) == (2, "open")
    assert front.ticket(number)["status"] == "merged"
    assert last(front, number) == ("ticket.merged", "agent:luca", {"into": other})
    assert front.send("c@customer", to="billing@acme.example", answers="a@customer") == other
    assert front.acts.take(number, "luca").ticket == other


def test_linked_tickets_name_each_other(front: Answering, number: int) -> None:
    other = front.send("z@else", to="billing@acme.example", sender="ann@else.example")
    front.acts.link(number, "luca", other)
    assert (front.links(number), front.links(other)) == ([other], [number])


def test_nothing_is_merged_with_what_the_agent_may_not_see_with_itself_or_with_what_is_over(
    front: Answering, number: int
) -> None:
    general, closed = front.send("g@customer"), front.send("d@x", to="billing@acme.example", sender="d@else.example")
    front.acts.status(closed, "luca", "closed")
    for agent, into, words in (
        ("mia", number, "There is no ticket"),
        ("luca", number, "is the same ticket"),
        ("luca", closed, "is closed. Open it first"),
    ):
        source = general if agent == "mia" else number
        with pytest.raises(CannotActError, match=words):
            front.acts.merge(source, agent, into)
    assert front.status(number) == front.status(general) == "new"


def test_two_merges_into_each_other_at_the_same_moment_end_in_one_ticket(front: Answering, store: Store) -> None:
    for turn in range(10):
        one, other = (
            front.send(f"{turn}{who}@race", to="billing@acme.example", sender=f"{who}@{turn}.example") for who in "ab"
        )
        begin, trouble = threading.Barrier(2), list[str]()

        def merges(pair: tuple[int, int], begin: threading.Barrier = begin, trouble: list[str] = trouble) -> None:
            begin.wait(10)
            try:
                Acts(store, lambda: front.at, lambda: front.now).merge(pair[0], "luca", pair[1])
            except CannotActError as error:
                trouble.append(str(error))

        threads = [threading.Thread(target=merges, args=(pair,)) for pair in ((one, other), (other, one))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(front.status(number) for number in (one, other)) == ["merged", "new"]
        assert len(trouble) == 1
