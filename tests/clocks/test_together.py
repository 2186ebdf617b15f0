"""Clocks and messages at the same moment, from many processes: each strikes once, and nothing is lost."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from router.route import Router
from tests.clocks.ticking import MINUTE, Desktop
from tests.clocks.timed_desks import waits
from tests.desks import desk, mail
from tickets import look
from tickets.store import Store

TICKETS, ROUNDS = 6, 4
RULES = (
    waits("time.waiting_for_agent", "1m", "{priority: high}")
    + waits("time.older_than", "3m", "{notify: ['email:boss@acme.example']}", "Old")
    + waits("time.unassigned_longer_than", "2m", "{assign: luca}", "Given")
)


def test_four_processes_tick_while_four_route_what_customers_write(store: Store) -> None:
    at = Desktop(store, desk(rules=RULES))
    numbers = [at.send(f"{n}@x.example") for n in range(TICKETS)]
    url = store.engine.url.render_as_string(hide_password=False)
    stores = [Store(url) for _ in range(8)]
    for turn in range(ROUNDS):
        at.now += MINUTE
        replies = [
            mail(f"{turn}.{n}.{i}@x.example", answers=f"{n}@x.example") for n in range(TICKETS) for i in range(2)
        ]
        waiting = at.keep(*replies)
        begin = threading.Barrier(8)

        def route(which: int, waiting: list[int] = waiting, begin: threading.Barrier = begin) -> None:
            router = Router(stores[which], lambda: at.at, clock=lambda: at.now)
            begin.wait()
            for number in waiting[which::4]:
                router.route(number)

        def tick(which: int, begin: threading.Barrier = begin) -> None:
            begin.wait()
            for _ in range(3):
                at.tick(stores[which])

        with ThreadPoolExecutor(8) as pool:
            for done in [*(pool.submit(route, n) for n in range(4)), *(pool.submit(tick, n) for n in range(4, 8))]:
                done.result()
        at.tick()  # what a message held meanwhile
    for own in stores:
        own.close()
    assert {row["number"]: row["messages"] for row in look.listing(store)} == dict.fromkeys(numbers, 1 + 2 * ROUNDS)
    for number in numbers:
        times = Counter((event, data["since"]) for event, _, data in at.history(number) if event.startswith("time."))
        assert sorted(event for event, _ in times) == [
            "time.older_than",
            "time.unassigned_longer_than",
            "time.waiting_for_agent",
        ]
        assert set(times.values()) == {1}
        state = at.state(number)
        assert (state.priority, state.agent, state.due_at) == ("high", "luca", None)
        assert [who for who, _, _ in at.told(number)].count("boss@acme.example") == 1
