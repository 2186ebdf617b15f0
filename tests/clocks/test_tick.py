"""The tick: what is due happens once, whoever ticks, and costs by what is due."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Select, select, text

from router.clocks import tick as ticks
from router.clocks.rewind import others
from tests.clocks.ticking import BEGIN, DAY, HOUR, MINUTE, Desktop
from tests.desks import desk
from tickets.schema import tickets
from tickets.store import Store


def postponed(at: Desktop, message_id: str, until: float, agent: str | None = None) -> int:
    """Return a ticket that somebody has postponed."""
    number = at.send(message_id)
    at.set(number, status="postponed", postponed_until=until, due_at=until, clocks='{"postponed": null}', agent=agent)
    at.set(number, timed_by=at.at.version)
    return number


def test_a_postponed_ticket_is_open_again_when_its_time_has_come_and_whoever_has_it_is_told(store: Store) -> None:
    at = Desktop(store, desk())
    number = postponed(at, "a@x.example", BEGIN + HOUR, agent="luca")
    assert at.later(HOUR - 1) == []
    [ticked] = at.later(1)
    assert ticked.ticket == number
    assert at.status(number) == "open"
    state = at.state(number)
    assert (state.due_at, state.postponed_until, state.status_since) == (None, None, BEGIN + HOUR)
    said = {"from": "postponed", "to": "open", "reason": "postponed_until"}
    assert at.history(number)[-1] == ("ticket.status_changed", "clock", said)
    assert at.told(number)[-1] == ("luca", "ticket.status_changed", "the ticket was postponed until now")
    assert ticked.notices
    assert at.later(DAY) == []


def test_a_customer_who_writes_before_it_opens_it_and_nothing_is_due_any_more(store: Store) -> None:
    at = Desktop(store, desk())
    number = postponed(at, "a@x.example", BEGIN + HOUR, agent="luca")
    at.send("b@x.example", answers="a@x.example")
    assert at.status(number) == "open"
    assert at.later(HOUR) == []


def test_many_processes_tick_at_once_and_each_ticket_is_struck_once(store: Store) -> None:
    at = Desktop(store, desk())
    numbers = [postponed(at, f"{n}@x.example", BEGIN + HOUR) for n in range(12)]
    at.now += HOUR
    stores = [Store(str(store.engine.url.render_as_string(hide_password=False))) for _ in range(8)]
    begin = threading.Barrier(len(stores))

    def process(own: Store) -> list[int]:
        begin.wait()
        return [one.ticket for one in at.tick(own)]

    with ThreadPoolExecutor(len(stores)) as pool:
        struck = [number for found in pool.map(process, stores) for number in found]
    for own in stores:
        own.close()
    at.tick()  # whom a lock kept away
    assert [at.events(number).count("ticket.status_changed") for number in numbers] == [1] * 12
    assert len(struck) == len(set(struck))


def test_a_process_that_dies_in_the_middle_has_done_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    at = Desktop(store, desk())
    number = postponed(at, "a@x.example", BEGIN + HOUR, agent="luca")
    before, history, told = at.state(number), at.history(number), at.told(number)

    def killed(*_: object) -> None:
        raise Killed

    for line in ("save", "history", "owe"):
        with monkeypatch.context() as patch:
            patch.setattr(f"router.ticket.Pen.{line}", killed)
            with pytest.raises(Killed):
                at.later(HOUR)
        assert (at.state(number), at.history(number), at.told(number)) == (before, history, told)
    assert len(at.tick()) == 1


def due_at(store: Store, number: int) -> float:
    with store.read() as connection:
        found: float = connection.scalars(select(tickets.c.due_at).where(tickets.c.id == number)).one()
    return found


def test_a_ticket_that_cannot_be_struck_is_put_off_longer_each_time_and_keeps_no_other_waiting(
    store: Store,
) -> None:
    at = Desktop(store, desk())
    broken = postponed(at, "a@x.example", BEGIN + HOUR)
    fine = postponed(at, "b@x.example", BEGIN + HOUR + 1)
    at.set(broken, tags="5")  # no list
    assert [one.ticket for one in at.later(HOUR + 1)] == [fine]
    waits = []
    for _ in range(9):
        due = due_at(store, broken)
        waits.append(due - at.now)
        assert at.later(due - at.now - 1) == []  # before it, nobody tries
        assert due_at(store, broken) == due
        assert at.later(1) == []
    assert waits[:4] == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    assert waits[-1] == HOUR
    at.set(broken, tags="[]")
    assert [one.ticket for one in at.later(HOUR)] == [broken]
    assert at.state(broken).clocks == {}


def test_clocks_that_cannot_be_read_are_wound_anew(store: Store) -> None:
    at = Desktop(store, desk())
    number = postponed(at, "a@x.example", BEGIN + HOUR)
    at.set(number, clocks="{broken")
    assert at.later(HOUR) == []
    assert [one.ticket for one in at.later(MINUTE)] == [number]
    assert at.status(number) == "open"


def test_another_desk_file_winds_the_tickets_that_are_there_once(store: Store) -> None:
    at = Desktop(store, desk())
    waiting, answered = postponed(at, "a@x.example", BEGIN + HOUR), at.send("b@x.example")
    assert at.rewind() == 0
    at.at = desk(rules="  - {name: Other, then: [{tag: vip}]}")
    was = at.state(waiting)
    assert at.rewind() == 1
    assert at.state(waiting) == was._replace(timed_by=at.at.version)
    assert at.state(answered).timed_by is None
    assert at.rewind() == 0
    assert len(at.later(HOUR)) == 1


def test_a_tick_looks_at_what_is_due_and_not_at_what_there_is(store: Store) -> None:
    at = Desktop(store, desk())
    number = postponed(at, "a@x.example", BEGIN + HOUR)
    with store.write() as connection:
        names = [column.name for column in tickets.c if column.name != "id"]
        row = dict(connection.execute(select(tickets).where(tickets.c.id == number)).mappings().one())
        rows = [{**{name: row[name] for name in names}, "due_at": BEGIN + DAY + n} for n in range(3000)]
        connection.execute(tickets.insert(), rows)
    with store.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE tickets"))
    statements = [(ticks.DUE, {"now": BEGIN, "most": 500}), *((one, {}) for one in others(at.shelf.book()))]
    for statement, values in statements:
        plan = _plan(store, statement, values)
        assert "tickets_due" in plan or "tickets_timed" in plan, plan
        assert "SCAN" not in plan.replace("tickets_due", ""), plan
        assert "Seq Scan" not in plan, plan


def _plan(store: Store, statement: Select[Any], values: dict[str, Any]) -> str:
    compiled = statement.params(**values).compile(store.engine, compile_kwargs={"literal_binds": True})
    asked = f"EXPLAIN {'QUERY PLAN ' if store.sqlite else ''}{compiled}"
    with store.read() as connection:
        return "\n".join(str(row[-1]) for row in connection.execute(text(asked)))
