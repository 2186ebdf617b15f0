"""From the acknowledgement of a mail to the agent's notice at the relay, at half of the load the desk can bear.

The desk is the real one: `frontdesk run` on SQLite, or `listen` and a worker process of Dramatiq's on PostgreSQL and
Redis. Each mail is a new ticket, of one of forty departments with one agent each, who is told by email: so that nobody is told more
often than an hour allows. Its sender notes when it hears 250, the relay when it has the whole notice.
First some mails are sent as fast as they are taken: how long until the last notice is there says what the desk can bear. Then
mails are sent at half that rate, and at last a few at long intervals, as on a quiet night, when whoever polls has grown slow.
Every mail must be told of once, or there is no figure.
"""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from benchmarks.figures import BrokenBenchmarkError, Figure, Progress, figure
from notify.when import MOST_AN_HOUR
from tests.chaos.desk_process import DeskProcess, Desks
from tests.chaos.wire import Wire
from tests.services import Services

WARM_UP: Final = 20
BURST: Final = 300
STEADY_SECONDS: Final = 20
QUICK_SECONDS: Final = 8
FEW_ROUNDS: Final = 3
QUIET: Final = 10
WAIT_SECONDS: Final = 60
EMBEDDED_MS: Final = 150
SCALE_MS: Final = 300
"""What the 99th percentile should keep."""
SENDERS: Final = 4
AGENTS: Final = 40
_HEAD: Final = """
desk: {{name: Acme Support, domain: support.acme.example}}
channels: [{{name: mail, type: smtp, listen: "127.0.0.1:{smtp}"}}]
notifiers: {{email: {{relay: "smtp://127.0.0.1:RELAY"}}}}
"""
DESK: Final = "\n".join(
    (
        _HEAD + "agents:",
        *(f"  - {{{{id: a{n}, name: Agent {n}, email: a{n}@acme.example}}}}" for n in range(AGENTS)),
        "departments:",
        *(f"  - {{{{id: d{n}, name: D{n}, agents: [a{n}], addresses: [d{n}@acme.example]}}}}" for n in range(AGENTS)),
    )
)
MOST_STEADY: Final = AGENTS * MOST_AN_HOUR["email"] - WARM_UP - BURST - QUIET
"""Mails that may come besides before an agent is told of too many."""
_SUBJECT: Final = re.compile(rb"^Subject: .*?order (\d+)", re.MULTILINE)


@dataclass(slots=True)
class _Relay:
    """A mail server that notes when it has each notice, by the number in its subject."""

    at: dict[int, list[float]] = field(default_factory=dict)
    port: int = 0
    there: threading.Condition = field(default_factory=threading.Condition)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        """Take a notice."""
        now, raw = time.perf_counter(), envelope.content
        found = _SUBJECT.search(raw) if isinstance(raw, bytes) else None
        if found is None:
            return "554 not one of the benchmark's"
        with self.there:
            self.at.setdefault(int(found[1]), []).append(now)
            self.there.notify_all()
        return "250 kept"

    def wait(self, count: int) -> None:
        """Return when so many mails are told of; raises `BrokenBenchmarkError` after a while."""
        with self.there:
            if not self.there.wait_for(lambda: len(self.at) >= count, WAIT_SECONDS):
                raise BrokenBenchmarkError(f"only {len(self.at)} of {count} mails were told of")


@dataclass(slots=True)
class _Run:
    """What came of a run: what the desk can bear in mails a second, and milliseconds from 250 to the notice; the longest when quiet."""

    bears: float
    waits: list[float]
    quiet: float

    @property
    def p50(self) -> float:
        """The median."""
        return median(self.waits)

    @property
    def p99(self) -> float:
        """The 99th percentile."""
        return quantiles(self.waits, n=100)[-1]


