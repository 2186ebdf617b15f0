"""Errands: what is fetched once a message stands in its ticket: the files it names, and what its sender is called.

    pending ──claim──▶ pending, leased ──fetch──▶ done       what came of it stands in the entry
       ▲                    │      └─────Permanent, or too many attempts──▶ failed    the attachment says why
       └─────Temporary──────┘            (again after a growing wait)
       └─the lease ends: whoever held it died; the sweep rings again

The row is the truth, as in the outbox. It is written in the transaction that writes the entry, and done in the one that writes
what came of it; dying in between means that the same is fetched once more. A blob that nobody came to name is swept.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
from sqlalchemy import Connection, Update, bindparam, insert, select, update

from config.desk import ChannelConfig, Desk
from ingest import channel as channels
from ingest.channel import Channel
from ingest.fetched import Fetched, examined, keep_file, keep_name, known_name, note_missing
from ingest.outbound import File, Outbound
from ingest.patience import Patience
from ingest.virus import Scanner
from tickets.blobs import Blobs
from tickets.message import SPEAKS, AttachmentType, InboundMessage, clean
from tickets.prepared import Prepared
from tickets.schema import entries, errands
from tickets.store import Store
from tickets.trouble import Permanent, Temporary, discreet

COPIED: Final[frozenset[AttachmentType]] = frozenset({"image", "video", "audio", "file", "sticker"})
"""What is fetched. A story that mentions the business may not be copied (Instagram), and the rest are places, not files."""
ATTEMPTS: Final = 24
FIRST_WAIT: Final = 20.0
LONGEST_WAIT: Final = 10_800.0
"""Seconds between attempts: the first, tripled each time, and the most. All together two and a half days."""
LEASE_SECONDS: Final = 180.0
BELL_SECONDS: Final = 10.0
"""How long an errand waits for its bell before the sweep rings again."""
RING_SECONDS: Final = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to fetch: the file of the attachment at `place`, counted from 0, or the name of a sender whose id is `url`."""

    kind: Literal["file", "name"]
    place: int
    url: str


def owed(module: Channel, message: InboundMessage) -> list[Errand]:
    """Return what has to be fetched for a message of a channel; pure."""
    asks = channels.fetching(module) is not None
    found = [
        Errand("file", place, part.url)
        for place, part in enumerate(message.attachments)
        if part.url and part.type in COPIED and (asks or part.url.startswith("https://"))
    ]
    nameless = bool(message.sender.id) and not message.sender.name and message.kind in SPEAKS
    if nameless and channels.looking_up(module) is not None:
        found.append(Errand("name", 0, message.sender.id))
    return found


_NEW: Final = Prepared(insert(errands).returning(errands.c.id))


def owe(
    connection: Connection, entry_id: int, channel: str, account: str, found: Sequence[Errand], now: float
) -> list[int]:
    """Write what has to be fetched for an entry of the channel called `channel`; return the ids to ring for."""
    rows = [
        {
            "entry_id": entry_id,
            "kind": one.kind,
            "place": one.place,
            "channel": channel,
            "account": account,
            "url": one.url,
            "state": "pending",
            "attempts": 0,
            "due_at": now + BELL_SECONDS,
            "not_before": now,
            "last_error": None,
            "created_at": now,
        }
        for one in found
    ]
    return [_NEW.value(connection, row) for row in rows]


