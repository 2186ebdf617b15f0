"""aioimaplib's protocol, mended: it says when the connection is lost, and never takes more than was asked for.

What is mended (aioimaplib 2.0.3): commands wait on after a lost connection; a rejected XOAUTH2 is never ended; a chunk with a
thousand short lines ends in a RecursionError; whatever arrives is formatted for a log that is off; an announced mail is
forgotten unless IDLE runs; a server may send without end.
"""

import asyncio
import base64
import binascii
import re

from aioimaplib.aioimaplib import Command, IMAP4ClientProtocol

from tickets.trouble import Temporary

MOST_BYTES = 16 * 1024 * 1024
"""What a server may send in answer to one command; for a fetch, the sizes it announced come on top."""

_LITERAL = re.compile(rb"\{(\d{1,10})\}$")
_EXISTS = re.compile(rb"\* \d+ EXISTS\b", re.IGNORECASE)


class Lost(Temporary):
    """The connection is of no use any more: closed, silent, or full of nonsense."""


class Wire(IMAP4ClientProtocol):  # type: ignore[misc]  # it has no types
    """One connection. `greeted` ends with the greeting, `lost` with the connection; `news` is set when a mail is announced."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(loop, self._on_lost)
        self.lost: asyncio.Future[str] = loop.create_future()
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.news = asyncio.Event()
        self.answer_to_challenge = ""
        self.challenge = ""
        self._may_take = MOST_BYTES
        self._rest = b""

    def allow(self, more: int = 0) -> None:
        """Begin to count anew what the server sends, for a command that may bring so many bytes."""
        self._may_take = MOST_BYTES + more

    def fail(self, words: str) -> None:
        """Drop the connection, for a reason."""
        if not self.lost.done():
            self.lost.set_result(words)
        if self.transport is not None:
            self.transport.abort()

    def _on_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(f"the connection was lost: {error}" if error else "the server closed the connection")
        for task in self.tasks:
            task.cancel()  # the greeting, when it is still being read

    def data_received(self, data: bytes) -> None:
        """Take what came; anything that is not IMAP ends the connection."""
        self._may_take -= len(data)
        if self._may_take < 0:
            self.fail("the server sent far more than was asked for")
        elif not self.lost.done():
            try:
                self._take(self._rest + data)
            except Exception as error:  # noqa: BLE001  # whatever the library makes of nonsense
                self.fail(f"the server's answer is not IMAP: {type(error).__name__}")

    def _take(self, data: bytes) -> None:
        searched, at, self._rest = len(self._rest), 0, b""
        view = memoryview(data)
        while at < len(data):
            command = self.current_command
            if command is not None and command.wait_literal_data():
                at = len(data) - len(command.append_literal_data(view[at:]))
                continue
            end = data.find(b"\r\n", max(at, searched - 1))
            if end < 0:
                self._rest = data[at:]
                return
            self._take_line(data[at:end], command)
            at = end + 2

    def _take_line(self, line: bytes, command: Command | None) -> None:
        if command is None and _EXISTS.match(line):
            self.news.set()
        if command is None and line.startswith(b"* ") and self.has_pending_idle_command():
            return  # the library would keep them all
        command = self._handle_line(line, command)
        if literal := _LITERAL.search(line):
            command = command or Command("NIL", "unused")  # nobody asked; read it all the same
            command.begin_literal_data(int(literal[1]))
        elif command is not None and not command.wait_data():
            command = None
        self.current_command = command

    async def welcome(self, command: bytes) -> None:
        """Take the greeting; the library would leave who waits for it waiting when it is not a good one."""
        try:
            await super().welcome(command)
            self.greeted.set_result(None)
        except Exception:  # noqa: BLE001
            self.fail(f"the server does not take us: {readable(command)}")

    def _continuation(self, line: bytes) -> None:
        """Answer a `+`. After AUTHENTICATE it asks for what we want to say, or tells why not and wants an empty answer.

        https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
        """
        if self.pending_sync_command is None or self.pending_sync_command.name != "AUTHENTICATE":
            super()._continuation(line)
            return
        self.challenge = line[1:].strip().decode("ascii", "replace")
        answer, self.answer_to_challenge = self.answer_to_challenge, ""
        self.transport.write(f"{answer}\r\n".encode())


def readable(said: bytes | str) -> str:
    """Return a server's words as they may stand in a log: short, printable, without line ends."""
    text = said if isinstance(said, str) else said.decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text[:300]).strip()


def decoded(challenge: str) -> str:
    """Return what a challenge says: XOAUTH2 tells its error as JSON in base64."""
    try:
        return readable(base64.b64decode(challenge, validate=True))
    except (binascii.Error, ValueError):
        return readable(challenge)
