"""Promises in stories: when an answer is due, who is told that it is late, and what stops the clock."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from router.act import Acts
from tests.clocks.ticking import DAY, Desktop
from tests.desks import HEAD, desk
from tickets.store import Store

PLACES = """
calendars:
  - {id: office, timezone: Europe/Bratislava, hours: {mon-fri: ["08:00-17:00"]}, holidays: SK}
slas:
  - {id: standard, first_response: 1h, next_response: 2h, resolution: 2d, warn_before: 30m}
  - {id: gold, calendar: always, first_response: 15m, priorities: {urgent: {first_response: 5m}}}
contact_groups:
  - {id: partners, members: ["@partner.example"], sla: gold}
"""
OFFICE = HEAD.replace("agents: all, addr", "agents: all, calendar: office, sla: standard, addr") + PLACES


def there(text: str) -> float:
    """Return a moment by the clock on the wall in Bratislava."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Bratislava")).timestamp()


class Promising(Desktop):
    """A desk that promises, at a time of its office's clock."""

    def __init__(self, store: Store, text: str = OFFICE, rules: str = "") -> None:
        super().__init__(store, desk(text, rules))
        self.acts = Acts(store, lambda: self.at, lambda: self.now)

    def to(self, text: str) -> None:
        """Let time go by until then, and tick whenever something is due, as a process that ticks all the time."""
        until = there(text)
        while (due := min(self._due(), default=until)) < until:
            self.later(max(due - self.now, 0.0))
        self.later(until - self.now)

    def _due(self) -> list[float]:
        states = [self.state(number) for number in range(1, len(self.counts()) + 1)]
        return [state.due_at for state in states if state.due_at is not None]

    def alarms(self, number: int) -> list[str]:
        """Return what the ticket's history tells of its promises."""
        history = self.history(number)
        return [f"{event} {data['target']}" for event, actor, data in history if actor == "clock"]


@pytest.fixture
def at(store: Store) -> Iterator[Promising]:
    made = Promising(store)
    made.now = there("2026-11-27 16:55")
    yield made
    for number in range(1, len(made.counts()) + 1):
        alarms = made.alarms(number)
        assert len(alarms) == len(set(alarms))


def test_a_mail_of_friday_evening_is_due_on_monday_and_late_is_told_once(at: Promising) -> None:
    number = at.send("a@x.example")
    state = at.state(number)
    assert state.sla_due_at == there("2026-11-30 08:55")
    assert state.due_at == there("2026-11-30 08:25")  # of the thirty minutes five are on Friday
    at.to("2026-11-30 08:25")
    assert at.alarms(number) == ["sla.warning first_response"]
    at.to("2026-11-30 12:00")
    assert at.alarms(number) == ["sla.warning first_response", "sla.breached first_response"]
    [data] = [data for event, _, data in at.history(number) if event == "sla.breached"]
    assert data == {
        "target": "first_response",
        "level": "standard",
        "due": "2026-11-30T07:55:00.000+00:00",
        "counted": "1h open in office since 2026-11-27T15:55:00.000+00:00",
    }
    assert at.state(number).sla_due_at == there("2026-11-30 08:55")  # who sorts by it has it first


def test_an_answer_in_time_leaves_nothing_to_tell(at: Promising) -> None:
    number = at.send("a@x.example")
    at.now = there("2026-11-30 08:10")
    at.acts.answer(number, "luca", "It is on its way.")
    assert at.state(number).sla_due_at is None  # it waits for the customer
    assert at.state(number).due_at is None
    at.to("2026-12-02 08:00")
    assert at.alarms(number) == []
    first = at.state(number).clocks["sla"]["targets"]["first_response"]
    assert first["met"] == there("2026-11-30 08:10")


def test_the_next_answer_is_due_from_the_oldest_message_nobody_has_answered(at: Promising) -> None:
    number = at.send("a@x.example")
    at.acts.answer(number, "luca", "It is on its way.")
    at.now = there("2026-11-30 09:00")
    at.send("b@x.example", answers="a@x.example")
    at.now = there("2026-11-30 10:30")
    at.send("c@x.example", answers="a@x.example")
    assert at.state(number).sla_due_at == there("2026-11-30 11:00")
    at.to("2026-11-30 11:00")
    assert at.alarms(number) == ["sla.warning next_response", "sla.breached next_response"]


def test_holidays_are_not_counted(at: Promising) -> None:
    at.now = there("2026-12-23 16:30")
    number = at.send("a@x.example")
    assert at.state(number).sla_due_at == there("2026-12-28 08:30")
    at.to("2026-12-28 08:29")
    assert at.alarms(number) == ["sla.warning first_response"]  # at 17:00, half an hour of the office before


def test_what_becomes_late_in_the_night_is_told_in_the_morning(at: Promising) -> None:
    at.now = there("2026-11-27 09:00")
    number = at.send("a@x.example", to="billing@acme.example")
    assert at.state(number).sla_due_at is None
    at.now = there("2026-11-27 20:00")
    at.acts.transfer(number, "luca", "general")
    assert at.state(number).sla_due_at == there("2026-11-27 10:00")
    at.to("2026-11-30 07:55")
    assert at.alarms(number) == []
    at.to("2026-11-30 08:00")
    assert at.alarms(number) == ["sla.breached first_response"]