_CLAIM: Final = (
    update(errands)
    .where(errands.c.id == bindparam("row"), errands.c.state == "pending", errands.c.not_before <= bindparam("now"))
    .values(attempts=errands.c.attempts + 1, not_before=bindparam("until"), due_at=bindparam("until"))
)
_ERRAND: Final = (
    select(errands, entries.c.attachments, entries.c.conversation, entries.c.deleted_at)
    .join(entries, entries.c.id == errands.c.entry_id)
    .where(errands.c.id == bindparam("row"))
)
_DUE: Final = (
    select(errands.c.id)
    .where(errands.c.state == "pending", errands.c.due_at <= bindparam("now"))
    .order_by(errands.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What one attempt came to: `done`, `again` or `failed`; `conversation` is the key of the one it changed, if it did."""

    outcome: Literal["done", "again", "failed"]
    kind: str
    channel: str
    conversation: str | None = None


class Errands:
    """The errands of one store, by the desk of the moment. Thread-safe.

    `clock` gives UTC seconds since 1970, `jitter` a number from 0 to 1 that keeps apart what failed together, `outbound` the
    client of a desk.
    """

    def __init__(  # noqa: PLR0913  # what an errand needs
        self,
        store: Store,
        desk: Callable[[], Desk],
        blobs: Blobs,
        scanner: Scanner | None = None,
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        outbound: Callable[[Desk], Outbound] = lambda desk: Outbound(own=channels.origins(desk)),
    ) -> None:
        self._store = store
        self._desk = desk
        self._blobs = blobs
        self._scanner = scanner
        self._clock = clock
        self._jitter = jitter
        self._outbound = outbound
        self._patience = Patience()
        self._made: tuple[Desk, Outbound] | None = None

    def run(self, errand_id: int) -> Ran | None:
        """Fetch what the row asks for and write down what came of it; nothing when the row is not ours to do now.

        Whatever goes wrong outside ends as a state of the row. Raises `Temporary` when the database is in trouble.
        """
        row = self._claim(errand_id)
        if row is None:
            return None
        try:
            found = self._fetched(row)
        except Permanent as error:
            return self._fail(row, str(error))
        except Temporary as error:
            return self._again(row, str(error), error.retry_after or 0.0)
        except Exception as error:
            log.exception("an errand broke", **_facts(row))
            return self._again(row, f"{type(error).__name__}: {error}", 0.0)
        with self._store.write() as connection:
            if connection.execute(_held(row).values(state="done", last_error=None)).rowcount != 1:
                return None  # it took longer than its lease, and is another's by now
            if isinstance(found, Fetched):
                keep_file(connection, row, found, self._clock())
            elif found:
                keep_name(connection, row, found)
        log.info("fetched", **_facts(row))
        return Ran("done", row.kind, row.channel, row.conversation)

    def due(self, limit: int, ring_seconds: float = RING_SECONDS) -> list[int]:
        """Return at most `limit` pending rows to ring for, the longest due first, and not again for `ring_seconds`.

        Raises `Temporary`.
        """
        now = self._clock()
        with self._store.write() as connection:
            ids = list(connection.scalars(_DUE, {"now": now, "limit": limit}))
            if ids:
                connection.execute(update(errands).where(errands.c.id.in_(ids)).values(due_at=now + ring_seconds))
        return ids

    def wake(self) -> int:
        """Make every pending row due now and return how many; only for a process that starts alone, when no lease is alive."""
        now = self._clock()
        with self._store.write() as connection:
            pending = update(errands).where(errands.c.state == "pending")
            return connection.execute(pending.values(due_at=now, not_before=now)).rowcount

    def _claim(self, errand_id: int) -> Any | None:
        """Take the row for `LEASE_SECONDS`, or leave it for later while its account is to be left alone."""
        now = self._clock()
        with self._store.write() as connection:
            taken = connection.execute(_CLAIM, {"row": errand_id, "now": now, "until": now + LEASE_SECONDS})
            if taken.rowcount != 1:
                return None
            row = connection.execute(_ERRAND, {"row": errand_id}).one()
            if pause := self._patience.pause((row.channel, row.account), now):
                later = {"attempts": row.attempts - 1, "not_before": now + pause, "due_at": now + pause}
                connection.execute(_held(row).values(later))
                return None
            return row

    def _fetched(self, row: Any) -> Fetched | str:
        """Return the file with what it is, or the name; raises `Permanent` and `Temporary`."""
        if row.attempts > ATTEMPTS:
            raise Permanent(f"{ATTEMPTS} attempts ended without an answer")
        if row.deleted_at is not None:
            raise Permanent("its sender has taken the message back")
        desk = self._desk()
        config = desk.channels_by_name.get(row.channel)
        if config is None:  # the desk it came to had it; another process may only not have read the new desk file yet
            raise Temporary(f"the desk file has no channel {row.channel!r}")
        if row.kind == "name" and (known := known_name(self._store, row)):
            return known
        with self._patiently(row), discreet(config):
            found = _name(config, row, self._out(desk)) if row.kind == "name" else _file(config, row, self._out(desk))
        if isinstance(found, str):
            return found
        return examined(row, found, self._blobs, self._scanner, self._clock() - row.created_at)

    @contextmanager
    def _patiently(self, row: Any) -> Iterator[None]:
        """Note when the platform itself fails us; whose server a URL of a stranger leads to is not the platform's matter."""
        try:
            yield
        except Temporary:
            if not row.url.startswith("https://"):
                self._patience.failed((row.channel, row.account), self._clock())
            raise

    def _out(self, desk: Desk) -> Outbound:
        made = self._made
        if made is None or made[0] is not desk:
            made = self._made = (desk, self._outbound(desk))
        return made[1]

    def _again(self, row: Any, error: str, retry_after: float) -> Ran | None:
        if row.attempts >= ATTEMPTS:
            return self._fail(row, f"given up after {row.attempts} attempts: {error}")
        wait = min(LONGEST_WAIT, FIRST_WAIT * 3 ** (row.attempts - 1)) * (0.75 + 0.25 * self._jitter())
        later = self._clock() + max(wait, retry_after)
        with self._store.write() as connection:
            connection.execute(_held(row).values(due_at=later, not_before=later, last_error=_words(error)))
        log.warning("an errand is put off", error=error, **_facts(row))
        return Ran("again", row.kind, row.channel)

    def _fail(self, row: Any, error: str) -> Ran | None:
        with self._store.write() as connection:
            if connection.execute(_held(row).values(state="failed", last_error=_words(error))).rowcount != 1:
                return None
            if row.kind == "file":
                note_missing(connection, row, _words(error))
        log.error("an errand is given up", error=error, **_facts(row))
        return Ran("failed", row.kind, row.channel, row.conversation)


def _file(config: ChannelConfig, row: Any, out: Outbound) -> File:
    module = channels.fetching(channels.find(config.type))
    return out.file(row.url) if module is None else module.fetch(config, row.account, row.url, out)


def _name(config: ChannelConfig, row: Any, out: Outbound) -> str:
    module = channels.looking_up(channels.find(config.type))
    return "" if module is None else module.name(config, row.account, row.url, out)


def _held(row: Any) -> Update:
    """Mean the row only while it is this attempt's: one that outlived its lease must not undo the next one's."""
    return update(errands).where(
        errands.c.id == row.id, errands.c.state == "pending", errands.c.attempts == row.attempts
    )


def _words(error: str) -> str:
    return " ".join(clean(error).split())[:1_000]


def _facts(row: Any) -> dict[str, object]:
    return {"errand": row.id, "kind": row.kind, "channel": row.channel, "entry": row.entry_id, "attempt": row.attempts}
