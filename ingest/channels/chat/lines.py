"""What stands in a visitor's conversation, read from the database: the row is the truth, a socket only shows it.

Many sockets ask at once, so what is asked while one read is under way is read together in the next, on one connection and in
a thread. What visitors have seen is written in the same way.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy import Connection, bindparam, case, or_, select, update

from ingest.channels.chat.payload import client_id
from tickets.live import Live
from tickets.prepared import Prepared
from tickets.schema import conversations, entries, events, inbox, tickets, waiting
from tickets.store import Store
from tickets.trouble import Temporary

PAGE: Final = 100
"""Lines that are read at once; the next page is read when these were sent."""
BATCH: Final = 200
GATHER_SECONDS: Final = 0.3
"""How long marks of what was seen are gathered before they are written."""

log = structlog.get_logger()

_STANDING: Final = Prepared(
    select(
        conversations.c.seq,
        conversations.c.seen,
        conversations.c.customer,
        conversations.c.ticket_id,
        tickets.c.agent,
        tickets.c.status,
        tickets.c.heard_at,
    )
    .join(tickets, tickets.c.id == conversations.c.ticket_id)
    .where(conversations.c.key == bindparam("key"))
)
_LINES: Final = Prepared(
    select(
        entries.c.seq,
        entries.c.kind,
        entries.c.author,
        entries.c.author_name,
        entries.c.external_id,
        entries.c.text,
        entries.c.attachments,
        entries.c.sent_at,
        entries.c.created_at,
        entries.c.deleted_at,
    )
    .where(entries.c.conversation == bindparam("key"), entries.c.seq > bindparam("after"))
    .order_by(entries.c.seq)
    .limit(PAGE)
)
_HAPPENED: Final = Prepared(
    select(events.c.name, events.c.at).where(
        events.c.ticket_id == bindparam("number"),
        or_(events.c.name == "chat.missed", events.c.name == "ticket.rated"),
    )
)
_BEGUN: Final = Prepared(
    select(inbox.c.id).where(waiting, inbox.c.conversation == bindparam("key")).limit(1)  # on its way into a ticket
)
_SEEN: Final = (
    update(conversations)
    .where(conversations.c.key == bindparam("of_key"), conversations.c.seen < bindparam("up_to"))
    .values(seen=case((conversations.c.seq < bindparam("up_to"), conversations.c.seq), else_=bindparam("up_to")))
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a conversation; `id` is the one the client made, of a message of the visitor's."""

    seq: int
    speaker: str
    id: str | None
    name: str
    text: str
    files: tuple[Mapping[str, Any], ...]
    at: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a conversation stands, and the lines after those that were asked for, at most a page of them.

    `agent` is the id of who takes care of it; `status` is none, waiting, taken, missed or resolved.
    """

    seq: int = 0
    seen: int = 0
    agent: str | None = None
    status: str = "none"
    rated: bool = False
    lines: tuple[Line, ...] = ()

    @property
    def last(self) -> int:
        """The place up to which it was read."""
        return self.lines[-1].seq if self.lines else self.seq


class Reader:
    """Reads conversations for one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wanted: list[tuple[str, int | None, asyncio.Future[Standing]]] = []
        self._task: asyncio.Task[None] | None = None

    async def read(self, key: str, after: int | None = None) -> Standing:
        """Return how a conversation stands, with its lines after a place if one is given; raises `Temporary`."""
        future: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()
        self._wanted.append((key, after, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def begun(self, key: str) -> bool:
        """Tell whether anything was said in a conversation, also what no ticket has yet; raises `Temporary`."""
        return await asyncio.to_thread(self._begun, key)

    def _begun(self, key: str) -> bool:
        with self._store.read() as connection:
            known = _STANDING.one(connection, {"key": key})
            return known is not None or _BEGUN.value(connection, {"key": key}) is not None

    async def _run(self) -> None:
        while self._wanted:
            batch, self._wanted = self._wanted[:BATCH], self._wanted[BATCH:]
            try:
                found = await asyncio.to_thread(self._look, [(key, after) for key, after, _ in batch])
            except Exception as error:  # noqa: BLE001  # whoever asked is told
                for _, _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, _, future), standing in zip(batch, found, strict=True):
                if not future.done():
                    future.set_result(standing)

    def _look(self, wanted: list[tuple[str, int | None]]) -> list[Standing]:
        with self._store.read() as connection:
            return [_standing(connection, key, after) for key, after in wanted]


def _standing(connection: Connection, key: str, after: int | None) -> Standing:
    row = _STANDING.one(connection, {"key": key})
    if row is None:
        return Standing()
    wanted = after is not None and after < row.seq
    lines = _LINES.all(connection, {"key": key, "after": after}) if wanted else []
    since = row.heard_at or 0.0  # a rating is of what was said before it
    lines_of = _HAPPENED.all(connection, {"number": row.ticket_id})
    happened = {one.name for one in lines_of if one.name != "ticket.rated" or one.at >= since}
    return Standing(
        row.seq,
        row.seen,
        row.agent,
        _status(row, missed="chat.missed" in happened),
        "ticket.rated" in happened,
        tuple(_line(one, row.customer) for one in lines if one.kind != "note"),
    )


def _status(row: Any, *, missed: bool) -> str:
    if row.status in ("resolved", "closed", "spam", "merged"):
        return "resolved"
    if row.agent is not None or row.status == "answered":
        return "taken"
    return "missed" if missed else "waiting"


def _line(row: Any, customer: str) -> Line:
    by_agent = row.author.startswith("agent:")
    gone = row.deleted_at is not None
    said = json.loads(row.attachments) if not gone else []
    at = row.sent_at if row.sent_at is not None else row.created_at
    return Line(
        seq=row.seq,
        speaker="agent" if by_agent else "visitor" if row.author == customer else "desk",
        id=None if by_agent else client_id(customer, row.external_id),
        name=row.author_name if by_agent else "",
        text="" if gone else row.text,
        files=tuple(file for file in map(_file, said) if file["id"]),
        at=datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _file(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file of an entry: a visitor's is named in its URL, an agent's by itself."""
    number = said.get("file") or str(said.get("url") or "").removeprefix("chat:")
    return {
        "id": number,
        "name": str(said.get("filename") or ""),
        "type": str(said.get("content_type") or "application/octet-stream"),
        "size": said.get("size") or 0,
    }


class Marks:
    """What visitors have seen, written a moment later and all at once; it never goes back."""

    def __init__(self, store: Store, live: Live) -> None:
        self._store = store
        self._live = live
        self._seen: dict[str, int] = {}
        self._now = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def put(self, key: str, seq: int) -> None:
        """Note that a conversation is seen up to a place."""
        self._seen[key] = max(seq, self._seen.get(key, 0))
        if self._task is None or self._task.done():
            self._now.clear()
            self._task = asyncio.create_task(self._write())

    async def settle(self) -> None:
        """Return when what was noted is written, or could not be."""
        self._now.set()
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._seen:
            try:
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._now.wait()
            except TimeoutError:
                pass
            seen, self._seen = self._seen, {}
            try:
                await asyncio.to_thread(self._keep, seen)
            except Temporary as error:
                log.warning("what visitors have seen is not kept; they say it again", error=str(error))

    def _keep(self, seen: Mapping[str, int]) -> None:
        with self._store.write() as connection:
            for key, seq in sorted(seen.items()):  # in one order, so that two processes never wait for each other
                connection.execute(_SEEN, {"of_key": key, "up_to": seq})
        for key, seq in seen.items():
            self._live.tell(key, {"type": "read", "seq": seq})
