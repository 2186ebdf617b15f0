"""Time events: each rule is asked once for a state of a ticket, at its time, whatever the ticks' rhythm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.calendar import Calendar
from router.act import Acts
from tests.clocks.ticking import BEGIN, DAY, HOUR, MINUTE, Desktop
from tests.clocks.timed_desks import OFFICE, waits
from tests.desks import HEAD, desk
from tickets.calendar import back, open_seconds
from tickets.store import Store


def struck(at: Desktop, number: int) -> list[str]:
    """Return the time events in a ticket's history."""
    return [event for event, _, _ in at.history(number) if event.startswith("time.")]


@pytest.mark.parametrize(
    ("event", "set_to"),
    [
        ("time.older_than", {"created_at": BEGIN}),
        ("time.status_older_than", {"status_since": BEGIN}),
        ("time.unassigned_longer_than", {"agent_since": BEGIN}),
        ("time.waiting_for_agent", {"waiting_since": BEGIN}),
        ("time.waiting_for_customer", {"answered_at": BEGIN, "heard_at": BEGIN - 1, "waiting_since": None}),
    ],
)
def test_a_rule_is_asked_when_it_has_been_so_for_so_long_and_not_again(
    store: Store, event: str, set_to: dict[str, float | None]
) -> None:
    at = Desktop(store, desk(rules=waits(event, "2h")))
    at.now = BEGIN - 1
    number = at.send("a@x.example")
    at.set(number, timed_by=None, **set_to)
    at.rewind()
    at.now = BEGIN
    assert at.later(2 * HOUR - 1) == []
    assert len(at.later(1)) == 1
    assert at.state(number).priority == "high"
    assert at.history(number)[-2:] == [
        (event, "clock", {"since": BEGIN, "rules": ["Waits"]}),
        ("ticket.priority_changed", "rule:Waits", {"from": "normal", "to": "high"}),
    ]
    assert at.state(number).due_at is None
    for _ in range(3):
        assert at.later(DAY) == []


def test_a_new_message_begins_the_waiting_anew(store: Store) -> None:
    at = Desktop(store, desk(rules=waits("time.waiting_for_agent", "1h", "{tag: vip}")))
    number = at.send("a@x.example")
    at.now += HOUR / 2
    at.send("b@x.example", answers="a@x.example")  # the oldest message without an answer counts
    assert len(at.later(HOUR / 2)) == 1
    at.set(number, waiting_since=None, timed_by=None)  # somebody answered
    at.rewind()
    assert at.later(DAY) == []
    at.send("c@x.example", answers="a@x.example")
    assert at.later(HOUR - 1) == []
    assert len(at.later(1)) == 1
    assert struck(at, number) == ["time.waiting_for_agent"] * 2


def test_it_is_asked_only_while_the_ticket_has_one_of_the_statuses(store: Store) -> None:
    rules = waits("time.older_than", "{than: 1h, status: [answered]}") + waits(
        "time.older_than", "{than: 1d, status: [resolved]}", "{status: closed}", "Closes"
    )
    at = Desktop(store, desk(rules=rules))
    number = at.send("a@x.example")
    assert at.later(2 * HOUR) == []
    at.set(number, status="answered", timed_by=None)
    at.rewind()
    assert len(at.tick()) == 1  # it is old enough, and answered at last
    assert at.later(2 * DAY) == []
    at.set(number, status="resolved", timed_by=None)
    at.rewind()
    assert len(at.tick()) == 1
    assert at.status(number) == "closed"


def test_a_ticket_that_is_over_is_left_alone_by_rules_that_name_no_status(store: Store) -> None:
    at = Desktop(store, desk(rules=waits("time.older_than", "1h")))
    number = at.send("a@x.example")
    at.set(number, status="resolved", timed_by=None)
    at.rewind()
    assert at.later(DAY) == []


def test_opening_hours_count_where_the_rule_says_so(store: Store) -> None:
    at = Desktop(store, desk(OFFICE, waits("time.waiting_for_agent", "{than: 4h, open_hours: true}")))
    at.now = BEGIN + 6 * HOUR  # Friday, 14:00
    number = at.send("a@x.example")
    assert at.state(number).due_at == BEGIN + 3 * DAY + 2 * HOUR  # Monday, 10:00


