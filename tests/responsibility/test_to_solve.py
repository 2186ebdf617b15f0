"""`to solve` gives an agent the most urgent ticket they may take, and nobody else the same one."""

from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import insert, text

from router.book import Shelf
from router.hand import CannotActError
from router.to_solve import _FREE, _OWN, ToSolve, to_solve
from tests.responsibility.crew import Crew
from tests.responsibility.desks import MONDAY_NOON, support, team
from tickets.schema import contacts, tickets
from tickets.store import Store


def crew(store: Store, agents: dict[str, dict[str, Any]] | None = None, **sections: Any) -> Crew:
    return Crew(store, team(agents or {"sona": {}, "luca": {}}, **sections))


def ask(desk: Crew, agent: str = "sona", *, look: bool = False) -> ToSolve | None:
    return to_solve(desk.store, Shelf(lambda: desk.at).book(), agent, desk.now, look=look)


def number(desk: Crew, agent: str = "sona", *, look: bool = False) -> int | None:
    found = ask(desk, agent, look=look)
    return found.ticket.number if found else None


def test_it_is_the_agents_from_now_on_and_the_history_says_why(store: Store) -> None:
    desk = crew(store)
    [one] = desk.comes()
    found = ask(desk)
    assert found is not None
    assert (found.ticket.number, found.ticket.agent, found.own) == (one, "sona", False)
    assert (desk.all(), desk.reason(one)) == ({one: "sona"}, None)
    assigned = desk._ticket(one)["history"][-1]
    assert (assigned["event"], assigned["actor"]) == ("ticket.assigned", "agent:sona")
    assert assigned["data"] == {"from": None, "to": "sona", "reason": "to_solve"}


def test_who_has_tickets_that_wait_gets_their_own_first_and_again_until_they_answer(store: Store) -> None:
    desk = crew(store)
    first, second = desk.comes(2)
    desk.set(first, waiting_since=MONDAY_NOON + 5)
    assert number(desk) == second
    again = ask(desk)
    assert again is not None
    assert (again.ticket.number, again.own, again.rings) == (second, True, ())
    desk.acts.answer(second, "sona", "It is on its way.")
    assert number(desk) == first


def test_urgency_is_the_nearest_promise_then_the_priority_then_who_waits_longest(store: Store) -> None:
    desk = crew(store)
    low, urgent, waits, longer, promised, broken, machine = desk.comes(7)
    desk.set(low, priority="low")
    desk.set(urgent, priority="urgent", waiting_since=MONDAY_NOON - 1)
    desk.set(waits, waiting_since=MONDAY_NOON - 60)
    desk.set(longer, waiting_since=MONDAY_NOON - 90)
    desk.set(promised, priority="low", sla_due_at=MONDAY_NOON + 600)
    desk.set(broken, sla_due_at=MONDAY_NOON - 600)
    desk.set(machine, waiting_since=None)
    order = []
    while (found := number(desk)) is not None:
        order.append(found)
        desk.set(found, status="answered")
    assert order == [broken, promised, urgent, longer, waits, machine, low]


def test_only_tickets_of_the_agents_departments_that_are_open_and_nobodys(store: Store) -> None:
    departments = [
        *support(agents=["luca"]),
        {"id": "other", "name": "Other", "agents": ["sona", "luca"], "addresses": ["other@acme.example"]},
    ]
    desk = crew(store, departments=departments)
    support_ = desk.comes(1)[0]
    answered, lucas, last = desk.comes(3, to="other@acme.example")
    desk.set(answered, status="answered")
    desk.set(lucas, agent="luca")
    assert [number(desk, look=True), number(desk)] == [last, last]
    desk.set(last, status="resolved")
    assert number(desk) is None
    desk.set(lucas, status="resolved")
    assert number(desk, "luca") == support_


def test_skills_and_ways_keep_a_ticket_from_who_cannot_do_it_but_capacity_does_not(store: Store) -> None:
    desk = crew(store, {"sona": {"capacity": 1, "ways": ["mail"]}, "luca": {"skills": ["czech"]}})
    mine, czech, chat, easy = desk.comes(4)
    desk.set(mine, agent="sona", status="answered")
    desk.set(czech, skills='{"czech": null}', priority="urgent")
    desk.set(chat, channel="site", priority="urgent")
    assert number(desk) == easy
    desk.set(easy, status="resolved")
    assert number(desk) is None
    assert {number(desk, "luca", look=True)} <= {czech, chat}


