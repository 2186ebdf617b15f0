"""The inbox: where a message becomes durable, and only then may its sender be answered.

One writer thread keeps the messages. All that arrived while the last commit was running go into the next one (group
commit), and each sender is answered after *its* commit. When many send at once the thread lets a few more gather, since
a commit costs as much as many rows; one that comes alone never waits. Bytes too large for a row are kept as a blob first,
in threads of their own, so that they hold up nobody else. When the process dies before the commit, nobody was answered and
the senders repeat; when it dies after it, the row waits and the sweep rings for it.
"""

import asyncio
import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Connection, and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ingest.arrival import Arrival, Kept
from tickets.blobs import IN_THE_ROW, Blobs
from tickets.prepared import Prepared
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Temporary

BATCH_ROWS = 500
BATCH_BYTES = 32 * 1024 * 1024
GATHER_ROWS = 4
GATHER_SECONDS = 0.002
"""How long at most the writer rests after a commit for `GATHER_ROWS` or more, so that the next one is for as many."""
KEEP_SECONDS = 25
"""How long a message may wait for its commit before its sender is told to come back."""
BELL_SECONDS = 10
"""How long after it was kept a row waits for its bell before the sweep rings again."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Waiting:
    arrivals: Sequence[Arrival]
    answer: Future[list[Kept]]
    woken: asyncio.Future[None] | None = None
    """Of an event loop that waits for the answer: it is woken once for a whole batch, which costs a system call."""


class Inbox:
    """Keeps messages. `on_kept` is told the ids of new rows after their commit (the bell); without it the sweep is quicker.

    Without `blobs` a message stays in its row, however large it is.
    """

    def __init__(
        self,
        store: Store,
        on_kept: Callable[[Sequence[int]], None] | None = None,
        clock: Callable[[], float] = time.time,
        blobs: Blobs | None = None,
    ) -> None:
        self._store = store
        self._on_kept = on_kept
        self._clock = clock
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(blobs.shelf.at_once if blobs else 1, "blobs")
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._open = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def start(self) -> None:
        """Begin to keep messages."""
        self._open = True
        self._thread.start()

    def stop(self) -> None:
        """Keep what is in hand, then stop; whatever comes after is told to come back."""
        with self._guard:
            if not self._open:
                return
            self._open = False
        self._pool.shutdown()  # those whose blobs are under way still get their commit
        self._queue.put(None)
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether messages are kept."""
        return self._open and self._thread.is_alive()

    def accept(self, arrivals: Sequence[Arrival]) -> Future[list[Kept]]:
        """Keep the messages of one delivery, all or none; the future ends after the commit.

        It ends with `Temporary` when they could not be kept: the sender must come back. A message that was kept before
        ends as a duplicate of its first row.
        """
        waiting = _Waiting(arrivals, Future())
        self._put(waiting)
        return waiting.answer

    def _put(self, waiting: _Waiting) -> None:
        with self._guard:
            if self._open:
                if self._blobs is not None and any(len(arrival.raw) > IN_THE_ROW for arrival in waiting.arrivals):
                    self._pool.submit(self._shelve, self._blobs, waiting)
                else:
                    self._queue.put(waiting)
                return
        _refuse(waiting, Temporary("the inbox is closed; come back later"))

    def _shelve(self, blobs: Blobs, waiting: _Waiting) -> None:
        """Keep the blobs of a delivery, then let its rows wait for their commit."""
        if waiting.answer.cancelled():  # its sender has already been told to come back
            return
        try:
            waiting.arrivals = stored(blobs, waiting.arrivals)
        except Exception as error:
            trouble = error if isinstance(error, Temporary) else Temporary(f"could not be kept: {type(error).__name__}")
            log.warning(
                "a message's bytes were not kept, its sender comes back",
                error=str(error),
                exc_info=trouble is not error,
            )
            _refuse(waiting, trouble)
            return
        with self._guard:
            if not self._ended:
                self._queue.put(waiting)
                return
        _refuse(waiting, Temporary("the inbox was closed; come back later"))

    async def accepted(self, arrivals: Sequence[Arrival]) -> list[Kept]:
        """Keep the messages of one delivery and return after the commit: `accept`, for an event loop.

        Raises `Temporary` like it, also when there was no commit within `KEEP_SECONDS`; what waits longer is not kept.
        """
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(arrivals, Future(), woken)
        self._put(waiting)
        try:
            async with asyncio.timeout(KEEP_SECONDS):
                await woken
        except TimeoutError:
            raise Temporary(f"there was no commit within {KEEP_SECONDS} seconds") from None
        finally:
            waiting.answer.cancel()  # it changes nothing once there is an answer
        return waiting.answer.result()

    def _run(self) -> None:
        batch: list[_Waiting] | None = []
        try:
            while (batch := self._next_batch()) is not None:
                self._keep(batch)
                self._gather(len(batch))
        finally:
            # A dead writer must not leave its senders hanging: everybody who waits or comes is told to come back.
            with self._guard:
                self._open, self._ended = False, True
            left = list(batch or ())
            while not self._queue.empty():
                if (waiting := self._queue.get()) is not None:
                    left.append(waiting)
            for waiting in left:
                if not waiting.answer.done():
                    waiting.answer.set_exception(Temporary("the inbox was closed; come back later"))
            _wake(left)

    def _gather(self, kept: int) -> None:
        """Rest after a commit for many until as many wait again, or long enough."""
        ends = time.monotonic() + GATHER_SECONDS
        while kept >= GATHER_ROWS and self._queue.qsize() < kept and time.monotonic() < ends:
            time.sleep(GATHER_SECONDS / 5)

    def _next_batch(self) -> list[_Waiting] | None:
        waiting = self._queue.get()
        if waiting is None:
            return None
        batch, rows, size = [], 0, 0
        while True:
            if waiting.answer.set_running_or_notify_cancel():  # else its sender has already been told to come back
                batch.append(waiting)
                rows += len(waiting.arrivals)
                size += sum(len(arrival.raw) for arrival in waiting.arrivals)
            if rows >= BATCH_ROWS or size >= BATCH_BYTES:
                return batch
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                return batch
            if following is None:
                self._queue.put(None)  # stop after this batch
                return batch
            waiting = following

    def _keep(self, batch: list[_Waiting]) -> None:
        try:
            answers = self._commit(batch)
        except Temporary as error:
            log.warning("messages not kept, their senders come back", messages=len(batch), error=str(error))
            for waiting in batch:
                waiting.answer.set_exception(error)
            _wake(batch)
        except Exception as error:
            if len(batch) > 1:  # one row that no database takes must not block the others
                for waiting in batch:
                    self._keep([waiting])
                return
            log.exception("a message could not be kept")
            batch[0].answer.set_exception(Temporary(f"could not be kept: {type(error).__name__}"))
            _wake(batch)
        else:
            for waiting, kept in zip(batch, answers, strict=True):
                waiting.answer.set_result(kept)
            _wake(batch)
            self._ring(batch, answers)

    def _commit(self, batch: list[_Waiting]) -> list[list[Kept]]:
        now = self._clock()
        arrivals = [arrival for waiting in batch for arrival in waiting.arrivals]
        with self._store.write() as connection:
            kept = iter(keep(connection, arrivals, now, now + BELL_SECONDS if self._on_kept else now))
        return [[next(kept) for _ in waiting.arrivals] for waiting in batch]

    def _ring(self, batch: list[_Waiting], answers: list[list[Kept]]) -> None:
        if self._on_kept is None:
            return
        ids = [
            kept.id
            for waiting, answer in zip(batch, answers, strict=True)
            for arrival, kept in zip(waiting.arrivals, answer, strict=True)
            if not kept.duplicate and arrival.cause is None
        ]
        try:
            self._on_kept(ids)
        except Exception:  # the rows stand; the sweep rings again
            log.exception("the bell is broken", messages=len(ids))