def test_promises_are_told_before_and_after(store: Store) -> None:
    rules = waits("time.due_in_less_than", "30m", "{tag: vip}", "Soon") + waits("time.overdue_more_than", "1h")
    promising = HEAD.replace("id: general,", "id: general, sla: fast,") + "slas: [{id: fast, first_response: 2h}]\n"
    at = Desktop(store, desk(promising, rules))
    number = at.send("a@x.example")
    assert at.state(number).sla_due_at == BEGIN + 2 * HOUR
    assert at.later(90 * MINUTE - 1) == []
    assert len(at.later(1)) == 1
    assert (at.state(number).tags, at.state(number).priority) == (("vip",), "normal")
    assert len(at.later(30 * MINUTE)) == 1  # the promise is broken
    assert at.later(HOUR - 1) == []
    assert len(at.later(1)) == 1
    assert at.state(number).priority == "high"
    assert at.later(DAY) == []
    assert struck(at, number) == ["time.due_in_less_than", "time.overdue_more_than"]


def test_what_is_over_is_left_alone_by_another_desk_file(store: Store) -> None:
    at = Desktop(store, desk(rules=waits("time.older_than", "1h")))
    number = at.send("a@x.example")
    at.later(HOUR)
    Acts(store, lambda: at.at, lambda: at.now).status(number, "sona", "resolved")
    assert at.state(number).timed_by is None
    at.at = desk(rules=waits("time.older_than", "2h"))
    assert at.rewind() == 0
    at.send("b@x.example", answers="a@x.example")
    assert at.status(number) == "open"
    assert at.later(DAY) == []  # it was asked, and is as old as it was


def test_the_first_time_rule_of_a_desk_times_the_tickets_that_are_there_and_the_last_stops(store: Store) -> None:
    at = Desktop(store, desk())
    numbers = [at.send(f"{n}@x.example") for n in range(3)]
    over = at.send("over@x.example")
    at.set(over, status="closed")
    assert at.rewind() == 0
    at.at = desk(rules=waits("time.older_than", "1h"))
    assert at.rewind() == 3
    assert at.rewind() == 0
    at.at = desk(rules=waits("time.older_than", "3h"))
    assert at.rewind() == 3
    assert at.later(2 * HOUR) == []
    at.at = desk(rules=waits("time.older_than", "1h"))
    assert at.rewind() == 3
    assert len(at.tick()) == 3
    at.at = desk()
    assert at.rewind() == 3
    assert at.later(DAY) == []
    at.at = desk(rules=waits("time.older_than", "1h"))  # back again: what has struck has struck
    at.rewind()
    assert at.later(DAY) == []
    assert [struck(at, number) for number in numbers] == [["time.older_than"]] * 3


def test_a_rule_whose_conditions_do_not_hold_then_says_so_and_other_rules_are_not_asked(store: Store) -> None:
    rules = waits("time.older_than", "2h", "{tag: vip}", "Later") + (
        "  - {name: Invoices, on: [{time.older_than: 1h}], when: [{subject: invoice}], then: [{priority: high}]}\n"
    )
    at = Desktop(store, desk(rules=rules))
    number = at.send("a@x.example")
    at.later(HOUR)
    runs = {run["rule"]: run["result"] for run in at.trace(number)["rules"]}
    assert runs.get("Invoices") == "failed"
    assert runs.get("Later", "not_for_event") == "not_for_event"
    assert at.told(number)[-1][1] == "ticket.created"


@given(
    end=st.floats(BEGIN, BEGIN + 400 * DAY).map(round).map(float),
    seconds=st.integers(1, 300 * 3600),
    hours=st.sampled_from([{"mon-fri": ["09:00-17:00"]}, {"sat": ["22:00-24:00"]}, {"mon": ["00:00-00:10"]}]),
)
def test_so_much_open_time_before_a_moment_is_so_much_open_time_until_it(
    end: float, seconds: int, hours: dict[str, list[str]]
) -> None:
    calendar = Calendar.model_validate({"id": "a", "timezone": "Europe/Bratislava", "hours": hours})
    begin = back(calendar, end, seconds)
    if begin is not None:
        assert open_seconds(calendar, begin, end) == pytest.approx(seconds)