def test_a_desk_that_stood_still_tells_in_the_morning_what_was_late(at: Promising) -> None:
    at.now = there("2026-11-26 15:50")
    number = at.send("a@x.example")
    at.now = there("2026-11-26 19:00")
    assert at.tick() == []
    at.to("2026-11-27 08:00")
    assert at.alarms(number) == ["sla.breached first_response"]  # nobody is warned of what is late already
    assert [one[1] for one in at.told(number) if one[1].startswith("sla.")] == ["sla.breached"] * 3


def test_automatic_answers_satisfy_nothing(at: Promising) -> None:
    number = at.send("a@x.example")
    due = at.state(number).sla_due_at
    auto = at.send("b@x.example", answers="a@x.example", subject="Automatic reply: Hello")
    at.acts.note(number, "luca", "I have no idea.")
    assert auto == number
    assert at.state(number).sla_due_at == due


def test_the_agent_is_told_or_where_nobody_is_the_department(at: Promising) -> None:
    nobodys, lucas = at.send("a@x.example"), at.send("b@x.example", sender="bob@example.com")
    at.acts.take(lucas, "luca")
    at.to("2026-11-30 09:00")
    late = [one for one in at.told(nobodys) if one[1] == "sla.breached"]
    assert {one[0] for one in late} == {"sona", "luca", "mia"}
    assert late[0][2] == "a ticket of General is late: a promise to its customer is broken"
    assert [one for one in at.told(lucas) if one[1].startswith("sla.")] == [
        ("luca", "sla.warning", "your ticket has to be seen to: a promise to its customer is nearly due"),
        ("luca", "sla.breached", "your ticket is late: a promise to its customer is broken"),
    ]


def test_the_level_is_the_tickets_own_before_the_contacts_before_the_departments(at: Promising) -> None:
    assert at.state(at.send("a@x.example")).clocks["sla"]["level"] == "standard"
    number = at.send("b@x.example", sender="bob@partner.example")
    kept = at.state(number).clocks["sla"]
    assert (kept["level"], kept["because"]) == ("gold", "the contact is in the group partners")
    assert at.state(number).sla_due_at == there("2026-11-27 17:10")  # around the clock
    at.set(number, sla="standard", timed_by=None)
    at.rewind()
    kept = at.state(number).clocks["sla"]
    assert (kept["level"], kept["because"]) == ("standard", "it was given to the ticket")


def test_a_rule_is_asked_when_a_promise_is_broken(store: Store) -> None:
    at = Promising(store, rules="  - {name: Late, on: [sla.breached], then: [{priority: urgent}]}")
    at.now = there("2026-11-27 09:00")
    number = at.send("a@x.example")
    at.to("2026-11-27 12:00")
    assert at.state(number).priority == "urgent"
    assert at.events(number).count("sla.breached") == 1


def test_the_end_waits_while_the_customer_is_waited_for_and_goes_on_when_it_is_opened_again(at: Promising) -> None:
    at.now = there("2026-11-30 08:00")
    number = at.send("a@x.example")
    assert resolution(at, number) == there("2026-12-07 11:00")  # 48 hours of nine a day
    at.now = there("2026-11-30 09:00")
    at.acts.answer(number, "luca", "Which one?")
    assert resolution(at, number) is None
    at.now = there("2026-12-01 09:00")
    at.send("b@x.example", answers="a@x.example")
    assert resolution(at, number) == there("2026-12-08 11:00")
    at.acts.status(number, "luca", "resolved")
    assert at.state(number).due_at is None
    at.now += DAY
    at.send("c@x.example", answers="a@x.example")
    assert resolution(at, number) == there("2026-12-09 11:00")


def resolution(at: Promising, number: int) -> float | None:
    found: float | None = at.state(number).clocks["sla"]["targets"]["resolution"].get("due")
    return found


def test_tickets_that_were_there_are_promised_from_when_the_desk_promises(store: Store) -> None:
    at = Promising(store, HEAD)
    at.now = there("2026-11-02 09:00")
    old = at.send("a@x.example")
    over = at.send("b@x.example", sender="bob@example.com")
    at.acts.status(over, "luca", "resolved")
    assert at.state(old).clocks == {}
    at.now = there("2026-11-27 09:00")
    at.at = desk(OFFICE)
    assert at.rewind() == 1
    assert at.state(old).sla_due_at == there("2026-11-27 10:00")
    assert at.state(over).clocks == {}
    at.to("2026-11-27 11:00")
    assert at.alarms(old) == ["sla.warning first_response", "sla.breached first_response"]
    at.at = desk(HEAD)
    at.rewind()
    assert (at.state(old).clocks, at.state(old).sla_due_at) == ({}, None)


def test_other_targets_of_the_desk_file_count_from_the_beginning(at: Promising) -> None:
    at.now = there("2026-11-27 09:00")
    number = at.send("a@x.example")
    at.now = there("2026-11-27 09:10")
    at.at = desk(OFFICE.replace("first_response: 1h", "first_response: 3h"))
    at.rewind()
    assert at.state(number).sla_due_at == there("2026-11-27 12:00")
    at.acts.status(number, "luca", "closed")
    assert at.state(number).timed_by is None  # nobody winds it again
    at.at = desk(OFFICE)
    assert at.rewind() == 0


def test_a_ticket_that_waits_for_its_customer_costs_a_new_desk_file_nothing(at: Promising) -> None:
    at.now = there("2026-11-27 09:00")
    number = at.send("a@x.example")
    at.acts.answer(number, "luca", "Which one?")
    at.at = desk(OFFICE.replace("next_response: 2h", "next_response: 3h"))
    assert at.rewind() == 0
    at.send("b@x.example", answers="a@x.example")
    assert at.state(number).sla_due_at == there("2026-11-27 12:00")
