"""Escalations: step after step is told until somebody acknowledges, or the ticket is answered."""

import pytest

from config.problems import DeskError
from router.act import Acts
from router.hand import CannotActError
from tests.clocks.ticking import DAY, HOUR, MINUTE, Desktop
from tests.desks import HEAD, desk
from tickets.store import Store

CHAIN = """
escalations:
  - id: outage
    acknowledged_for: 2h
    steps:
      - {notify: [agent:luca, "slack:#outages"], wait: 10m}
      - {notify: ["email:boss@acme.example"], wait: 1h}
      - {transfer: escalates_to, notify: [department:leads]}
"""
LEADS = "  - {id: leads, name: Leads, agents: [mia], addresses: [leads@acme.example]}\nchannels:"
TIERS = HEAD.replace("channels:", LEADS, 1).replace("id: general,", "id: general, escalates_to: leads,")
OUTAGES = "  - {name: Outages, when: [{subject: {contains: outage}}], then: [{escalate: outage}]}\n"


def outage(store: Store, rules: str = "") -> tuple[Desktop, int]:
    """Return a desk with a ticket about an outage."""
    at = Desktop(store, desk(TIERS + CHAIN, OUTAGES + rules))
    return at, at.send("a@x.example", subject="An outage")


def steps(at: Desktop, number: int) -> list[tuple[int, str | None]]:
    """Return which steps stand in the ticket, and why each came."""
    return [(data["step"], data["because"]) for event, _, data in at.history(number) if event == "ticket.escalated"]


def act(at: Desktop, number: int, agent: str = "luca") -> None:
    """Acknowledge the ticket's escalation."""
    assert Acts(at.store, lambda: at.at, lambda: at.now).acknowledge(number, agent).changed


def test_step_follows_step_until_there_is_none(store: Store) -> None:
    at, number = outage(store)
    assert len(at.tick()) == 1
    first = "escalation outage, step 1 of 3"
    assert at.told(number)[-1] == ("luca", "ticket.escalated", first)
    assert at.later(10 * MINUTE - 1) == []
    assert len(at.later(1)) == 1
    second = "escalation outage, step 2 of 3: nobody acknowledged within 10 min"
    assert at.told(number)[-1] == ("boss@acme.example", "ticket.escalated", second)
    assert len(at.later(HOUR)) == 1
    third = "escalation outage, step 3 of 3: nobody acknowledged within 1 h"
    assert ("mia", "ticket.escalated", third) in at.told(number)
    assert at.state(number).department == "leads"
    within = "nobody acknowledged within"
    assert steps(at, number) == [(1, None), (2, f"{within} 10 min"), (3, f"{within} 1 h")]
    assert at.later(DAY) == []
    assert at.state(number).due_at is None


def test_an_acknowledgement_stops_it_and_expires(store: Store) -> None:
    at, number = outage(store)
    at.tick()
    at.now += MINUTE
    act(at, number)
    assert at.history(number)[-1] == (
        "ticket.acknowledged",
        "agent:luca",
        {"escalation": "outage", "until": at.now + 2 * HOUR},
    )
    assert at.later(2 * HOUR - 1) == []
    assert len(at.later(1)) == 1
    assert steps(at, number)[-1] == (2, "Luca acknowledged it, and 2 h later nobody has answered")
    act(at, number, "mia")
    assert at.later(2 * HOUR - 1) == []
    assert len(at.later(1)) == 1


@pytest.mark.parametrize("status", ["answered", "resolved", "postponed"])
def test_whoever_does_something_about_the_ticket_ends_it(store: Store, status: str) -> None:
    at, number = outage(store)
    at.tick()
    at.set(number, status=status, answered_at=at.now + 1, timed_by=None)
    assert at.later(10 * MINUTE) == []
    assert at.state(number).clocks == {}
    at.send("b@x.example", answers="a@x.example", subject="Re: An outage")
    assert at.status(number) == "open"
    assert at.later(DAY) == []
    assert len(steps(at, number)) == 1


def test_an_escalation_that_runs_is_not_begun_again_and_one_that_is_over_is(store: Store) -> None:
    again = "  - {name: Again, on: [message.received], when: [{body: again}], then: [{escalate: outage}]}\n"
    at, number = outage(store, again)
    at.tick()
    at.now += MINUTE
    at.send("b@x.example", answers="a@x.example", text="again")
    assert at.tick() == []
    for seconds in (10 * MINUTE, HOUR):
        at.later(seconds)
    assert [step for step, _ in steps(at, number)] == [1, 2, 3]
    at.now += MINUTE
    at.send("c@x.example", answers="a@x.example", text="again")
    assert len(at.tick()) == 1
    assert [step for step, _ in steps(at, number)] == [1, 2, 3, 1]


def test_what_a_step_causes_begins_no_escalation(store: Store) -> None:
    circle = "  - {name: Circle, on: [ticket.escalated], then: [{escalate: outage}]}\n"
    at, number = outage(store, circle)
    for _ in range(5):
        at.later(DAY)
    assert [step for step, _ in steps(at, number)] == [1, 2, 3]


def test_an_escalation_that_stands_in_the_desk_file_no_more_ends(store: Store) -> None:
    at, number = outage(store)
    at.tick()
    at.at = desk(TIERS)
    at.rewind()
    assert at.later(DAY) == []
    assert at.state(number).clocks == {}


def test_who_acknowledges_what_does_not_run_hears_so(store: Store) -> None:
    at = Desktop(store, desk(TIERS + CHAIN, OUTAGES))
    number = at.send("a@x.example")
    with pytest.raises(CannotActError, match="No escalation runs in ticket 1"):
        act(at, number)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("agent:luca, ", "agent:luka, "), 'no agent is called "luka"'),
        (("transfer: escalates_to", "transfer: lead"), 'no department is called "lead"'),
        (("general, escalates_to: leads,", "general,"), "no department has escalates_to"),
        (("id: leads,", "id: leads, escalates_to: general,"), "escalates in a circle: general → leads → general"),
        (("escalates_to: leads,", "escalates_to: leaders,"), 'no department is called "leaders"'),
        (('"slack:#outages"], wait: 10m', '"slack:#outages"]'), "says not when the next step comes"),
        (('{notify: ["email:boss@acme.example"], wait: 1h}', "{}"), "does nothing"),
        (("  - id: outage\n", "  - {id: outage, steps: [{notify: agent:sona}]}\n  - id: outage\n"), "is already taken"),
        (("notify: [department:leads]}", "notify: [department:leads], wait: 1h}"), ""),
    ],
)
def test_a_mistake_in_an_escalation_is_found_at_load(wrong: tuple[str, str], said: str) -> None:
    text = (TIERS + CHAIN).replace(*wrong)
    assert text != TIERS + CHAIN
    if not said:
        assert desk(text)  # only odd
        return
    with pytest.raises(DeskError, match=said):
        desk(text)
