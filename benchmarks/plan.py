"""`plan`: history replayed by two desk files, against reading its mails once.

The database holds mails that the router has routed, each several times over under other numbers, so that it grows in
seconds: `python -m benchmarks.plan FOLDER 100000` makes a large one and says how long its replay takes in all processes.
"""

import logging
import os
import pickle
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, Final

import structlog

from benchmarks.corpus import corpus
from benchmarks.figures import BrokenBenchmarkError, Figure, Progress, figure
from benchmarks.process import DESK
from commands.parts import open_desk
from config.desk import Desk
from config.settings import Settings
from ingest.inbox import keep
from ingest.mail.arrival import Way, arrival
from ingest.mail.read import parse_mail
from router.route import Router
from router.trial.replay import Plan, replayed
from router.trial.tally import Tally
from tickets.schema import decisions, inbox, tickets
from tickets.store import Store

ROUTED: Final = 1_000
MESSAGES: Final = 5_000
MANY: Final = 100_000
GOAL: Final = 3.0
_NUMBERS: Final = {inbox: ("id", "ticket_id"), tickets: ("id",), decisions: ("id", "ticket_id", "inbox_id")}
"""The columns of each table that are moved on in a copy."""


def measure(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure of `rounds` pairs, with their database under `folder`."""
    plan = _history(folder / "plan", MESSAGES)
    packed, mails = pickle.dumps(plan), _mails(plan)
    replayed(packed, 1, 10)  # what is compiled once is compiled
    pairs, rates = [], []
    for number in range(rounds):
        begun = time.process_time()
        tally = replayed(packed, 1, MESSAGES)
        ours, begun = time.process_time() - begun, time.process_time()
        for raw in mails:
            parse_mail(raw, None)
        reading = time.process_time() - begun
        if tally.replayed != MESSAGES or tally.changed == 0:
            raise BrokenBenchmarkError(f"{tally.replayed} messages were replayed, {tally.changed} would change")
        rates.append(_rate(plan))
        pairs.append((ours, reading))
        progress(f"plan {number + 1}/{rounds}: {1000 * ours / MESSAGES:.2f} ms CPU a message, {rates[-1]:.0f}/s")
    return figure(
        "plan",
        "CPU of replaying a mail by two desk files ÷ reading it once",
        pairs,
        goal=GOAL,
        at_least=False,
        details={
            "cpu_ms": median(1000 * ours / MESSAGES for ours, _ in pairs),
            "messages_a_second": median(rates),
            "processes": os.cpu_count() or 1,
            "minutes_for_100000": MANY / median(rates) / 60,
        },
    )


def _rate(plan: Plan) -> float:
    """Return how many messages a second are replayed in as many processes as there are cores."""
    begun, tally = time.perf_counter(), Tally()
    for tally, _, _ in plan.run():  # noqa: B007  # the last one is the whole
        pass
    return tally.replayed / (time.perf_counter() - begun)


def _history(folder: Path, messages: int) -> Plan:
    """Return the plan of a history of so many messages, made in the folder."""
    folder.mkdir(parents=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    old = open_desk(DESK).current()
    changed = folder / "new.yaml"
    changed.write_text(DESK.read_text(encoding="utf-8").replace("priority: low", "priority: normal"), encoding="utf-8")
    _routed(folder / "frontdesk.sqlite3", old)
    _multiplied(folder / "frontdesk.sqlite3", messages // ROUTED)
    settings = Settings(config=DESK, data=folder, database_url=None, broker_url=None)
    return Plan(settings, old, open_desk(changed).current(), 0.0, 3)


def _routed(path: Path, desk: Desk) -> None:
    store = Store(f"sqlite:///{path.absolute()}")
    store.migrate()
    recipients = [one for department in desk.departments for one in department.addresses]
    mails = corpus(recipients, ROUTED)
    arrivals = [arrival("support-mail", one.raw, Way("smtp", one.sender, [one.recipient])) for one in mails]
    now = time.time()
    with store.write() as connection:
        rows = [kept.id for kept in keep(connection, arrivals, now, now + 3600)]
    router = Router(store, lambda: desk)
    for row in rows:
        router.route(row)
    store.close()


def _multiplied(path: Path, times: int) -> None:
    """Write every message and its ticket so many times over, each under other numbers."""
    with closing(sqlite3.connect(path)) as database, database:
        for copy in range(1, times):
            for table, numbers in _NUMBERS.items():
                names = [column.name for column in table.columns]
                said = [f"{name} + {copy * ROUTED}" if name in numbers else name for name in names]
                said = [f"{name} || ' {copy}'" if name == "external_id" else name for name in said]
                where = f"id <= {ROUTED}"
                database.execute(
                    f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(said)} FROM {table} WHERE {where}"
                )


def _mails(plan: Plan) -> list[Any]:
    with closing(sqlite3.connect(plan.settings.data / "frontdesk.sqlite3")) as database:
        return [raw for (raw,) in database.execute("SELECT raw FROM inbox ORDER BY id")]


def _main(folder: Path, messages: int) -> None:
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    plan = _history(folder, messages)
    rate = _rate(plan)
    print(f"{messages} messages in {messages / rate:.1f} s: {rate:.0f} a second in {os.cpu_count()} processes")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