def embedded(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure of the whole desk in one process."""
    return _measure("telling", rounds, folder, progress, scale=False)


def scale(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure of listener and workers on PostgreSQL and Redis."""
    return _measure("telling-scale", rounds, folder, progress, scale=True)


def _measure(name: str, rounds: int, folder: Path, progress: Progress, *, scale: bool) -> Figure:
    seconds, runs = QUICK_SECONDS if rounds <= FEW_ROUNDS else STEADY_SECONDS, list[_Run]()
    for number in range(rounds):
        with (
            TemporaryDirectory(dir=folder, prefix="telling-") as place,
            _relay() as relay,
            _desk(Path(place), relay.port, scale=scale) as desk,
        ):
            runs.append(_run(desk, relay, seconds))
        last = runs[-1]
        words = f"bears {last.bears:.0f} mails/s, at half of that p50 {last.p50:.0f} ms, p99 {last.p99:.0f} ms"
        progress(f"{name} {number + 1}/{rounds}: {words}")
    goal = SCALE_MS if scale else EMBEDDED_MS
    details = {"bears": median(run.bears for run in runs), "p50_ms": median(run.p50 for run in runs)}
    return figure(
        name,
        f"99th percentile from 250 to the notice at the relay, at half load ÷ {goal} ms"
        + (", PostgreSQL and Redis" if scale else ", one process"),
        [(run.p99, goal) for run in runs],
        goal=1.0,
        at_least=False,
        details={
            **details,
            "p99_ms": median(run.p99 for run in runs),
            "quiet_longest_ms": median(run.quiet for run in runs),
        },
    )


def _run(desk: DeskProcess, relay: _Relay, seconds: float) -> _Run:
    _send(desk, range(WARM_UP), 1000)
    relay.wait(WARM_UP)
    begun, ends = time.perf_counter(), WARM_UP + BURST
    _send(desk, range(WARM_UP, ends), 100_000)
    relay.wait(ends)
    bears = BURST / (time.perf_counter() - begun)
    steady = range(ends, ends + min(MOST_STEADY, int(bears / 2 * seconds)))
    heard = _send(desk, steady, bears / 2)
    relay.wait(steady.stop)
    night = range(steady.stop, steady.stop + QUIET)
    heard |= _send(desk, night, 1.0)
    relay.wait(night.stop)
    twice = [number for number, times in relay.at.items() if len(times) > 1]
    if twice:
        raise BrokenBenchmarkError(f"{len(twice)} mails were told of twice")
    waits = {number: 1000 * max(0.0, relay.at[number][0] - heard[number]) for number in heard}
    return _Run(bears, [waits[number] for number in steady], max(waits[number] for number in night))


def _send(desk: DeskProcess, numbers: range, rate: float) -> dict[int, float]:
    """Send a mail for each number, so many a second, over a few connections; return when each was acknowledged."""
    heard: dict[int, float] = {}
    begun = time.perf_counter()

    def some(first: int) -> None:
        with Wire(desk.smtp) as wire:
            wire.say("EHLO client.example")
            for place in range(first, len(numbers), SENDERS):
                time.sleep(max(0.0, begun + place / rate - time.perf_counter()))
                number = numbers[place]
                said = wire.mail(_mail(number), f"ann{number}@example.com", f"d{number % AGENTS}@acme.example")
                if not said.startswith("250"):
                    raise BrokenBenchmarkError(f"the desk says {said}")
                heard[number] = time.perf_counter()

    threads = [threading.Thread(target=some, args=(first,)) for first in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(heard) != len(numbers):
        raise BrokenBenchmarkError(f"{len(numbers) - len(heard)} mails were not taken")
    return heard


def _mail(number: int) -> bytes:
    head = f"From: Ann <ann{number}@example.com>\r\nTo: d{number % AGENTS}@acme.example\r\nMessage-ID: <o{number}@example.com>\r\n"
    words = "Hello, I ordered two weeks ago and nothing has come yet. Could you look into it?\r\n" * 12
    return f"{head}Subject: Where is order {number}\r\n\r\n{words}".encode()


@contextmanager
def _desk(folder: Path, relay: int, *, scale: bool) -> Iterator[DeskProcess]:
    with ExitStack() as stack:
        desks, services, text = stack.enter_context(Desks(folder)), Services(), DESK.replace("RELAY", str(relay))
        if not scale:
            desk = desks.make(text)
            desk.start("run")
        else:
            stack.callback(services.close)
            desk = desks.make(text, database_url=services.database(), broker_url=services.redis())
            desk.start("listen")
            desk.start("work")
        yield desk
        desks.__exit__(None, None, None)  # before the servers


@contextmanager
def _relay() -> Iterator[_Relay]:
    relay, ready = _Relay(), threading.Event()
    box: dict[str, Any] = {}

    async def serve() -> None:
        loop = box["loop"] = asyncio.get_running_loop()
        box["stop"] = asyncio.Event()
        server = await loop.create_server(lambda: SMTP(relay, loop=loop, hostname="relay.example"), "127.0.0.1", 0)
        relay.port = server.sockets[0].getsockname()[1]
        ready.set()
        await box["stop"].wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="relay", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield relay
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join()
