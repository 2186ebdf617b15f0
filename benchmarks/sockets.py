"""Two thousand open chats in one process, and two hundred messages a second through them: how long, and how much memory.

The server is `frontdesk run` as it is: HTTP, sockets, inbox and routing in one process, SQLite on this disk; no agent is told,
because 200 notices a second are another matter. The visitors are in this process. What is measured is how long a message takes to its acknowledgement (it is durable) and until it
stands in the conversation on the visitor's socket (it was routed, rung for and read), and whether the server's memory is the
same at the end as at the beginning. After it every message must have been acknowledged once and shown once.
"""

import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median, quantiles
from tempfile import TemporaryDirectory
from typing import Final

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.figures import BrokenBenchmarkError, Figure, Progress, figure
from benchmarks.process import HERE
from tests.services import free_port

SOCKETS: Final = 2000
RATE: Final = 200
SECONDS: Final = 30
QUICK_SECONDS: Final = 15
FEW_ROUNDS: Final = 3
AT_ONCE: Final = 50
WAIT_SECONDS: Final = 120
FILES: Final = 8192
GOAL: Final = 1.1
DESK: Final = """
desk: {name: Acme Support, domain: support.acme.example}
agents: [{id: sona, name: Sona, email: sona@acme.example}, {id: luca, name: Luca, email: luca@acme.example}]
departments: [{id: general, name: General, agents: [], addresses: [support@acme.example]}]
channels: [{name: site, type: chat, origins: ["https://acme.example"]}]
"""


