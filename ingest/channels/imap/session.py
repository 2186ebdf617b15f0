"""One connection to a mailbox: typed commands, each with a time limit and ended at once when the connection is lost.

UIDs throughout, never sequence numbers (RFC 9051, RFC 3501; IDLE RFC 2177, UIDPLUS RFC 4315, MOVE RFC 6851).
"""

import asyncio
import base64
import re
import ssl
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from aioimaplib.aioimaplib import AioImapException, Command, IdleCommand, quoted

from ingest.channels.imap.config import Config
from ingest.channels.imap.wire import Lost, Wire, decoded, readable
from tickets.trouble import Permanent, Temporary

FETCH_SECONDS = 900
"""How long a fetch may take in all, with bytes trickling in."""
HEADS = "BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT MESSAGE-ID)]"

_FETCHED = re.compile(rb"\d+ FETCH \(", re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d{1,10})", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,10})", re.IGNORECASE)
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"', re.IGNORECASE)
_QUOTED_BODY = re.compile(rb'BODY\[[^\]]*\] "((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_CODE = re.compile(r"\[([A-Z-]+)[\] ]", re.IGNORECASE)
_LATER = {"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"}
"""Response codes that say: the password is not the matter (RFC 5530)."""

T = TypeVar("T")


class LoginRefused(Permanent):
    """The server does not let us in: a person must change something."""


class No(Temporary):
    """The server said NO or BAD to a command; the message is in its words."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder as it was opened: its UIDVALIDITY, and the highest UID in it (0 when it is empty)."""

    uidvalidity: int
    last_uid: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of one mail: its size in bytes, and when it got it (UTC seconds)."""

    uid: int
    size: int
    received_at: float


class Session:
    """A connection that `connect` made. Every method may raise `Lost` or `No`."""

    silence: ClassVar[float] = 60
    """Seconds the server may be silent after a command."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.capabilities: frozenset[str] = frozenset()

    @classmethod
    async def connect(cls, config: Config) -> "Session":
        """Connect and hear the greeting; raises `Lost` or `OSError` (which a certificate that is not right is, too)."""
        wire = Wire()
        session = cls(wire)
        context = ssl.create_default_context() if config.encrypted else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(cls.silence):
                await loop.create_connection(lambda: wire, config.host, config.port, ssl=context)
            await session._hold(wire.greeted)
        except TimeoutError:
            raise Lost(f"{config.server} does not answer") from None
        except BaseException:
            session.close()
            raise
        return session

    async def log_in(self, user: str, *, password: str = "", token: str = "") -> None:
        """Log in by password, or by an OAuth token (XOAUTH2); raises `LoginRefused`."""
        if token:
            said = await self._authenticate("XOAUTH2", f"user={user}\1auth=Bearer {token}\1\1")
        elif {"AUTH=PLAIN", "SASL-IR"} <= await self._able():
            said = await self._authenticate("PLAIN", f"\0{user}\0{password}")
        else:
            said = await self._run(Command("LOGIN", self._wire.new_tag(), quoted(user), quoted(password)), password)
        words = readable(said.lines[-1] if said.lines else b"")
        if said.result != "OK":
            code = _CODE.search(words)
            if code and code[1].upper() in _LATER:
                raise No(f"the server lets nobody in now: {words}")
            why = f" ({decoded(self._wire.challenge)})" if token and self._wire.challenge else ""
            raise LoginRefused(f"the server refuses {user}: {words}{why}")
        self._wire.state = "AUTH"
        self.capabilities = await self._able()
        self._wire.capabilities = set(self.capabilities)  # the library looks there before it sends MOVE

    async def _able(self) -> frozenset[str]:
        said = await self._run(Command("CAPABILITY", self._wire.new_tag()))
        return frozenset(b" ".join(said.lines[:-1]).decode("ascii", "replace").upper().split())

    async def _authenticate(self, mechanism: str, response: str) -> Any:
        said = base64.b64encode(response.encode()).decode()
        if "SASL-IR" in await self._able():  # RFC 4959: the response goes with the command
            command = Command("AUTHENTICATE", self._wire.new_tag(), mechanism, said)
        else:
            self._wire.answer_to_challenge = said
            command = Command("AUTHENTICATE", self._wire.new_tag(), mechanism)
        return await self._run(command, said)

    async def select(self, folder: str) -> Selected:
        """Open a folder by its name as people write it."""
        said = await self._hold(self._wire.select(mailbox_name(folder)))
        _fine(said, f'the folder "{folder}" cannot be opened')
        text = b"\n".join(said.lines)
        validity = re.search(rb"\[UIDVALIDITY (\d{1,10})\]", text, re.IGNORECASE)
        following = re.search(rb"\[UIDNEXT (\d{1,10})\]", text, re.IGNORECASE)
        if validity is None:
            raise No(f'the folder "{folder}" has no UIDVALIDITY; without it no mail can be told from another')
        last = int(following[1]) - 1 if following else max(await self.uids("ALL"), default=0)
        return Selected(int(validity[1]), last)

    async def uids(self, which: str) -> list[int]:
        """Return the UIDs a SEARCH finds, ascending."""
        said = await self._hold(self._wire.search(which, charset=None, by_uid=True))
        _fine(said, "the server does not search")
        return sorted({int(word) for line in said.lines[:-1] for word in line.split() if word.isdigit()})

    async def new_uids(self, after: int) -> list[int]:
        """Return the UIDs above `after`, ascending. What is announced from now on ends the next `wait`."""
        self._wire.news.clear()
        return [uid for uid in await self.uids(f"UID {after + 1}:*") if uid > after]  # `*` alone finds the last one

    async def facts(self, uids: Sequence[int]) -> list[Facts]:
        """Return sizes and dates, ascending by UID; what is no longer there is left out."""
        found = []
        for uid, text, _ in await self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)", 0):
            size, date = _SIZE.search(text), _DATE.search(text)
            if size:
                found.append(Facts(uid, int(size[1]), _moment(date[1]) if date else 0.0))
        return sorted(found, key=lambda one: one.uid)

    async def bodies(self, mails: Sequence[Facts]) -> dict[int, bytes]:
        """Return whole mails by UID, without marking them seen; what the server does not give is left out."""
        most = sum(mail.size for mail in mails) * 2
        found = await self._fetch([mail.uid for mail in mails], "(UID BODY.PEEK[])", most)
        return {uid: body for uid, _, body in found if body}

    async def heads(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Return Date, From, Subject and Message-ID by UID, as a header block."""
        return {uid: body for uid, _, body in await self._fetch(uids, f"(UID {HEADS})", 0)}

    async def _fetch(self, uids: Sequence[int], what: str, most: int) -> list[tuple[int, bytes, bytes]]:
        if not uids:
            return []
        fetch = self._wire.fetch(uid_set(uids), what, by_uid=True, timeout=self.silence)
        said = await self._hold(fetch, FETCH_SECONDS, most)
        found = _mails(said.lines[:-1])
        if not found:  # a NO beside mails means that some could not be given (RFC 9051, 7.1.2)
            _fine(said, "the server does not give mails")
        wanted = set(uids)
        return [one for one in found if one[0] in wanted]

    async def mark_seen(self, uids: Sequence[int]) -> None:
        """Mark mails as seen."""
        await self._store(uids, "\\Seen")

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move mails; where the server knows no MOVE by a copy and `delete`."""
        target = mailbox_name(folder)
        if "MOVE" in self.capabilities:
            said = await self._hold(self._wire.move(uid_set(uids), target, by_uid=True))
            _fine(said, f'mails cannot be moved to "{folder}"')
            return
        _fine(await self._hold(self._wire.copy(uid_set(uids), target, by_uid=True)), f'no copy goes to "{folder}"')
        await self.delete(uids)

    async def delete(self, uids: Sequence[int]) -> None:
        """Delete mails; without UIDPLUS they are only marked, because a plain EXPUNGE would take those of others too."""
        await self._store(uids, "\\Deleted")
        if "UIDPLUS" in self.capabilities:
            _fine(await self._hold(self._wire.expunge(uid_set(uids), by_uid=True)), "mails cannot be deleted")

    async def _store(self, uids: Sequence[int], flag: str) -> None:
        said = await self._hold(self._wire.store(uid_set(uids), "+FLAGS.SILENT", f"({flag})", by_uid=True))
        _fine(said, f"{flag} cannot be set")

    async def wait(self, seconds: float, poll: float) -> None:
        """Return when a mail was announced since the last `new_uids`, or it is time to look: IDLE, else after `poll` seconds."""
        if self._wire.news.is_set():
            return
        if "IDLE" in self.capabilities:
            await self._idle(seconds)
            return
        await self._first(asyncio.create_task(asyncio.sleep(poll)), None)
        _fine(await self._hold(self._wire.simple_command("NOOP")), "the server does not answer")

    async def _idle(self, seconds: float) -> None:
        self._wire.allow()
        command = IdleCommand(self._wire.new_tag(), self._wire.idle_queue)
        idling = asyncio.create_task(self._wire.execute(command))
        try:
            begun = asyncio.create_task(self._wire.wait_for_idle_response())
            await self._first(begun, self.silence, idling)
            if not idling.done():
                await self._first(asyncio.create_task(self._wire.news.wait()), seconds, idling, late=False)
            if not idling.done():
                self._wire.idle_done()
            said = await self._hold(idling)
        finally:
            idling.cancel()
            await asyncio.gather(idling, return_exceptions=True)
        if said.result != "OK":
            self.capabilities -= {"IDLE"}  # it says it can and cannot: look from time to time instead

    def close(self) -> None:
        """Drop the connection."""
        self._wire.fail("closed")

    async def _run(self, command: Command, secret: str | None = None) -> Any:
        return await self._hold(self._wire.execute(command, scrub=secret or None))

    async def _hold(self, answer: Awaitable[T], seconds: float | None = None, most: int = 0) -> T:
        """Wait for an answer, for the end of the connection or for so many seconds (else `silence`), whichever comes first."""
        self._wire.allow(most)
        task = asyncio.ensure_future(answer)
        await self._first(task, seconds or self.silence)
        try:
            return task.result()
        except AioImapException as error:
            raise self._over(readable(str(error)) or "the server is silent") from error

    async def _first(
        self, task: "asyncio.Task[Any] | asyncio.Future[Any]", seconds: float | None, *others: Any, late: bool = True
    ) -> None:
        """Wait until the task or one of the others is done; raises `Lost` when the connection is, or when it is too `late`."""
        try:
            await asyncio.wait({task, self._wire.lost, *others}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._wire.lost.done() and not task.done():
                raise Lost(self._wire.lost.result())
            if late and not task.done() and not any(other.done() for other in others):
                raise self._over(f"the server was silent for {seconds:.0f} seconds")
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _over(self, words: str) -> Lost:
        self._wire.fail(words)
        return Lost(words)


def _fine(said: Any, words: str) -> None:
    if said.result != "OK":
        raise No(f"{words}: {readable(said.lines[-1] if said.lines else b'')}")


def _mails(lines: Iterable[bytes | bytearray]) -> list[tuple[int, bytes, bytes]]:
    """Return UID, text and literal of each FETCH response; aioimaplib gives literals as bytearrays between the lines."""
    found: list[tuple[list[bytes], list[bytes]]] = []
    for line in lines:
        if isinstance(line, bytearray):
            if found:
                found[-1][1].append(bytes(line))
        elif _FETCHED.match(line):
            found.append(([line], []))
        elif found:
            found[-1][0].append(line)
    mails = []
    for text_lines, literals in found:
        text = b" ".join(text_lines)
        uid, short = _UID.search(text), _QUOTED_BODY.search(text)
        if uid:
            body = literals[0] if literals else re.sub(rb"\\(.)", rb"\1", short[1]) if short else b""
            mails.append((int(uid[1]), text, body))
    return mails


def _moment(date: bytes) -> float:
    try:
        return datetime.strptime(date.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()
    except ValueError:
        return 0.0


def uid_set(uids: Sequence[int]) -> str:
    """Return UIDs, ascending, as a set of IMAP: `1:3,7`. Only neighbours make a range, so that it names nothing else."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in ranges)


def mailbox_name(folder: str) -> str:
    """Return a folder's name as it stands in a command: modified UTF-7 (RFC 3501, 5.1.3), quoted."""
    parts = re.split(r"([^\x20-\x7e]+)", folder.replace("&", "&-"))
    for index in range(1, len(parts), 2):
        packed = base64.b64encode(parts[index].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        parts[index] = f"&{packed}-"
    return str(quoted("".join(parts)))
