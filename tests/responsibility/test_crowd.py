"""Eight workers share the capacities of a crew, and never exceed one, while somebody watches from outside."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from router.book import Shelf
from router.drain import drained
from router.hold import hold
from router.route import Router
from router.workload import Kept
from tests.desks import mail
from tests.responsibility.crew import Crew
from tests.responsibility.desks import support, team
from tickets.store import Store
from tickets.trouble import Temporary

WORKERS = 8
CAPACITIES = {"sona": 40, "luca": 25, "mia": 10, "tomas": 5}
DEPARTMENTS = {"one": ["sona", "luca"], "two": ["luca", "mia"], "three": ["sona", "mia", "tomas"]}


def crowd(store: Store, strategy: str) -> Crew:
    departments = [
        {"id": one, "name": one, "agents": agents, "addresses": [f"{one}@acme.example"], "assignment": strategy}
        for one, agents in DEPARTMENTS.items()
    ]
    return Crew(store, team({name: {"capacity": room} for name, room in CAPACITIES.items()}, departments=departments))


def kept(desk: Crew, many: int) -> list[int]:
    """Keep mails of as many customers to the departments in turn, and return their rows."""
    places = [f"{list(DEPARTMENTS)[n % len(DEPARTMENTS)]}@acme.example" for n in range(many)]
    return desk.keep(*(mail(f"m{n}@x.example", sender=f"c{n}@x.example", to=to) for n, to in enumerate(places)))


def run(*works: Callable[[], None]) -> None:
    """Run each in a thread of its own; raises what one of them raised."""
    troubles: list[Exception] = []

    def safely(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # whatever it is, the story must fail by it
            troubles.append(error)

    threads = [Thread(target=safely, args=(work,)) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert troubles == []


def routing(desk: Crew, rows: Sequence[int]) -> list[Callable[[], None]]:
    """Return the workers, each with its own router and its share of the rows."""

    def work(mine: Sequence[int]) -> None:
        router = Router(desk.store, lambda: desk.at, lambda: desk.now)
        for row in mine:
            router.route(row)

    return [lambda mine=rows[n::WORKERS]: work(mine) for n in range(WORKERS)]  # type: ignore[misc]


@contextmanager
def watched(desk: Crew) -> Iterator[None]:
    """Look again and again at what everybody has; afterwards nobody may ever have had more than their capacity."""
    over, looks, done = list[tuple[str, int]](), [0], Event()

    def look() -> None:
        while not done.is_set():
            over.extend((agent, many) for agent, many in desk.held().items() if many > CAPACITIES[agent])
            looks[0] += 1

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert over == []
    assert looks[0] > 1


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_who_holds_the_assignment_never_waits_for_a_ticket_whose_holder_may_wait_for_it(store: Store) -> None:
    link = {"name": "Together", "then": [{"link": "newest"}]}
    desk = Crew(store, team({"sona": {}, "luca": {}}, departments=support(assignment="round_robin"), rules=[link]))
    first = desk.send("a@x.example", sender="ann@x.example")
    [row] = desk.keep(mail("b@x.example", sender="ann@x.example", subject="Another thing"))
    with store.write() as connection:
        hold(connection, first)
        with pytest.raises(Temporary, match=f"ticket {first} is just being written"):
            desk.router.route(row)
        Kept(connection, desk.at).turns("support")  # nobody holds it any more
    [routed] = desk.router.route(row)
    assert desk.links(routed.ticket or 0) == [first]


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded"])
def test_workers_fill_every_capacity_to_the_brim_and_never_further(store: Store, strategy: str) -> None:
    desk = crowd(store, strategy)
    rows = kept(desk, 200)
    with watched(desk):
        run(*routing(desk, rows))
    assert len(desk.all()) == len(rows)
    assert desk.held() == CAPACITIES  # more came than they take, so everybody has what they can
    assert {desk.reason(number) for number, agent in desk.all().items() if agent is None} == {"all_at_capacity"}


def test_while_agents_make_room_the_queue_drains_and_nothing_waits_for_who_is_free(store: Store) -> None:
    desk = crowd(store, "least_loaded")
    rows, book, routed = kept(desk, 160), Shelf(lambda: desk.at).book(), Event()

    def resolve() -> None:
        """Resolve what somebody has, as long as messages come, and then leave some room."""
        finished = set[int]()
        while not routed.is_set() or len(finished) < len(rows) // 2:
            for number, agent in desk.all().items():
                if agent is not None and number not in finished:
                    desk.acts.status(number, agent, "resolved")
                    finished.add(number)

    def drain() -> None:
        while not routed.is_set():
            list(drained(store, book, desk.now, 20))

    def work() -> None:
        try:
            run(*routing(desk, rows))
        finally:
            routed.set()

    with watched(desk):
        run(work, resolve, drain)
        while list(drained(store, book, desk.now, 500)):
            pass
    everything, held = desk.all(), desk.held()
    assert len(everything) == len(rows)
    waiting = [number for number, agent in everything.items() if agent is None]
    full = {agent for agent, room in CAPACITIES.items() if held[agent] == room}
    assert [number for number in waiting if not set(DEPARTMENTS[desk._ticket(number)["department"]]) <= full] == []
    for number in everything:
        given = [line for line in desk._ticket(number)["history"] if line["event"] == "ticket.assigned"]
        assert len(given) == (0 if number in waiting else 1)  # each was given to one agent, once
