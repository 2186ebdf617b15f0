"""An SMTP client that sends exactly the bytes it is told, and waits for exactly the answers it is owed."""

import re
import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self


class Wire:
    """One connection. Raises `OSError` when nobody listens, nobody answers in time, or the other side is gone."""

    def __init__(self, port: int, timeout: float = 40) -> None:
        with ExitStack() as stack:
            self._socket = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout))
            self._file = stack.enter_context(self._socket.makefile("rb"))
            self.greeting = self.answer()
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Hang up without a word."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(raw)

    def answer(self) -> str:
        """Return the next answer, its lines joined by line feeds."""
        lines = []
        while True:
            line = self._file.readline()
            if not line.endswith(b"\r\n"):
                raise ConnectionError("the desk hung up")
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                return "\n".join(lines)

    def say(self, command: str) -> str:
        """Send a command and return its answer."""
        self.send(command.encode() + b"\r\n")
        return self.answer()

    def mail(self, raw: bytes, sender: str = "ann@example.com", to: str = "support@acme.example") -> str:
        """Send a mail, dot-stuffed, and return the last answer: the one after the dot, or the first that is no yes."""
        for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", "DATA"):
            said = self.say(command)
            if said[0] not in "23":
                return said
        self.send(stuffed(raw))
        return self.answer()


def stuffed(raw: bytes) -> bytes:
    """Return a mail as it goes over the wire (RFC 5321, 4.5.2): leading dots doubled, a lone dot at the end."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1..", raw) + (b".\r\n" if raw.endswith(b"\r\n") else b"\r\n.\r\n")