def _refuse(waiting: _Waiting, trouble: Temporary) -> None:
    if waiting.answer.set_running_or_notify_cancel():
        waiting.answer.set_exception(trouble)
        _wake([waiting])


def _wake(answered: Iterable[_Waiting]) -> None:
    """Wake the event loops that wait for these answers, each once."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiting in answered:
        if waiting.woken is not None:
            loops.setdefault(waiting.woken.get_loop(), []).append(waiting.woken)
    for loop, woken in loops.items():
        with suppress(RuntimeError):  # a loop that is closed; nobody waits there any more
            loop.call_soon_threadsafe(_set, woken)


def _set(woken: Iterable[asyncio.Future[None]]) -> None:
    for one in woken:
        if not one.done():
            one.set_result(None)


_KEY = (inbox.c.channel, inbox.c.account, inbox.c.external_id)
_KEEP_ONE = Prepared(sqlite.insert(inbox).on_conflict_do_nothing(index_elements=_KEY).returning(inbox.c.id))
_KEEP_MANY = postgresql.insert(inbox).on_conflict_do_nothing(index_elements=_KEY).returning(inbox.c.id, *_KEY)
_EMPTY = dict.fromkeys(column.name for column in inbox.columns if not column.primary_key)


def stored(blobs: Blobs, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Keep the bytes that are too large for a row as blobs and return the arrivals without them.

    The blobs are durable on return; the same bytes for several channels are one. Raises `Temporary`.
    """
    put: dict[bytes, str] = {}
    made = []
    for arrival in arrivals:
        if len(arrival.raw) > IN_THE_ROW:
            digest = put.get(arrival.raw) or put.setdefault(arrival.raw, blobs.put(arrival.raw))
            made.append(replace(arrival, raw=b"", stored=digest))
        else:
            made.append(arrival)
    return made


