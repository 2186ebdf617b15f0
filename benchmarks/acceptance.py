"""Durable acceptance over SMTP against a stock aiosmtpd that keeps nothing.

Ours is what `frontdesk listen` runs: the listener, the inbox's writer with SQLite in a folder on this disk, and the bell,
with no router beside it (the bell rings in memory). The stock one has a handler that says 250. Each pair has new processes
and a new database, and takes the same mails from the same clients in turns of a fraction of a second. After it every mail
that got 250 from us must stand in the inbox, byte for byte.
"""

import asyncio
import re
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from benchmarks.corpus import Mail, corpus
from benchmarks.figures import BrokenBenchmarkError, Figure, Progress, figure
from benchmarks.process import DESK, Child, child, say
from commands.logs import configure_logging
from commands.parts import open_desk
from config.settings import Settings
from ingest.channels import smtp
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from worker import App

FEW: Final = 12
MANY: Final = 32
"""How many senders at once: a commit is shared by those who wait for it, so the figure depends on them."""
MAILS: Final = 1000
WARM_UP: Final = 60
TURN: Final = 200
GOAL: Final = 1.5


@dataclass(slots=True)
class _Side:
    """One of the two servers, and what its turns have taken so far: seconds, and CPU seconds of server and clients."""

    name: str
    server: Child
    port: int
    senders: int
    seconds: float = 0.0
    server_cpu: float = 0.0
    client_cpu: float = 0.0
    answers: list[tuple[Mail, bytes]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Mails per second."""
        return MAILS / self.seconds

    @property
    def server_ms(self) -> float:
        """CPU milliseconds of the server per mail."""
        return 1000 * self.server_cpu / MAILS

    @property
    def client_ms(self) -> float:
        """CPU milliseconds of the clients per mail: as long as it is far less, they are not what is measured."""
        return 1000 * self.client_cpu / MAILS

    def turn(self, mails: Sequence[Mail]) -> None:
        """Send it some mails."""
        server_cpu, client_cpu, begun = self.server.ask()["cpu"], time.process_time(), time.perf_counter()
        self.answers += asyncio.run(_send(self.port, mails, self.senders))
        self.seconds += time.perf_counter() - begun
        self.client_cpu += time.process_time() - client_cpu
        self.server_cpu += self.server.ask()["cpu"] - server_cpu


def measure(rounds: int, folder: Path, progress: Progress, senders: int = FEW) -> Figure:
    """Return the figure of `rounds` pairs with so many senders at once, with their databases under `folder`."""
    pairs: list[tuple[_Side, _Side]] = []
    for number in range(rounds):
        ours, stock = pair = _pair(folder, number + 1, senders)
        pairs.append(pair)
        progress(
            f"acceptance with {senders} senders {number + 1}/{rounds}: {ours.rate:.0f} mails/s, stock {stock.rate:.0f}"
        )
    details = {
        f"{name}_{what}": median(getattr(pair[at], what) for pair in pairs)
        for at, name in enumerate(("ours", "stock"))
        for what in ("rate", "server_ms", "client_ms")
    }
    return figure(
        f"acceptance_{senders}",
        f"durable SMTP acceptance, mails/s, {senders} senders ÷ stock aiosmtpd that keeps nothing",
        [(ours.rate, stock.rate) for ours, stock in pairs],
        goal=GOAL,
        at_least=True,
        details=details,
    )


def _pair(folder: Path, seed: int, senders: int) -> tuple[_Side, _Side]:
    recipients = [one for department in open_desk(DESK).current().departments for one in department.addresses]
    mails, warm = corpus(recipients, MAILS, seed), corpus(recipients, WARM_UP, -seed)
    with ExitStack() as stack:
        ours, stock = (_start(stack, folder, name, senders) for name in ("ours", "stock"))
        for side in (ours, stock):
            side.answers += asyncio.run(_send(side.port, warm, senders))
        for begin in range(0, MAILS, TURN):
            for side in (ours, stock):
                side.turn(mails[begin : begin + TURN])
        _check(ours)
    return ours, stock


def _start(stack: ExitStack, folder: Path, name: str, senders: int) -> _Side:
    data = Path(stack.enter_context(TemporaryDirectory(dir=folder, prefix=f"{name}-")))
    server = stack.enter_context(child("benchmarks.acceptance", data, name))
    return _Side(name, server, server.read()["port"], senders)


async def _send(port: int, mails: Sequence[Mail], senders: int) -> list[tuple[Mail, bytes]]:
    """Send the mails over so many connections, each taking the next one; return each with its answer."""
    waiting = deque((mail, mail.raw.replace(b"\r\n.", b"\r\n..") + b".\r\n") for mail in mails)
    answers: list[tuple[Mail, bytes]] = []
    await asyncio.gather(*(_connection(port, waiting, answers) for _ in range(senders)))
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


def _check(ours: _Side) -> None:
    """See that the inbox holds every mail that got 250."""
    with closing(sqlite3.connect(ours.server.folder / "frontdesk.sqlite3")) as database:
        rows = database.execute("SELECT id, raw, stored FROM inbox").fetchall()
    blobs = Blobs(FolderShelf(ours.server.folder / "blobs"))
    kept = {number: blobs.get(stored) if stored else raw for number, raw, stored in rows}
    for mail, answer in ours.answers:
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