def test_behind_many_tickets_of_a_way_they_do_not_take_there_may_be_one_for_them(store: Store) -> None:
    desk = crew(store, {"sona": {"ways": ["mail"]}, "luca": {}})
    [one] = desk.comes()
    fill(desk.store, 300, channel="site", priority="high", waiting_since=MONDAY_NOON)
    assert number(desk) == one


def test_looking_changes_nothing(store: Store) -> None:
    desk = crew(store)
    [one] = desk.comes()
    before = desk.events(one)
    assert number(desk, look=True) == number(desk, "luca", look=True) == one
    assert (desk.all(), desk.events(one)) == ({one: None}, before)


def test_who_is_not_at_work_or_not_of_the_desk_is_told_so(store: Store) -> None:
    desk = crew(store)
    desk.comes()
    desk.goes("sona")
    with pytest.raises(CannotActError, match=r"Sona is not at work \(away\)"):
        ask(desk)
    with pytest.raises(CannotActError, match="No agent is called 'ghost'"):
        ask(desk, "ghost")
    assert set(desk.have()) == {None}


def test_a_hundred_times_everybody_clicks_at_once_and_each_ticket_has_one_winner(store: Store) -> None:
    agents = ["sona", "luca", "mia", "tomas"]
    desk = crew(store, {name: {} for name in agents})
    book, rounds = Shelf(lambda: desk.at).book(), 100 // len(agents)
    fill(store, rounds * len(agents) - 1)  # one less than they ask for: somebody gets nothing in the end
    starts, got = Barrier(len(agents)), list[tuple[str, int | None]]()
    troubles: list[Exception] = []

    def click(agent: str) -> None:
        try:
            for _ in range(rounds):
                starts.wait(30)
                found = to_solve(store, book, agent, desk.now)
                got.append((agent, found.ticket.number if found else None))
                if found:
                    desk.acts.status(found.ticket.number or 0, agent, "resolved")
        except Exception as error:  # noqa: BLE001  # whatever it is, the story must fail by it
            troubles.append(error)
            starts.abort()

    clicking = [Thread(target=click, args=(agent,)) for agent in agents]
    for one in clicking:
        one.start()
    for one in clicking:
        one.join()
    assert troubles == []
    won = [number for _, number in got if number is not None]
    assert len(won) == len(set(won)) == rounds * len(agents) - 1
    assert {desk.all()[number] for agent, number in got if number is not None} == set(agents)
    assert all(desk.all()[number] == agent for agent, number in got if number is not None)


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_a_ticket_that_is_being_written_to_is_waited_for_and_not_overlooked(store: Store) -> None:
    desk = crew(store)
    [one] = desk.comes()
    asked = Thread(target=ask, args=(desk,))
    with store.write() as connection:
        connection.execute(tickets.select().where(tickets.c.id == one).with_for_update())
        asked.start()
        waits = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        with store.read() as watching:
            while not watching.scalar(waits):
                assert asked.is_alive()
    asked.join()
    assert desk.all() == {one: "sona"}


def fill(store: Store, many: int, **said: Any) -> None:
    """Write tickets without a word in them."""
    row = {
        "subject": "Hello",
        "channel": "mail",
        "contact_id": 1_000_000,
        "contact_name": "",
        "contact_address": "",
        "department": "support",
        "status": "new",
        "priority": "normal",
        "tags": "[]",
        "messages": 1,
        **dict.fromkeys(("created_at", "updated_at", "status_since", "agent_since"), MONDAY_NOON),
        **said,
    }
    with store.write() as connection:
        if connection.execute(contacts.select().where(contacts.c.id == 1_000_000)).first() is None:
            connection.execute(insert(contacts), {"id": 1_000_000, "name": "", "created_at": 0.0})
        connection.execute(insert(tickets), [row] * many)


def test_it_reads_the_beginning_of_the_index_however_many_tickets_there_are(store: Store) -> None:
    fill(store, 20_000, status="closed")
    fill(store, 2_000, sla_due_at=MONDAY_NOON)
    fill(store, 2_000, waiting_since=MONDAY_NOON)
    fill(store, 2_000)
    asked = {"of_department": "support", "of_priority": "normal", "refused": [], "whose": "sona"}
    explain = "EXPLAIN QUERY PLAN" if store.sqlite else "EXPLAIN"
    with store.write() as connection:
        connection.execute(text("ANALYZE"))
        for step, _ in (*_OWN, *_FREE):
            prepared = step._text(connection.dialect)
            cursor = connection.connection.cursor()
            cursor.execute(f"{explain} {prepared.sql}", prepared.values(asked))
            plan = str(cursor.fetchall())
            assert "tickets_working" in plan
            assert "TEMP B-TREE" not in plan  # nothing is sorted
            assert "Sort" not in plan
