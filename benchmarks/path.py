"""CPU of a message from the inbox to its routed ticket with the notices queued, against the least that could be done.

Ours is the embedded mode as it runs: the mails are rung for, the real actors route them on the in-memory broker with
Dramatiq's own worker, each leaves its log line, and the notices are rung for; nobody delivers. The other is `handmade.py`,
in one thread, over the same kept mails. Both sides run in processes of their own, each on a new database, and must leave
the same tickets and as many rows of each kind, or there is no figure. They work in turns of a hundred mails.
"""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.corpus import Mail, corpus
from benchmarks.figures import BrokenBenchmarkError, Figure, Progress, figure
from benchmarks.handmade import ByHand
from benchmarks.process import DESK, Child, child, say
from commands.logs import configure_logging
from commands.parts import open_desk
from config.settings import Settings
from ingest.inbox import keep
from ingest.mail.arrival import Way, arrival
from tickets.store import Store
from worker import ROUTE_THREADS, App, embedded_worker

MAILS: Final = 1000
WARM_UP: Final = 60
TURN: Final = 100
GOAL: Final = 2.0
LONGEST_SECONDS: Final = 300
_TABLES: Final = ("contacts", "tickets", "entries", "thread_keys", "participants", "events", "decisions", "outbox")
# By the small index: left to itself SQLite reads every row with its mail, in the process whose CPU is measured.
_WAITING: Final = "SELECT count(*) FROM inbox INDEXED BY inbox_waiting WHERE state = 'received' AND id <= ?"
_TICKETS: Final = """
    SELECT subject, contact_address, department, coalesce(agent, ''), coalesce(unassigned_reason, ''), status, priority,
        tags, messages FROM tickets ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9"""


@dataclass(slots=True)
class _Side:
    """One of the two routers, and the CPU seconds and seconds that its turns have taken so far."""

    router: Child
    cpu: float = 0.0
    seconds: float = 0.0

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per message."""
        return 1000 * self.cpu / MAILS

    @property
    def wall_ms(self) -> float:
        """Milliseconds per message, with the waiting for the disk."""
        return 1000 * self.seconds / MAILS

    def turn(self) -> None:
        """Let it route the next mails."""
        said = self.router.ask()
        self.cpu += said["cpu"]
        self.seconds += said["seconds"]


def measure(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure of `rounds` pairs, with their databases under `folder`."""
    pairs: list[tuple[_Side, _Side]] = []
    rows: dict[str, Any] = {}
    for number in range(rounds):
        ours, by_hand, rows = _pair(folder, seed=number + 1)
        pairs.append((ours, by_hand))
        progress(f"path {number + 1}/{rounds}: {ours.cpu_ms:.2f} ms CPU a message, by hand {by_hand.cpu_ms:.2f}")
    details = {
        f"{name}_{what}": median(getattr(pair[at], what) for pair in pairs)
        for at, name in enumerate(("ours", "handmade"))
        for what in ("cpu_ms", "wall_ms")
    }
    return figure(
        "path",
        "CPU of a mail from the inbox to its ticket with notices queued ÷ by hand in raw sqlite3",
        [(ours.cpu, by_hand.cpu) for ours, by_hand in pairs],
        goal=GOAL,
        at_least=False,
        details={**details, "notices_per_mail": rows["outbox"] / rows["entries"]},
    )


def _pair(folder: Path, seed: int) -> tuple[_Side, _Side, dict[str, Any]]:
    with ExitStack() as stack:
        ours, by_hand = (_start(stack, folder, name, seed) for name in ("ours", "handmade"))
        for _ in range(0, MAILS, TURN):
            ours.turn()
            by_hand.turn()
        left, expected = ours.router.ask(), by_hand.router.ask()
    if left != expected:
        raise BrokenBenchmarkError(f"the two did not do the same:\n  ours    {left}\n  by hand {expected}")
    return ours, by_hand, left


def _start(stack: ExitStack, folder: Path, name: str, seed: int) -> _Side:
    data = Path(stack.enter_context(TemporaryDirectory(dir=folder, prefix=f"{name}-")))
    router = stack.enter_context(child("benchmarks.path", data, name, str(seed)))
    router.read()  # it is ready
    return _Side(router)


def _kept(database: str, mails: Sequence[Mail]) -> list[int]:
    """Keep the mails as their channel does, and return their rows."""
    store = Store(database)
    store.migrate()
    arrivals = [arrival("support-mail", mail.raw, Way("smtp", mail.sender, [mail.recipient])) for mail in mails]
    now = time.time()
    with store.write() as connection:
        ids = [one.id for one in keep(connection, arrivals, now, now + LONGEST_SECONDS)]
    store.close()  # the last connection brings the log into the file, so that nobody pays for it below
    return ids


Route = Callable[[Sequence[int]], None]
"""Routes kept rows, and returns when they are routed."""


@contextmanager
def _by_hand(settings: Settings) -> Iterator[Route]:
    with closing(ByHand(_file(settings), open_desk(DESK).current())) as router:

        def route(some: Sequence[int]) -> None:
            for number in some:
                router.route(number)

        yield route


@contextmanager
def _ours(settings: Settings) -> Iterator[Route]:
    app = App(settings, open_desk(settings.desk_file))
    worker = embedded_worker(app.brokers.route, ROUTE_THREADS)
    app.bell.start()
    worker.start()

    def route(some: Sequence[int]) -> None:
        app.bell.ring(app.actors["route"], some)
        _wait(_file(settings), some[-1])

    try:
        yield route
    finally:
        worker.stop()
        app.bell.stop()
        app.close()


def _wait(database: Path, last: int) -> None:
    """Return when no row up to the last one waits; looks seldom, because looking costs CPU as well."""
    with closing(sqlite3.connect(database)) as look:
        for _ in range(LONGEST_SECONDS * 50):
            time.sleep(0.02)
            [(waiting,)] = look.execute(_WAITING, (last,))
            if not waiting:
                return
    raise BrokenBenchmarkError(f"{waiting} mails still wait after {LONGEST_SECONDS} s")


def _left(database: Path) -> dict[str, Any]:
    """Return how many rows stand in each table, and a digest of the tickets."""
    with closing(sqlite3.connect(database)) as look:
        left = {table: look.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _TABLES}
        left["not_routed"] = look.execute("SELECT count(*) FROM inbox WHERE state <> 'routed'").fetchone()[0]
        return {**left, "tickets_are": sha256(repr(look.execute(_TICKETS).fetchall()).encode()).hexdigest()[:16]}


def _file(settings: Settings) -> Path:
    return settings.data / "frontdesk.sqlite3"


def _main(folder: Path, side: str, seed: int) -> None:
    settings = Settings(config=DESK, data=folder, database_url=None, broker_url=None, log="json")
    configure_logging(settings)
    desk = open_desk(DESK).current()
    recipients = [one for department in desk.departments for one in department.addresses]
    warm = _kept(settings.database, corpus(recipients, WARM_UP, -seed))
    ids = _kept(settings.database, corpus(recipients, MAILS, seed))
    with (_ours if side == "ours" else _by_hand)(settings) as route:
        route(warm)
        say(ready=True)
        for begin in range(0, MAILS, TURN):
            sys.stdin.readline()
            cpu, begun = time.process_time(), time.perf_counter()
            route(ids[begin : begin + TURN])
            say(cpu=time.process_time() - cpu, seconds=time.perf_counter() - begun)
    sys.stdin.readline()
    say(**_left(_file(settings)))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
