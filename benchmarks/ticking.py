"""A tick in a desk with many tickets against one in a desk with none but those that are due: it costs by what is due.

Both strike in as many tickets, on SQLite, in turns: postponements that are over. In numbers besides: what winding the clocks
adds to a message when thousands of rules wait, none of which has struck yet in its ticket, and all of which have.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import insert, update
from structlog.testing import capture_logs

from benchmarks.figures import BrokenBenchmarkError, Figure, Progress, figure
from benchmarks.process import DESK
from commands.parts import open_desk
from config.desk import Desk
from config.rule import On, Rule
from router.book import Book, Shelf
from router.clocks.tick import tick
from router.clocks.timed import Timed
from router.clocks.wind import wind
from router.rules import compile_rules
from router.state import State, columns
from tickets.schema import contacts, tickets
from tickets.store import Store

DUE: Final = 100
MANY: Final = 100_000
WAITING_RULES: Final = 5_000
GOAL: Final = 1.5
_LATER: Final = 10.0**9


def measure(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure of `rounds` pairs, with their databases under `folder`."""
    desk = open_desk(DESK).current()
    book, pairs = Shelf(lambda: desk).book(), list[tuple[float, float]]()
    with _store(folder, desk, MANY) as full, _store(folder, desk, DUE) as bare:
        for number in range(-1, rounds):  # the first pair only warms up
            pairs.append((_tick(full, book, number), _tick(bare, book, number)))
            progress(f"ticking {number + 1}/{rounds}: {pairs[-1][0] / DUE * 1000:.2f} ms a ticket")
    winding = _winding(desk)
    return figure(
        "ticking",
        f"a tick with {DUE} tickets due of {MANY} ÷ of {DUE}",
        pairs[1:],
        goal=GOAL,
        at_least=False,
        details={"ms_per_ticket": min(many for many, _ in pairs) / DUE * 1000, **winding},
    )


@contextmanager
def _store(folder: Path, desk: Desk, there: int) -> Iterator[Store]:
    with TemporaryDirectory(dir=folder, prefix="ticking-") as data:
        store = Store(f"sqlite:///{data}/frontdesk.sqlite3")
        store.migrate()
        state = State(desk.departments[0].id, channel=desk.channels[0].name, status="postponed", postponed_until=_LATER)
        row = {
            "subject": "Hello", "channel": state.channel, "contact_id": 1, "contact_name": "", "contact_address": "a@x.example",
            "created_at": 0.0, "updated_at": 0.0, **columns(state), "clocks": '{"postponed": null}',
            "timed_by": desk.version,
        }  # fmt: skip
        with store.write() as connection:
            connection.execute(insert(contacts).values(id=1, name="", created_at=0.0))
            connection.execute(insert(tickets), [{**row, "due_at": _LATER + number} for number in range(there)])
        yield store
        store.close()


def _tick(store: Store, book: Book, number: int) -> float:
    """Let a tick strike in the first tickets, and return its CPU seconds."""
    now = 1000.0 * (number + 2)
    with store.write() as connection:
        again = {"status": "postponed", "postponed_until": now, "due_at": now, "clocks": '{"postponed": null}'}
        connection.execute(update(tickets).where(tickets.c.id <= DUE).values(**again, timed_by=book.desk.version))
    begun = time.process_time()
    with capture_logs():
        struck = sum(1 for _ in tick(store, book, now, 10 * DUE))
    seconds = time.process_time() - begun
    if struck != DUE:
        raise BrokenBenchmarkError(f"{struck} tickets were struck instead of {DUE}")
    return seconds


def _winding(desk: Desk) -> dict[str, float]:
    """Return the microseconds that winding a ticket takes, without a waiting rule and with thousands."""
    waits = tuple(
        Rule(name=f"Rule {n}", on=(On(event="time.older_than", than=f"{n + 1}m"),), then=({"priority": "high"},))
        for n in range(WAITING_RULES)
    )
    many = desk.model_copy(update={"rules": waits})
    ticket, rules, none = State(desk.departments[0].id, number=1), compile_rules(many), compile_rules(desk)
    new = wind(ticket, ticket, many, rules, 0.0)
    struck = Timed().strike(new, many, rules, _LATER)
    if struck is None:
        raise BrokenBenchmarkError("no rule struck")
    found = {}
    for name, state, book in (("no_rule", ticket, none), ("before", new, rules), ("after", struck.ticket, rules)):
        begun = time.process_time()
        for _ in range(200):
            wind(state, state, many, book, 0.0)
        found[f"wind_us_{name}"] = (time.process_time() - begun) / 200 * 1e6
    return found
