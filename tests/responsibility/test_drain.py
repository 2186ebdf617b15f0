"""The queue of a department with a strategy is drained the moment somebody can have what waits in it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from router.drain import drained
from tests.desks import mail
from tests.responsibility.desks import support, team
from tests.responsibility.shift import MOST, THREE, Shift
from tickets import look
from tickets.schema import decisions, events
from tickets.store import Store

ONE_EACH = {one: {"capacity": 1} for one in THREE}


@pytest.fixture
def shift(store: Store, tmp_path: Path) -> Shift:
    made = Shift(store, team(THREE), tmp_path / "out")
    made.says(assignment="round_robin")
    return made


def at(day: int, hour: int, minute: int = 0) -> float:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()


def everybody_away(shift: Shift) -> None:
    for one in THREE:
        shift.away(one)


def lines(shift: Shift) -> tuple[int, int]:
    """Return how many lines all histories and traces have."""
    with shift.store.read() as connection:
        counted = [connection.scalar(select(func.count()).select_from(one)) or 0 for one in (events, decisions)]
    return counted[0], counted[1]


def test_who_comes_back_has_what_waits_and_is_told_and_the_trace_says_why(shift: Shift) -> None:
    everybody_away(shift)
    number = shift.mails_in()
    assert shift.ticket(number)["unassigned_reason"] == "all_offline"
    before = lines(shift)
    assert shift.tick() == []
    assert lines(shift) == before
    shift.back("luca")
    [moved] = shift.tick()
    assert (moved.ticket, shift.whose(number)) == (number, "luca")
    assert moved.rings
    assert ("luca", "email", "pending") in shift.owed(number)
    assert shift.past(number) == [("ticket.assigned", "desk", {"from": None, "to": "luca", "reason": "round_robin"})]
    [pick] = shift.trace(number)["picked"]
    assert pick["passed_over"] == [["sona", "away"], ["mia", "away"]]
    assert shift.tick() == []


def test_what_an_absent_agent_had_goes_to_the_next_in_the_same_turn(shift: Shift) -> None:
    number = shift.mails_in()
    assert shift.whose(number) == "sona"
    shift.away("sona")
    [moved] = shift.tick()
    assert (moved.ticket, shift.whose(number)) == (number, "luca")
    assert [line[0] for line in shift.past(number)] == ["ticket.assigned", "ticket.unassigned", "ticket.assigned"]


def test_a_shift_that_begins_drains_the_queue(shift: Shift) -> None:
    shift.says({one: {"calendar": "office"} for one in THREE}, assignment="round_robin")
    shift.now = at(24, 7, 59)
    number = shift.mails_in()
    shift.tick(59)
    assert (shift.whose(number), shift.ticket(number)["unassigned_reason"]) == (None, "outside_hours")
    shift.tick(1)
    assert shift.whose(number) == "sona"


def test_a_vacation_that_ends_drains_the_queue(shift: Shift) -> None:
    vacation = {"vacations": [{"from": "2026-11-20", "to": "2026-11-23"}]}
    shift.says(dict.fromkeys(THREE, vacation), assignment="round_robin")
    number = shift.mails_in()
    shift.tick(at(24, 0) - shift.now - 1)
    assert shift.whose(number) is None
    shift.tick(1)
    assert shift.whose(number) == "sona"


def test_a_department_that_opens_drains_its_chats(shift: Shift) -> None:
    shift.says(assignment="round_robin", availability={"chat": "office"}, ring_within="1h")
    shift.now = at(24, 7, 59)
    number = shift.chats()
    assert shift.ticket(number)["unassigned_reason"] == "outside_hours"
    shift.tick(59)
    assert shift.whose(number) is None
    shift.tick(1)
    assert shift.whose(number) == "sona"


@pytest.mark.parametrize("how", ["answered", "resolved", "moved", "gone"])
def test_capacity_that_becomes_free_drains_the_queue_however_it_did(shift: Shift, how: str) -> None:
    shift.says(ONE_EACH, assignment="round_robin")
    held = [shift.mails_in() for _ in THREE]
    number = shift.mails_in()
    assert [shift.whose(one) for one in (*held, number)] == ["sona", "luca", "mia", None]
    shift.tick()
    assert (shift.whose(number), shift.ticket(number)["unassigned_reason"]) == (None, "all_at_capacity")
    if how == "answered":
        shift.answer(held[1], "luca")
    elif how == "resolved":
        shift.acts.status(held[1], "luca", "resolved")
    elif how == "moved":
        shift.set(held[1], agent=None, unassigned_reason="rule_unassigned")
    else:
        shift.set(held[1], department="elsewhere", status="closed")
    shift.tick()
    assert shift.whose(number) == "luca"


def test_the_most_urgent_goes_first(shift: Shift) -> None:
    shift.says(ONE_EACH, assignment="round_robin")
    everybody_away(shift)
    normal, high, later, soon = (shift.mails_in() for _ in range(4))
    shift.set(high, priority="high")
    shift.set(later, sla_due_at=shift.now + 7_200)
    shift.set(soon, sla_due_at=shift.now + 3_600)
    for one in THREE:
        shift.back(one)
    shift.tick()
    assert [shift.whose(one) for one in (soon, later, high, normal)] == ["sona", "luca", "mia", None]


def test_what_nobody_can_have_keeps_nothing_else_waiting(shift: Shift) -> None:
    everybody_away(shift)
    first, second, third = (shift.mails_in() for _ in range(3))
    shift.set(first, priority="urgent", skills='{"greek": null}')
    shift.set(second, priority="high", skills='{"greek": null}')
    shift.back("sona")
    shift.tick()
    assert [shift.whose(one) for one in (first, second, third)] == [None, None, "sona"]


def test_a_skill_that_is_not_asked_for_any_more_drains_the_queue(shift: Shift) -> None:
    everybody_away(shift)
    number = shift.mails_in()
    shift.set(number, skills=f'{{"greek": {shift.now + 60}}}')
    shift.back("sona")
    shift.tick(59)
    assert shift.whose(number) is None
    shift.tick(1)
    assert shift.whose(number) == "sona"


def test_a_new_desk_file_drains_the_queue(shift: Shift) -> None:
    everybody_away(shift)
    number = shift.mails_in()
    shift.tick()
    shift.at = team({**THREE, "nora": {}}, departments=support(assignment="least_loaded"))
    shift.tick()
    assert shift.whose(number) == "nora"


def test_what_a_rule_gave_to_nobody_and_what_is_in_a_queue_without_a_strategy_waits_for_a_hand(shift: Shift) -> None:
    everybody_away(shift)
    number = shift.mails_in()
    shift.set(number, unassigned_reason="rule_unassigned")
    shift.back("sona")
    assert shift.tick() == []
    shift.says()
    shift.set(number, unassigned_reason="several_agents")
    assert shift.tick() == []


def test_a_contact_whose_agent_is_back_is_sent_to_them_and_others_wait(shift: Shift) -> None:
    shift.says(sticky=True)
    mine = shift.of("luca")
    shift.answer(mine, "luca")
    shift.away("luca")
    anns, bens = shift.mails_in(), shift.mails_in(sender="ben@example.com")
    shift.tick()
    assert (shift.whose(anns), shift.whose(bens)) == (None, None)
    shift.back("luca")
    shift.tick()
    assert (shift.whose(anns), shift.whose(bens)) == ("luca", None)


def test_eight_clocks_at_once_give_each_ticket_once_and_nobody_too_much(shift: Shift, store: Store) -> None:
    everybody_away(shift)
    shift.says({one: {"capacity": 3} for one in THREE}, assignment="least_loaded")
    numbers = [shift.mails_in() for _ in range(12)]
    for one in THREE:
        shift.back(one)
    book = shift.book
    with ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(lambda _: list(drained(store, book, shift.now, MOST)), range(8)))
    assert sorted(one.ticket for each in moved for one in each) == numbers[:9]
    held = [row["agent"] for row in look.listing(store)]
    assert {one: held.count(one) for one in (*THREE, None)} == {"sona": 3, "luca": 3, "mia": 3, None: 3}
    assert [len(shift.past(one)) for one in numbers] == [1] * 9 + [0] * 3


def test_a_customers_message_asks_the_strategy_at_once(shift: Shift) -> None:
    everybody_away(shift)
    number = shift.mails_in()
    shift.back("mia")
    shift.route(mail("again@customer", answers="m1@customer", to="support@acme.example"))
    assert shift.whose(number) == "mia"
