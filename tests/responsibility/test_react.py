"""Who does not react to what others gave them loses it to the next; what rings with everybody rings again."""

from pathlib import Path

import pytest
from sqlalchemy import select

from router.clocks.react import MOST_RINGS
from router.missed import missed
from tests.desks import mail
from tests.responsibility.desks import team
from tests.responsibility.shift import THREE, Shift
from tickets.schema import outbox, tickets
from tickets.store import Store


@pytest.fixture
def shift(store: Store, tmp_path: Path) -> Shift:
    made = Shift(store, team(THREE), tmp_path / "out")
    made.says(assignment="round_robin", react_within="10m")
    return made


def rings(shift: Shift, number: int) -> int:
    return shift.events(number).count("ticket.rung")


def called(shift: Shift, number: int) -> list[str]:
    rang = select(outbox.c.recipient).where(outbox.c.ticket_id == number, outbox.c.word == "chat_ringing")
    with shift.store.read() as connection:
        return list(connection.scalars(rang.order_by(outbox.c.id)))


def test_who_does_not_react_loses_it_to_the_next_and_everybody_is_asked_once(shift: Shift) -> None:
    number = shift.mails_in()
    assert shift.tick(599) == []
    assert shift.whose(number) == "sona"
    shift.tick(1)
    assert shift.past(number)[1:] == [
        (
            "ticket.unassigned",
            "desk",
            {"from": "sona", "reason": "not_reacted", "why": "Sona did not react within 10 min"},
        ),
        ("ticket.assigned", "desk", {"from": None, "to": "luca", "reason": "round_robin"}),
    ]
    [pick] = shift.trace(number)["picked"]
    assert pick["passed_over"] == [
        ["sona", "has passed it on"],
        ["mia", "had a turn later, or stands below in the desk file"],
    ]
    shift.tick(600)
    assert shift.whose(number) == "mia"
    shift.tick(600)
    assert (shift.whose(number), shift.ticket(number)["unassigned_reason"]) == (None, "passed_on")
    known = shift.ticket(number)["history"]
    for _ in range(3):
        shift.tick(6_000)
    assert shift.ticket(number)["history"] == known


def test_when_the_customer_writes_again_everybody_is_asked_again(shift: Shift) -> None:
    number = shift.mails_in()
    for _ in THREE:
        shift.tick(600)
    assert shift.whose(number) is None
    shift.route(mail("again@customer", answers="m1@customer", to="support@acme.example"))
    shift.tick()
    assert shift.whose(number) == "sona"


def test_who_comes_to_the_team_later_is_asked_too(shift: Shift) -> None:
    number = shift.mails_in()
    for _ in THREE:
        shift.tick(600)
    shift.says({"nora": {}}, assignment="round_robin", react_within="10m")
    shift.tick()
    assert shift.whose(number) == "nora"


@pytest.mark.parametrize("act", ["note", "priority", "answer"])
def test_who_does_anything_about_it_keeps_it(shift: Shift, act: str) -> None:
    number = shift.mails_in()
    shift.now += 599
    if act == "note":
        shift.acts.note(number, "sona", "I am at it")
    elif act == "priority":
        shift.acts.priority(number, "sona", "high")
    else:
        shift.answer(number, "sona")
    shift.tick(600_000)
    assert shift.whose(number) == "sona"


def test_what_colleagues_do_about_it_is_no_reaction(shift: Shift) -> None:
    number = shift.mails_in()
    shift.acts.note(number, "luca", "Sona, this is yours")
    shift.tick(600)
    assert shift.whose(number) == "luca"


def test_what_a_colleague_gave_goes_on_too_and_what_one_takes_oneself_stays(shift: Shift) -> None:
    number, mine = shift.mails_in(), shift.mails_in()
    shift.acts.assign(number, "mia", "luca")
    shift.acts.assign(mine, "mia", "mia")
    shift.tick(599)
    assert (shift.whose(number), shift.whose(mine)) == ("luca", "mia")
    shift.tick(1)
    assert (shift.whose(number), shift.past(number)[-2][2]["reason"]) == ("mia", "not_reacted")
    shift.tick(600_000)
    assert shift.whose(mine) == "mia"


def test_without_a_strategy_it_is_nobodys_again_and_the_department_hears_of_it(shift: Shift) -> None:
    shift.says(react_within="10m")
    number = shift.mails_in()
    shift.acts.assign(number, "mia", "luca")
    shift.tick(600)
    assert (shift.whose(number), shift.ticket(number)["unassigned_reason"]) == (None, "not_reacted")
    told = [who for who, _, state in shift.owed(number) if state == "pending"]
    assert told[-3:] == ["sona", "luca", "mia"]


def test_who_stands_in_gets_it_where_the_department_says_so_and_has_as_long(shift: Shift) -> None:
    shift.says({"luca": {"substitute": "mia"}}, react_within="10m", when_away="substitute")
    number = shift.mails_in()
    shift.acts.assign(number, "sona", "luca")
    shift.tick(600)
    assert shift.past(number)[-1][2] == {
        "from": "luca",
        "to": "mia",
        "reason": "not_reacted",
        "why": "Luca did not react within 10 min",
    }
    shift.tick(600)
    assert (shift.whose(number), shift.ticket(number)["unassigned_reason"]) == (None, "not_reacted")


