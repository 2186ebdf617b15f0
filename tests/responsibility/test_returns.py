"""No open ticket stays with somebody who is not at work longer than the department allows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from router import hold, returns
from router.returns import returned
from tests.desks import mail
from tests.responsibility.desks import support, team
from tests.responsibility.shift import MOST, THREE, Shift
from tickets.store import Store


@pytest.fixture
def shift(store: Store, tmp_path: Path) -> Shift:
    return Shift(store, team(THREE), tmp_path / "out")


def at(hour: int, minute: int = 0) -> float:
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC).timestamp()


def test_the_tickets_of_who_goes_away_go_back_to_the_queue(shift: Shift) -> None:
    mine, other = shift.of("sona"), shift.of("luca")
    shift.away("sona")
    [moved] = shift.tick()
    assert moved.ticket == mine
    assert (shift.whose(mine), shift.whose(other)) == (None, "luca")
    data = {"from": "sona", "reason": "away", "why": "Sona is away"}
    assert shift.past(mine) == [("ticket.unassigned", "desk", data)]
    assert shift.tick() == []


def test_a_substitute_has_them_instead_and_is_told(shift: Shift) -> None:
    shift.says({"sona": {"substitute": "mia"}}, when_away="substitute")
    mine = shift.of("sona")
    shift.away("sona")
    [moved] = shift.tick()
    assert shift.whose(mine) == "mia"
    data = {"from": "sona", "to": "mia", "reason": "away", "why": "Sona is away"}
    assert shift.past(mine) == [("ticket.assigned", "desk", data)]
    assert moved.rings
    assert ("mia", "email", "pending") in shift.owed(mine)


def test_where_nobody_stands_in_the_queue_has_them(shift: Shift) -> None:
    shift.says({"sona": {"substitute": "mia"}}, when_away="substitute")
    mine = shift.of("sona")
    shift.away("sona")
    shift.away("mia")
    shift.tick()
    why = "Sona is away, and nobody who stands in for them is at work"
    assert shift.past(mine) == [("ticket.unassigned", "desk", {"from": "sona", "reason": "away", "why": why})]


def test_a_department_may_keep_them_where_they_are(shift: Shift) -> None:
    shift.says(when_away="keep")
    mine = shift.of("sona")
    shift.away("sona")
    assert shift.tick(90_000) == []
    assert shift.whose(mine) == "sona"


def test_a_department_may_wait_before_it_takes_them(shift: Shift) -> None:
    shift.says(away_after="2h")
    mine = shift.of("sona")
    shift.away("sona")
    assert shift.tick(7_199) == []
    shift.back("sona")
    shift.away("sona")
    assert shift.tick(7_199) == []
    assert [one.ticket for one in shift.tick(1)] == [mine]


def test_a_vacation_takes_them_from_its_first_day_on(shift: Shift) -> None:
    shift.says({"sona": {"vacations": [{"from": "2026-11-24", "to": "2026-11-27", "substitute": "luca"}]}})
    mine = shift.of("sona")
    assert shift.tick(43_199) == []
    shift.tick(1)
    why = "Sona is on vacation until 2026-11-27"
    assert shift.past(mine) == [("ticket.unassigned", "desk", {"from": "sona", "reason": "vacation", "why": why})]


@pytest.mark.parametrize(
    ("moment", "after", "stays"),
    [
        (at(12, 29), "1s", True),
        (at(12, 45), "30m", True),
        (at(13, 0), "30m", False),
        (at(13, 30), "30m", True),  # back from lunch
        (at(17, 29), "30m", True),
        (at(17, 30), "30m", False),
        (at(19, 59), "3h", True),  # three hours ago the shift was on
        (at(20, 0), "3h", False),
    ],
)
def test_a_shift_that_is_over_takes_them_when_the_department_has_waited(
    shift: Shift, moment: float, after: str, *, stays: bool
) -> None:
    shift.says({"sona": {"calendar": "office"}}, away_after=after)
    mine = shift.of("sona")
    shift.now = moment
    shift.tick(0)
    assert (shift.whose(mine) == "sona") == stays


def test_who_leaves_the_department_or_the_desk_loses_them_whatever_it_says(shift: Shift) -> None:
    shift.says(when_away="keep", away_after="2h")
    left, removed, stays = shift.of("sona"), shift.of("luca"), shift.of("mia")
    shift.at = team({"sona": {}, "mia": {}}, departments=support(when_away="keep", agents=["mia"]))
    shift.tick()
    assert [shift.whose(one) for one in (left, removed, stays)] == [None, None, "mia"]
    assert shift.past(left)[0][2] == {"from": "sona", "reason": "left", "why": "Sona is not in Support any more"}
    assert shift.past(removed)[0][2]["why"] == "luca is not in the desk file any more"


def test_a_desks_only_agent_keeps_everything_and_gets_what_others_have_left(store: Store, tmp_path: Path) -> None:
    shift = Shift(store, team(THREE), tmp_path / "out")
    mine, lost = shift.of("sona"), shift.of("luca")
    shift.at = team({"sona": {}})
    shift.away("sona")
    shift.tick()
    assert (shift.whose(mine), shift.whose(lost)) == ("sona", "sona")


def test_what_is_answered_stays_until_the_customer_writes_and_then_not_for_a_moment(shift: Shift) -> None:
    number = shift.of("sona", text="Where is it?")
    shift.answer(number, "sona")
    shift.away("sona")
    assert shift.tick(90_000) == []
    assert shift.whose(number) == "sona"
    again = shift.route(mail("again@customer", answers="m1@customer", to="support@acme.example"))
    assert (again, shift.whose(number), shift.status(number)) == (number, None, "open")
    assert shift.events(number)[-3:] == ["message.received", "ticket.reopened", "ticket.unassigned"]
    assert shift.trace(number)["by"] == "desk"


def test_within_the_departments_patience_a_customers_message_leaves_it_where_it_is(shift: Shift) -> None:
    shift.says(away_after="2h")
    number = shift.of("sona")
    shift.answer(number, "sona")
    shift.away("sona")
    shift.now += 3_600
    shift.route(mail("again@customer", answers="m1@customer", to="support@acme.example"))
    assert shift.whose(number) == "sona"
    shift.tick(3_600)
    assert shift.whose(number) is None


def test_the_rules_hear_of_it(shift: Shift) -> None:
    rule = {"name": "Alone", "on": ["ticket.unassigned"], "then": [{"priority": "urgent"}]}
    shift.at = team(THREE, rules=[rule])
    mine = shift.of("sona")
    shift.away("sona")
    shift.tick()
    assert shift.ticket(mine)["priority"] == "urgent"


def test_eight_clocks_at_once_take_each_ticket_once(shift: Shift, store: Store) -> None:
    numbers = [shift.of("sona") for _ in range(12)]
    shift.away("sona")
    book = shift.book
    with ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(lambda _: list(returned(store, book, shift.now, MOST)), range(8)))
    assert sorted(one.ticket for each in moved for one in each) == numbers
    assert [len(shift.past(one)) for one in numbers] == [1] * 12


def test_a_ticket_with_which_something_is_wrong_holds_up_no_other(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, mine = shift.of("sona"), shift.of("sona")

    def held(connection: Any, number: int) -> Any:
        if number == wrong:
            raise ValueError("a row nobody foresaw")
        return hold.hold(connection, number)

    monkeypatch.setattr(returns, "hold", held)
    shift.away("sona")
    assert [one.ticket for one in shift.tick()] == [mine]


def test_what_cannot_be_moved_is_tried_again_later_and_later(
    shift: Shift, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, tried, moment = shift.of("sona"), list[float](), [0.0]

    def held(_connection: Any, _number: int) -> Any:
        tried.append(moment[0])
        raise ValueError("a row nobody foresaw")

    monkeypatch.setattr(returns, "hold", held)
    shift.away("sona")
    patience = returns.Patience()
    for minute in range(8):
        for moment[0] in (shift.now + 60 * minute, shift.now + 60 * minute + 1):
            assert list(returned(store, shift.book, moment[0], 10, patience)) == []
    assert [at - shift.now for at in tried] == [0, 60, 180, 420]
    monkeypatch.undo()
    assert [one.ticket for one in returned(store, shift.book, shift.now + 3600, 10, patience)] == [wrong]


def test_so_many_at_most_are_taken_in_one_tick(shift: Shift, store: Store) -> None:
    numbers = [shift.of("sona") for _ in range(3)]
    shift.away("sona")
    assert [one.ticket for one in returned(store, shift.book, shift.now, 2)] == numbers[:2]
    assert [one.ticket for one in shift.tick()] == numbers[2:]


def test_the_tick_goes_through_the_index_pair_by_pair(migrated_sqlite: Path) -> None:
    store = Store(f"sqlite:///{migrated_sqlite}")
    with store.read() as connection:
        plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {returns._PAIRS}"))]
    store.close()
    assert [line for line in plan if line.startswith("SCAN tickets")] == []
    assert any("SEARCH tickets USING" in line and "tickets_working" in line for line in plan)
