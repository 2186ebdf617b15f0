"""An IMAP server of forty lines that misbehaves as it is told."""

import asyncio
import re
import ssl
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from tests.services import free_port

Says = Callable[["Conversation"], Awaitable[None]]


class Hangup(Exception):  # noqa: N818  # what a server does, no error of it
    """The server closes the connection."""


class Conversation:
    """One connection and the command at hand: `tag`, its words in upper case without UID, and `line` as it came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.number = number
        self._reader, self._writer = reader, writer
        self.tag, self.word, self.line = "", "", ""

    async def hear(self) -> str:
        """Return the next line."""
        line = await self._reader.readline()
        if not line:
            raise Hangup
        return line.decode().strip()

    async def say(self, *lines: str | bytes, end: bytes = b"\r\n") -> None:
        """Send lines."""
        for line in lines:
            self._writer.write((line if isinstance(line, bytes) else line.encode()) + end)
        await self._writer.drain()

    async def fine(self, *lines: str | bytes) -> None:
        """Send lines and OK."""
        await self.say(*lines, f"{self.tag} OK done")


class Fake:
    """Plays its part over and over. `mails` are by UID; `instead` says what happens instead of the usual for a word."""

    tls: ssl.SSLContext | None = None
    capability = "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 IDLE UIDPLUS MOVE"

    def __init__(self, mails: dict[int, bytes] | None = None, **instead: Says) -> None:
        self.port = free_port()
        self.mails = mails or {}
        self.instead = instead
        self.heard: list[str] = []
        self.connections = 0
        self.uidvalidity = 7
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._talk(Conversation(reader, writer, self.connections))
        except (Hangup, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _talk(self, to: Conversation) -> None:
        await self.instead.get("greeting", _greeting)(to)
        while True:
            to.line = await to.hear()
            self.heard.append(to.line)
            to.tag, _, rest = to.line.partition(" ")
            to.word = rest.upper().removeprefix("UID ").split(" ")[0].lower()
            own = self.instead.get(to.word)
            await (own(to) if own else self.usual(to))

    async def usual(self, to: Conversation) -> None:
        """Do what a server does."""
        if to.word == "capability":
            await to.fine(f"* CAPABILITY {self.capability}")
        elif to.word == "select":
            last = max(self.mails, default=0)
            await to.fine(
                f"* {len(self.mails)} EXISTS",
                f"* OK [UIDVALIDITY {self.uidvalidity}] so",
                f"* OK [UIDNEXT {last + 1}] so",
            )
        elif to.word == "search":
            first = int((re.search(r"UID SEARCH UID (\d+)", to.line) or ["", "1"])[1])
            await to.fine("* SEARCH " + " ".join(str(uid) for uid in self.mails if uid >= first))
        elif to.word == "fetch":
            await to.fine(*(self.fetched(uid, to.line) for uid in self.asked(to.line)))
        elif to.word == "idle":
            await to.say("+ idling")
            await to.hear()
            await to.fine()
        else:
            await to.fine()

    def asked(self, line: str) -> list[int]:
        """Return the UIDs a command names, of those there are."""
        ranges = [part.split(":") for part in line.split(" ")[3].split(",")]
        return [uid for uid in sorted(self.mails) if any(int(r[0]) <= uid <= int(r[-1]) for r in ranges)]

    def fetched(self, uid: int, line: str) -> bytes:
        """Return one FETCH response."""
        raw, number = self.mails[uid], sorted(self.mails).index(uid) + 1
        if "RFC822.SIZE" in line:
            date = "01-Nov-2026 10:00:00 +0000"
            return f'* {number} FETCH (UID {uid} RFC822.SIZE {len(raw)} INTERNALDATE "{date}")'.encode()
        raw = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if "HEADER" in line else raw
        return f"* {number} FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")"


async def _greeting(to: Conversation) -> None:
    await to.say("* OK [CAPABILITY IMAP4rev1 SASL-IR] ready (today)")
