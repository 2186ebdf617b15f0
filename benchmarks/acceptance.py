"""Durable acceptance over SMTP against a stock aiosmtpd that keeps nothing.

Ours is what `frontdesk listen` runs: the listener, the inbox's writer with SQLite in a folder on this disk, and the bell,
with no router beside it (the bell rings in memory). The stock one has a handler that says 250. Each run has a new process
and a new database; the clients and the mails are the same. After each of our runs every mail that got 250 must stand in
the inbox, byte for byte.
"""

import asyncio
import re
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from benchmarks.corpus import Mail, corpus
from benchmarks.figures import BrokenBenchmarkError, Figure, Progress, figure
from benchmarks.process import DESK, Child, child, say
from commands.parts import open_desk
from config.settings import Settings
from ingest.channels import smtp
from worker import App, configure_logging

CONNECTIONS: Final = 12
MAILS: Final = 1000
WARM_UP: Final = 60
GOAL: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Run:
    """Mails per second, and CPU milliseconds per mail of the server and of the clients."""

    rate: float
    server_ms: float
    client_ms: float


def measure(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure of `rounds` pairs, with their databases under `folder`."""
    runs: list[tuple[_Run, _Run]] = []
    for number in range(rounds):
        ours, stock = (_run(side, folder, seed=number + 1) for side in ("ours", "stock"))
        runs.append((ours, stock))
        progress(f"acceptance {number + 1}/{rounds}: {ours.rate:.0f} mails/s, stock {stock.rate:.0f}")
    details = {
        f"{side}_{what}": median(getattr(pair[at], what) for pair in runs)
        for at, side in enumerate(("ours", "stock"))
        for what in ("rate", "server_ms", "client_ms")
    }
    return figure(
        "acceptance",
        "durable SMTP acceptance, mails/s ÷ stock aiosmtpd that keeps nothing",
        [(ours.rate, stock.rate) for ours, stock in runs],
        goal=GOAL,
        at_least=True,
        details=details,
    )


def _run(side: str, folder: Path, seed: int) -> _Run:
    recipients = [one for department in open_desk(DESK).current().departments for one in department.addresses]
    mails = corpus(recipients, MAILS, seed)
    warm = corpus(recipients, WARM_UP, seed=-seed)
    with TemporaryDirectory(dir=folder, prefix=f"{side}-") as name:
        with child("benchmarks.acceptance", Path(name), side) as server:
            run = asyncio.run(_measured(server, server.read()["port"], warm, mails))
            if side == "ours":
                _check(Path(name), run[1])
        return run[0]


async def _measured(
    server: Child, port: int, warm: Sequence[Mail], mails: Sequence[Mail]
) -> tuple[_Run, list[tuple[Mail, bytes]]]:
    answers = await _send(port, warm)
    server_cpu, client_cpu, begun = server.ask()["cpu"], time.process_time(), time.perf_counter()
    answers += await _send(port, mails)
    seconds, client_cpu = time.perf_counter() - begun, time.process_time() - client_cpu
    server_cpu = server.ask()["cpu"] - server_cpu
    count = len(mails)
    return _Run(count / seconds, 1000 * server_cpu / count, 1000 * client_cpu / count), answers


async def _send(port: int, mails: Sequence[Mail]) -> list[tuple[Mail, bytes]]:
    """Send the mails over a few connections, each taking the next one; return each with its answer."""
    waiting = deque((mail, mail.raw.replace(b"\r\n.", b"\r\n..") + b".\r\n") for mail in mails)
    answers: list[tuple[Mail, bytes]] = []
    await asyncio.gather(*(_connection(port, waiting, answers) for _ in range(CONNECTIONS)))
    return answers


async def _connection(port: int, waiting: deque[tuple[Mail, bytes]], answers: list[tuple[Mail, bytes]]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def say(line: bytes, expected: bytes) -> bytes:
        writer.write(line)
        answer = await reader.readline()
        if not answer.startswith(expected):
            raise BrokenBenchmarkError(f"{line[:60]!r} was answered {answer!r}")
        return answer

    await say(b"", b"220")
    await say(b"HELO client.example.com\r\n", b"250")
    while waiting:
        mail, content = waiting.popleft()
        await say(f"MAIL FROM:<{mail.sender}>\r\n".encode(), b"250")
        await say(f"RCPT TO:<{mail.recipient}>\r\n".encode(), b"250")
        await say(b"DATA\r\n", b"354")
        answers.append((mail, await say(content, b"250")))
    await say(b"QUIT\r\n", b"221")
    writer.close()


def _check(folder: Path, answers: Sequence[tuple[Mail, bytes]]) -> None:
    """See that the inbox holds every mail that got 250."""
    database = sqlite3.connect(folder / "frontdesk.sqlite3")
    try:
        kept = dict(database.execute("SELECT id, raw FROM inbox"))
    finally:
        database.close()
    for mail, answer in answers:
        found = re.search(rb"kept as (\d+)", answer)
        if found is None or kept.pop(int(found[1]), None) != mail.raw:
            raise BrokenBenchmarkError(f"a mail was answered {answer!r} and does not stand in the inbox so")
    if kept:
        raise BrokenBenchmarkError(f"the inbox holds {len(kept)} rows that nobody sent")


class _Nothing:
    """The handler of the stock server: takes everything, keeps nothing."""

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return "250 OK"


async def _serve_stock() -> None:
    loop = asyncio.get_running_loop()
    handler = _Nothing()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="stock.example.com", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    await _until_closed(server)


async def _serve_ours(app: App) -> None:
    config = next(one for one in app.desk.current().channels if isinstance(one, smtp.Config))
    free = config.model_copy(update={"listen": "127.0.0.1:0"})
    await _until_closed(await smtp.listen(free, app.desk.current, app.accept))


async def _until_closed(server: asyncio.Server) -> None:
    """Tell the parent the port, and the CPU seconds so far for each line it sends, until it closes our input."""
    ended = asyncio.Event()

    def asked() -> None:
        if sys.stdin.readline():
            say(cpu=time.process_time())
        else:
            ended.set()

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), asked)
    say(port=server.sockets[0].getsockname()[1])
    await ended.wait()
    server.close()


def _main(folder: Path, side: str) -> None:
    settings = Settings(config=DESK, data=folder, database_url=None, broker_url=None, log="json")
    configure_logging(settings)
    if side == "stock":
        asyncio.run(_serve_stock())
        return
    app = App(settings, open_desk(settings.desk_file))
    try:
        app.store.migrate()
        with app.intake():
            asyncio.run(_serve_ours(app))
    finally:
        app.close()


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2])
