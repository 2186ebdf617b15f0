"""Attachments scanned by clamd, before anything is decided about their message.

The protocol (`INSTREAM`, https://docs.clamav.net/manpages/clamd) is spoken here: docs/decisions/2026-11-24-blobs.md says why.
Each attachment is sent decoded, as an agent would open it: clamd's own reading of a whole mail gives up earlier than ours.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog

from ingest.mail.read import contents
from ingest.mail.sealed import KeyRing
from tickets.message import InboundMessage, VirusVerdict, clean
from tickets.trouble import Temporary

CONNECT_SECONDS: Final = 3.0
SCAN_SECONDS: Final = 30.0
"""For all attachments of a message together; a router's thread waits so long."""
REST_SECONDS: Final = 15.0
"""How long clamd is left alone after it did not answer: a scanner that hangs must not hold up mail without attachments."""
PATIENCE_SECONDS: Final = 600.0
"""How long a message with attachments waits for clamd; then it goes on, and says that it was not scanned."""
_CHUNK: Final = 128 * 1024
_LONGEST_ANSWER: Final = 4096

log = structlog.get_logger()


class Scanner:
    """clamd at `unix:/path` or `tcp://host:port`. Thread-safe: each scan is a connection of its own."""

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.address = address
        self._clock = clock
        self._rests_until = 0.0

    def scan(self, files: Sequence[bytes]) -> list[str | None]:
        """Return for each file the name of what was found in it, nothing when it is clean and "" when it is too large.

        Raises `Temporary` when clamd does not answer, or not within `SCAN_SECONDS`, and at once for a while after that.
        """
        if self._clock() < self._rests_until:
            raise Temporary(f"{self.address} did not answer a moment ago")
        until = time.monotonic() + SCAN_SECONDS
        try:
            return [self._one(data, until) for data in files]
        except (OSError, ValueError) as error:
            self._rests_until = self._clock() + REST_SECONDS
            raise Temporary(f"clamd at {self.address}: {error or type(error).__name__}") from error

    def version(self) -> str:
        """Return what clamd says it is; raises `Temporary`."""
        try:
            with self._connected(time.monotonic() + CONNECT_SECONDS) as connection:
                connection.sendall(b"zVERSION\0")
                return _answer(connection, time.monotonic() + CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise Temporary(f"clamd at {self.address}: {error or type(error).__name__}") from error

    def _one(self, data: bytes, until: float) -> str | None:
        with self._connected(until) as connection:
            try:
                connection.sendall(b"zINSTREAM\0")
                for begin in range(0, len(data), _CHUNK):
                    if _has_answered(connection):  # it says that the file is too large, and hangs up
                        break
                    connection.settimeout(_left(until))
                    chunk = data[begin : begin + _CHUNK]
                    connection.sendall(struct.pack("!L", len(chunk)) + chunk)
                else:
                    connection.sendall(struct.pack("!L", 0))
            except (BrokenPipeError, ConnectionResetError):
                pass  # its answer may be there all the same
            answer = _answer(connection, until)
        if answer == "stream: OK":
            return None
        if answer.startswith("stream: ") and answer.endswith(" FOUND"):
            return clean(answer[8:-6])[:200] or "?"
        if "size limit exceeded" in answer:
            return ""
        raise ValueError(f"it answered {answer[:200]!r}")

    @contextmanager
    def _connected(self, until: float) -> Iterator[socket.socket]:
        seconds = min(CONNECT_SECONDS, _left(until))
        if self.address.startswith("unix:"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(seconds)
            with connection:
                connection.connect(self.address.removeprefix("unix:"))
                yield connection
            return
        host, _, port = self.address.removeprefix("tcp://").rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as connection:
            yield connection


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"no answer within {SCAN_SECONDS:g} seconds")
    return left


def _has_answered(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    return True


def _answer(connection: socket.socket, until: float) -> str:
    """Return clamd's answer, which ends with NUL."""
    said = b""
    while not said.endswith(b"\0"):
        connection.settimeout(_left(until))
        more = connection.recv(_LONGEST_ANSWER)
        said += more
        if not more or len(said) > _LONGEST_ANSWER:
            raise ValueError("it hung up without an answer" if not said else "its answer has no end")
    return said[:-1].decode("utf-8", "replace")


def scanned(
    scanner: Scanner,
    message: InboundMessage,
    raw: bytes,
    meta: Mapping[str, Any],
    waited: float,
    ring: KeyRing | None = None,
) -> InboundMessage:
    """Return the message with the verdict about its attachments, and each infected one marked with what was found.

    `waited` is for how many seconds it has been kept; `ring` opens what is encrypted. Raises `Temporary` when clamd does not answer, until the message has
    waited `PATIENCE_SECONDS`: then the verdict is `unknown`, and the message goes on. Only mail holds attachments.
    """
    if meta.get("format") != "mail" or not message.attachments:
        return message
    files = contents(raw, ring)
    if len(files) != len(message.attachments):  # it could not be read, and is its own attachment
        files = [raw] * len(message.attachments)
    found, verdict = scan(scanner, files, waited)
    marked = tuple(
        part.model_copy(update={"virus": name}) if name else part
        for part, name in zip(message.attachments, found, strict=True)
    )
    return message.model_copy(update={"attachments": marked, "virus": verdict})


def scan(scanner: Scanner, files: Sequence[bytes], waited: float) -> tuple[list[str | None], VirusVerdict]:
    """Return what `Scanner.scan` does, and what that means for all of them; raises `Temporary` until `waited` is too long."""
    try:
        found = scanner.scan(files)
    except Temporary as error:
        if waited < PATIENCE_SECONDS:
            raise
        log.warning("files go on unscanned", error=str(error))
        return [None] * len(files), VirusVerdict(verdict="unknown", words=f"not scanned: {error}")
    return found, _verdict(found)


def _verdict(found: Sequence[str | None]) -> VirusVerdict:
    if names := tuple(dict.fromkeys(name for name in found if name)):
        return VirusVerdict(verdict="found", names=names, words=f"found: {', '.join(names)}"[:500])
    if "" in found:
        return VirusVerdict(verdict="unknown", words="not scanned: larger than clamd takes (StreamMaxLength)")
    return VirusVerdict(verdict="clean")