def keep(connection: Connection, arrivals: Sequence[Arrival], now: float, due_at: float) -> list[Kept]:
    """Insert arrivals in the caller's transaction and return their rows, in order; known ones are duplicates."""
    if not arrivals:
        return []
    new = _insert(connection, arrivals, [_row(arrival, now, due_at) for arrival in arrivals])
    known = _find(connection, {arrival.key for arrival in arrivals} - new.keys())
    kept = []
    for arrival in arrivals:
        fresh = new.pop(arrival.key, None)
        if fresh is not None:
            known[arrival.key] = fresh
        kept.append(Kept(known[arrival.key], duplicate=fresh is None))
    return kept


def _insert(
    connection: Connection, arrivals: Sequence[Arrival], rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str, str], int]:
    """Insert the rows of arrivals and return the ids of those that are new, by their keys."""
    if connection.dialect.name == "sqlite":  # a row is a call of a function; SQLAlchemy's own part costs twice as much
        ids = ((arrival.key, _KEEP_ONE.value(connection, row)) for arrival, row in zip(arrivals, rows, strict=True))
        return {key: made for key, made in ids if made is not None}
    found = connection.execute(_KEEP_MANY, rows)  # one journey to the server for many rows
    return {(row.channel, row.account, row.external_id): row.id for row in found}


def _row(arrival: Arrival, now: float, due_at: float) -> dict[str, Any]:
    return {
        **_EMPTY,
        "channel": arrival.channel,
        "account": arrival.account,
        "external_id": arrival.external_id,
        "conversation": arrival.conversation,
        "topic": arrival.topic,
        "state": "received" if arrival.cause is None else "quarantined",
        "cause": arrival.cause,
        "part": arrival.part,
        "meta": json.dumps(arrival.meta),
        "received_at": now,
        "attempts": 0,
        "due_at": due_at,
        "stored": arrival.stored,
        "raw": arrival.raw,
    }


def _find(connection: Connection, keys: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
    wanted = [
        and_(inbox.c.channel == channel, inbox.c.account == account, inbox.c.external_id == external_id)
        for channel, account, external_id in keys
    ]
    if not wanted:
        return {}
    columns = select(inbox.c.id, inbox.c.channel, inbox.c.account, inbox.c.external_id)
    return {
        (row.channel, row.account, row.external_id): row.id
        for start in range(0, len(wanted), 200)
        for row in connection.execute(columns.where(or_(*wanted[start : start + 200])))
    }


_DUE = (
    select(inbox.c.id)
    .where(inbox.c.state == "received", inbox.c.due_at <= bindparam("now"))
    .order_by(inbox.c.due_at, inbox.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_RUNG = (
    update(inbox)
    .where(inbox.c.id.in_(bindparam("ids", expanding=True)), inbox.c.state == "received")
    .values(due_at=bindparam("later"))
)


def due(store: Store, now: float, most: int, ring_seconds: float = 30) -> list[int]:
    """Return up to `most` rows that wait past their time, oldest first, and look away from them for `ring_seconds`.

    This is the sweep: a row whose bell was lost, whose worker died or whose next attempt has come. Ringing twice is
    harmless, routing a row twice changes nothing. Raises `Temporary`.
    """
    with store.write() as connection:
        ids = list(connection.scalars(_DUE, {"now": now, "most": most}))
        if ids:
            connection.execute(_RUNG, {"ids": ids, "later": now + ring_seconds})
    return sorted(ids)


def wake(store: Store, now: float) -> int:
    """Make every waiting row due now and return their count: for the start of a process that is alone with its database."""
    with store.write() as connection:
        return connection.execute(update(inbox).where(inbox.c.state == "received").values(due_at=now)).rowcount
