r"""A conversation written down in a file, and how it is played against a listener.

    desk: channels that differ from the usual one, as in a desk file (one entry of `channels:` a line)
    limits: command_seconds=0.2
    failing: the inbox keeps nothing
    C: a line the client says; \xHH, \0, \t, \r, \n and \\ are bytes, <CRLF> is added
    C- bytes without <CRLF>
    C* 3000 some text: the bytes so many times
    S: a pattern that one line of the answer matches as a whole
    TLS the client begins TLS
    PAUSE nothing may come now
    DRIP bytes are sent one at a time until the listener has had enough
    END the listener has hung up
    KEPT channel recipient,recipient subject: the next row of the inbox
    NOTHING KEPT no further row stands there

What begins with # is said to the reader. KEPT counts from the first row on; at the end of the file every row has been named.
"""

import json
import re
import socket
import sqlite3
import ssl
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent / "conversations"
_SECONDS: Final = 10
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0trn\\])")
_MEANS: Final = {b"0": b"\0", b"t": b"\t", b"r": b"\r", b"n": b"\n", b"\\": b"\\"}


@dataclass(frozen=True)
class Conversation:
    """A file: what it wants of the desk, and its steps with their line numbers."""

    name: str
    channels: tuple[str, ...]
    limits: dict[str, Any]
    failing: bool
    steps: tuple[tuple[int, str, str], ...]


def read(path: Path) -> Conversation:
    """Return the conversation of a file; raises `ValueError` for a line that means nothing."""
    channels: list[str] = []
    limits: dict[str, Any] = {}
    failing = False
    steps: list[tuple[int, str, str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        word, _, rest = line.partition(" ")
        if not line.strip() or word == "#":
            continue
        if word == "desk:":
            channels.append(rest)
        elif word == "limits:":
            limits |= {name: json.loads(value) for name, value in (one.split("=") for one in rest.split())}
        elif word == "failing:":
            failing = True
        elif word in ("C:", "C-", "C*", "S:", "TLS", "PAUSE", "DRIP", "END", "KEPT", "NOTHING"):
            steps.append((number, word, rest))
        else:
            raise ValueError(f"{path.name}:{number}: {line!r} means nothing")
    return Conversation(path.stem, tuple(channels), limits, failing, tuple(steps))


def _bytes(text: str) -> bytes:
    return _ESCAPE.sub(lambda found: _MEANS.get(found[1]) or bytes.fromhex(found[1][1:].decode()), text.encode())


@dataclass
class Client:
    """Plays a conversation; raises `AssertionError` with the line of the file that did not come true."""

    conversation: Conversation
    connection: socket.socket
    trust: ssl.SSLContext
    database: Path
    _heard: bytes = b""
    _rows: int = field(default=0)

    def play(self) -> None:
        """Say and hear everything."""
        acts = {
            "C:": lambda said: self.connection.sendall(_bytes(said) + b"\r\n"),
            "C-": lambda said: self.connection.sendall(_bytes(said)),
            "C*": self._repeat,
            "S:": self._hear,
            "TLS": self._encrypt,
            "PAUSE": self._pause,
            "DRIP": self._drip,
            "END": self._end,
            "KEPT": self._kept,
            "NOTHING": self._nothing,
        }
        with closing(self):
            for number, word, said in self.conversation.steps:
                try:
                    acts[word](said)
                except (AssertionError, OSError) as error:
                    where = f"{self.conversation.name}.txt:{number}: {word} {said}"
                    raise AssertionError(f"{where}\n{type(error).__name__}: {error}") from error
            self._nothing("")

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def _repeat(self, said: str) -> None:
        times, _, text = said.partition(" ")
        self.connection.sendall(_bytes(text) * int(times))

    def _hear(self, pattern: str) -> None:
        while b"\r\n" not in self._heard:
            came = self.connection.recv(65_536)
            assert came, f"the listener hung up after {self._heard!r}"
            self._heard += came
        line, _, self._heard = self._heard.partition(b"\r\n")
        assert re.fullmatch(pattern, line.decode()), f"heard {line.decode()!r}"

    def _encrypt(self, _said: str) -> None:
        assert not self._heard, f"{self._heard!r} came before the handshake"
        self.connection = self.trust.wrap_socket(self.connection, server_hostname="localhost")

    def _pause(self, _said: str) -> None:
        self.connection.settimeout(0.1)
        try:
            came = self._heard or self.connection.recv(1)
        except TimeoutError:
            came = None
        self.connection.settimeout(_SECONDS)
        assert came is None, f"{came!r} came"

    def _drip(self, said: str) -> None:
        self.connection.settimeout(0.01)
        end = time.monotonic() + _SECONDS
        for byte in _bytes(said) * 10_000:
            assert time.monotonic() < end, "the listener has all the time in the world"
            self.connection.sendall(bytes([byte]))
            try:
                self._heard += self.connection.recv(65_536)
            except TimeoutError:
                continue
            break
        self.connection.settimeout(_SECONDS)

    def _end(self, _said: str) -> None:
        assert not self._heard, f"{self._heard!r} came before the end"
        try:
            came = self.connection.recv(65_536)
        except ConnectionResetError:
            came = b""
        assert not came, f"{came!r} came instead"

    def _kept(self, said: str) -> None:
        rows = self._inbox()
        assert self._rows < len(rows), f"only {len(rows)} rows are kept"
        channel, raw, meta = rows[self._rows]
        self._rows += 1
        subject = (re.search(rb"(?m)^Subject: (.*?)\r?$", raw) or [b"", b""])[1].decode()
        found = [channel, ",".join(json.loads(meta)["recipients"]), subject]
        wanted, _, more = said.partition(" {")
        assert found == wanted.split(" ", 2), f"kept as {found}"
        if more:
            expected = json.loads("{" + more)
            kept = {name: value for name, value in json.loads(meta).items() if name in expected}
            assert kept == expected, f"kept with {kept}"

    def _nothing(self, _said: str) -> None:
        rows = self._inbox()
        assert len(rows) == self._rows, f"{len(rows) - self._rows} more rows are kept: {rows[self._rows :]}"

    def _inbox(self) -> list[tuple[str, bytes, str]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute("SELECT channel, raw, meta FROM inbox ORDER BY id").fetchall()