def test_who_takes_what_is_on_the_way_to_others_keeps_it(shift: Shift) -> None:
    number = shift.mails_in()
    for _ in THREE:
        shift.tick(600)
    shift.acts.take(number, "sona")
    shift.tick(600_000)
    assert shift.whose(number) == "sona"


def test_a_department_that_does_not_say_waits_for_ever_but_not_in_a_chat(shift: Shift) -> None:
    shift.says(assignment="round_robin")
    letter, chat = shift.mails_in(), shift.chats()
    assert [shift.whose(one) for one in (letter, chat)] == ["sona", "luca"]
    shift.tick(29)
    assert shift.whose(chat) == "luca"
    shift.tick(1)
    assert shift.whose(chat) == "mia"
    shift.tick(600_000)
    assert shift.whose(letter) == "sona"


def test_a_new_desk_file_says_how_long_from_then_on(shift: Shift) -> None:
    number = shift.mails_in()
    shift.says(assignment="round_robin", react_within="1h")
    shift.tick(600)
    assert shift.whose(number) == "sona"
    shift.tick(3_000)
    assert shift.whose(number) == "luca"


def test_who_went_away_meanwhile_is_not_one_who_did_not_react(shift: Shift) -> None:
    number = shift.mails_in()
    shift.away("sona")
    shift.tick(300)
    shift.back("sona")
    assert shift.whose(number) == "luca"
    shift.tick(599)
    assert shift.whose(number) == "luca"
    shift.tick(1)
    assert shift.whose(number) == "mia"
    shift.tick(600)
    assert shift.whose(number) == "sona"


def test_a_chat_rings_with_all_who_could_have_it_until_somebody_takes_it(shift: Shift) -> None:
    shift.says({"mia": {"ways": ["mail"]}}, assignment="ring_all")
    shift.away("nobody")
    number = shift.chats()
    assert (shift.whose(number), shift.ticket(number)["unassigned_reason"]) == (None, "several_agents")
    assert shift.tick(29) == []
    assert rings(shift, number) == 0
    before = called(shift, number)
    assert sorted(before) == ["luca", "sona"]
    shift.tick(1)
    assert rings(shift, number) == 1
    assert sorted(called(shift, number)[len(before) :]) == ["luca", "sona"]
    shift.acts.take(number, "luca")
    shift.tick(30)
    shift.tick(3_000)
    assert (shift.whose(number), rings(shift, number)) == ("luca", 1)


def test_a_chat_that_nobody_takes_rings_three_times_and_waits_until_the_customer_writes(shift: Shift) -> None:
    shift.says(assignment="ring_all")
    number = shift.chats()
    for _ in range(10):
        shift.tick(30)
    assert rings(shift, number) == MOST_RINGS - 1  # it began to ring when it came
    before = called(shift, number)
    shift.chats()
    assert sorted(called(shift, number)[len(before) :]) == ["luca", "mia", "sona"]
    shift.tick(30)
    assert rings(shift, number) == MOST_RINGS


def test_it_rings_with_who_comes_back_later(shift: Shift) -> None:
    shift.says(assignment="ring_all")
    shift.away("mia")
    number = shift.chats()
    for _ in range(10):
        shift.tick(30)
    before, rung = called(shift, number), rings(shift, number)
    shift.back("mia")
    shift.tick()
    assert rings(shift, number) == rung + 1
    assert "mia" in called(shift, number)[len(before) :]
    assert shift.tick() == []


def test_a_note_of_a_colleague_does_not_ring(shift: Shift) -> None:
    shift.says(assignment="ring_all")
    number = shift.chats()
    before = called(shift, number)
    shift.acts.note(number, "sona", "Whose is this?")
    assert called(shift, number) == before


def test_where_nobody_is_there_it_rings_as_soon_as_somebody_is(shift: Shift) -> None:
    shift.says(assignment="ring_all")
    for one in THREE:
        shift.away(one)
    number = shift.chats()
    assert shift.tick(30) == []
    shift.back("luca")
    [moved] = shift.tick()
    assert (moved.ticket, rings(shift, number)) == (number, 1)


def test_a_ticket_that_somebody_is_at_has_no_clock_that_runs(shift: Shift) -> None:
    number = shift.mails_in()
    shift.acts.note(number, "sona", "I am at it")
    with shift.store.read() as connection:
        assert connection.execute(select(tickets.c.due_at, tickets.c.clocks)).all() == [(None, None)]


def missed_after(shift: Shift, seconds: float) -> bool:
    shift.tick(seconds)
    return list(missed(shift.store, shift.book, shift.now, 10)) != []


def test_a_chat_is_missed_when_nobody_it_was_given_to_has_answered_in_time(shift: Shift) -> None:
    number = shift.chats()
    shift.tick(30)
    assert shift.whose(number) == "luca"
    assert not missed_after(shift, 29)
    assert missed_after(shift, 1)
    assert "chat.missed" in shift.events(number)


def test_a_chat_that_was_answered_or_taken_in_time_is_not_missed(shift: Shift) -> None:
    given = shift.chats("vera")
    shift.says(assignment="ring_all")
    rung = shift.chats("otto")
    shift.answer(given, "sona")
    shift.acts.take(rung, "mia")
    assert not missed_after(shift, 3_600)