@dataclass(slots=True)
class _Run:
    """What came of a run: latencies in milliseconds, and the server's memory in MiB over the time that counts."""

    sent: dict[str, float] = field(default_factory=dict)
    acked: Counter[str] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)
    ack_ms: list[float] = field(default_factory=list)
    shown_ms: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    seconds: float = 0.0
    counts: bool = False

    @property
    def first(self) -> float:
        """Memory in the first fifth."""
        return mean(self.memory[: max(1, len(self.memory) // 5)])

    @property
    def last(self) -> float:
        """Memory in the last fifth."""
        return mean(self.memory[-max(1, len(self.memory) // 5) :])

    @property
    def details(self) -> dict[str, float]:
        """The numbers behind the ratio."""
        return {
            "rate": len(self.ack_ms) / self.seconds,
            "ack_p50_ms": median(self.ack_ms),
            "ack_p99_ms": quantiles(self.ack_ms, n=100)[-1],
            "shown_p50_ms": median(self.shown_ms),
            "shown_p99_ms": quantiles(self.shown_ms, n=100)[-1],
            "memory_first_mib": self.first,
            "memory_last_mib": self.last,
        }


def measure(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure; a run takes a minute or two, so there are fewer of them than `rounds`."""
    seconds = QUICK_SECONDS if rounds <= FEW_ROUNDS else SECONDS
    runs: list[_Run] = []
    for number in range(max(1, rounds // 3)):
        with TemporaryDirectory(dir=folder, prefix="sockets-") as place, _server(Path(place)) as (pid, address):
            runs.append(asyncio.run(_load(pid, address, seconds)))
        told = runs[-1].details
        progress(
            f"sockets {number + 1}/{max(1, rounds // 3)}: {SOCKETS} open, {told['rate']:.0f} messages/s, "
            f"ack p50 {told['ack_p50_ms']:.0f} ms p99 {told['ack_p99_ms']:.0f} ms, "
            f"memory {told['memory_first_mib']:.0f} → {told['memory_last_mib']:.0f} MiB"
        )
    names = runs[0].details
    return figure(
        "sockets",
        f"memory, last ÷ first fifth of a run with {SOCKETS} open chats and {RATE} messages/s in one process",
        [(run.last, run.first) for run in runs],
        goal=GOAL,
        at_least=False,
        details={name: median(run.details[name] for run in runs) for name in names},
    )


@contextmanager
def _server(folder: Path) -> Iterator[tuple[int, str]]:
    """Run the desk in a process of its own; it ends by SIGTERM."""
    desk = folder / "desk.yaml"
    desk.write_text(DESK, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    settings = {"CONFIG": str(desk), "DATA": str(folder / "var"), "HTTP": address, "LOG": "json"}
    environment = {**os.environ, **{f"FRONTDESK_{name}": value for name, value in settings.items()}}
    command = [sys.executable, str(HERE.parent / "worker.py"), "run"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder) as running,
    ):
        try:
            _until_ready(address)
            yield running.pid, address
        finally:
            running.send_signal(signal.SIGTERM)


def _until_ready(address: str) -> None:
    ends = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends:
        try:
            if httpx2.get(f"http://{address}/readyz", trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise BrokenBenchmarkError("the desk did not start")


async def _load(pid: int, address: str, seconds: int) -> _Run:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, FILES), hard), hard))
    run = _Run()
    async with AsyncExitStack() as stack:
        sockets = await _connected(stack, address, run)
        await asyncio.sleep(1)  # as old as a session must be for its first message
        for visitor, socket in enumerate(sockets):  # the first message makes a ticket; that is not what is measured
            await _say(socket, f"first-{visitor}", run)
            await asyncio.sleep(1 / RATE)
        await _settled(run)
        run.counts = True
        await _steadily(pid, sockets, run, seconds)
        await _settled(run)
    wrong = [name for counted in (run.acked, run.shown) for name, times in counted.items() if times != 1]
    if wrong or run.sent:
        raise BrokenBenchmarkError(f"{len(wrong)} messages came twice and {len(run.sent)} never")
    return run


async def _connected(stack: AsyncExitStack, address: str, run: _Run) -> Sequence[ClientConnection]:
    """Open all sockets and say hello; their readers end with the stack."""
    turn = asyncio.Semaphore(AT_ONCE)
    client = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=WAIT_SECONDS))
    readers = await stack.enter_async_context(asyncio.TaskGroup())

    async def one() -> ClientConnection:
        async with turn:
            token = (await client.post(f"http://{address}/chat/site/session")).json()["token"]
            socket = await connect(
                f"ws://{address}/chat/site/ws",
                proxy=None,
                compression=None,
                ping_interval=None,
                open_timeout=WAIT_SECONDS,
            )
            await socket.send(json.dumps({"type": "hello", "token": token, "after": 0}))
            await socket.recv()
            readers.create_task(_read(socket, run))
            return socket

    sockets = await asyncio.gather(*(one() for _ in range(SOCKETS)))

    async def closed() -> None:
        await asyncio.gather(*(socket.close() for socket in sockets))

    stack.push_async_callback(closed)
    return sockets


async def _read(socket: ClientConnection, run: _Run) -> None:
    try:
        while True:
            frame = json.loads(await socket.recv())
            now, name = time.perf_counter(), frame.get("id") or ""
            if frame["type"] == "nack":
                raise BrokenBenchmarkError(f"a message was refused: {frame['words']}")
            if frame["type"] == "ack":
                run.acked[name] += 1
                if run.counts:
                    run.ack_ms.append(1000 * (now - run.sent.get(name, now)))
            elif frame["type"] == "entry":
                run.shown[name] += 1
                if run.counts:
                    run.shown_ms.append(1000 * (now - run.sent.get(name, now)))
            if run.acked[name] and run.shown[name]:
                run.sent.pop(name, None)
    except ConnectionClosed:
        return


async def _say(socket: ClientConnection, name: str, run: _Run) -> None:
    run.sent[name] = time.perf_counter()
    await socket.send(json.dumps({"type": "message", "id": name, "text": f"Where is my order? {name}"}))


async def _steadily(pid: int, sockets: Sequence[ClientConnection], run: _Run, seconds: int) -> None:
    """Send at the rate, whatever the answers take, and look at the server's memory twice a second."""
    chance = random.Random(1)
    begun = time.perf_counter()
    for number in range(RATE * seconds):
        wait = begun + number / RATE - time.perf_counter()
        await asyncio.sleep(max(0.0, wait))
        await _say(chance.choice(sockets), f"m-{number}", run)
        if number % (RATE // 2) == 0:
            run.memory.append(_memory(pid))
    run.seconds = time.perf_counter() - begun


async def _settled(run: _Run) -> None:
    """Wait until everything that was sent was acknowledged and shown."""
    ends = time.monotonic() + WAIT_SECONDS
    while run.sent and time.monotonic() < ends:  # noqa: ASYNC110  # what is waited for happens in the other process
        await asyncio.sleep(0.1)


def _memory(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1_048_576
