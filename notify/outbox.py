"""The outbox: rows that owe somebody a notice, and their way to `sent` or `failed`.

    pending ──claim──▶ pending, leased ──send──▶ sent        the provider's id is kept
       ▲                    │      └─────Permanent, or too many attempts──▶ failed
       └─────Temporary──────┘            (again after a growing wait)
       └─the lease ends: whoever held it died; the sweep rings again

The row is the truth, the bell only an id. A lease is `not_before` in the future with `attempts` counted up, written and
committed before anything is sent and never held as a transaction. Dying before the claim commits changes nothing;
dying after it, whether before or after the provider took the note, repeats the note with the same key once the lease
ends. So it is at-least-once, and what the provider sees can be recognised as a repetition.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog
from sqlalchemy import Connection, Float, Update, bindparam, case, cast, or_, select, tuple_, update

from config.desk import Desk
from config.notices import WAYS
from notify.claim import Claim, Claimed
from notify.note import Note, one_line
from notify.notifier import Needless, Notifier, NotYet
from tickets.keys import signing_key
from tickets.look import moment
from tickets.pauses import is_place, resume
from tickets.preferences import Preferences
from tickets.schema import outbox, tickets
from tickets.store import Store
from tickets.trouble import Permanent, Temporary

ATTEMPTS: Final = 72
"""How often a note is tried; with the waits between them about two and a half days: longer than a weekend's outage."""

FIRST_WAIT: Final = 5.0
LONGEST_WAIT: Final = 3_600.0
"""Seconds between attempts: the first, doubled each time, and the most."""

End = Literal["failed", "refused", "suppressed", "paused"]
"""How a row ends that was not sent: `refused` is `failed` because of the way itself, `paused` is `suppressed` since then."""

_STATES: Final[Mapping[End, str]] = {
    "failed": "failed",
    "refused": "failed",
    "suppressed": "suppressed",
    "paused": "suppressed",
}

LEASE_SECONDS: Final = 60.0
RING_SECONDS: Final = 30.0

# Also over a later claim of an expired lease: the note is out, whoever else is at it.
_SENT: Final = (
    update(outbox)
    .where(outbox.c.id.in_(bindparam("rows", expanding=True)), outbox.c.state != "sent")
    .values(
        state="sent",
        provider_id=bindparam("provider"),
        sent_at=bindparam("now"),
        due_at=bindparam("now"),
        last_error=None,
        look_at=case((outbox.c.seen_at.is_(None), cast(bindparam("look"), Float))),
    )
)
_TICKETS: Final = (
    select(tickets.c.id)
    .where(tickets.c.id.in_(bindparam("numbers", expanding=True)))
    .order_by(tickets.c.id)
    .with_for_update()
)
_DUE: Final = (
    select(outbox.c.id)
    .where(outbox.c.state == "pending", outbox.c.due_at <= bindparam("now"))
    .order_by(outbox.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)


_LISTED: Final = {
    "id": outbox.c.id,
    "ticket": outbox.c.ticket_id,
    "event": outbox.c.event,
    "recipient": outbox.c.recipient,
    "notifier": outbox.c.notifier,
    "state": outbox.c.state,
    "attempts": outbox.c.attempts,
    "reason": outbox.c.reason,
    "last_error": outbox.c.last_error,
    "word": outbox.c.word,
    "whose": outbox.c.whose,
    "held": outbox.c.held,
    "provider_id": outbox.c.provider_id,
    "not_before": outbox.c.not_before,
    "seen_at": outbox.c.seen_at,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one attempt came to: `sent`, `again`, `failed` or `suppressed`; `seconds` from the decision until now.

    `conversation` is the key of the chat or platform's conversation it is about.
    """

    outcome: str
    notifier: str
    channel: str
    seconds: float
    conversation: str | None = None


Settled = Callable[[Connection, Note, End | Literal["sent"], str], None]
"""Writes what follows from the end of a row, in the transaction that ends it: the provider's id, or why it was not sent."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outbox of one store, as one version of the desk sees it. Cheap to make: make a new one for a new desk.

    `clock` gives UTC seconds since 1970, `jitter` a number from 0 to 1 that keeps notes which failed together apart.
    """

    store: Store
    desk: Desk
    notifiers: Mapping[str, Notifier]
    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    settled: Settled | None = None
    log: Any = field(default_factory=structlog.get_logger)
    preferences: Preferences = field(init=False)

    def __post_init__(self) -> None:
        """Ask this store what agents chose."""
        object.__setattr__(self, "preferences", Preferences(self.store))

    def deliver(self, outbox_id: int) -> Delivery | None:
        """Send what the row owes and write down what came of it; nothing when the row is not ours to send now.

        Whatever the notifier raises ends as a state of the row. Raises `Temporary` when the database is in trouble; a
        note that was sent but could not be marked is sent once more after the lease.
        """
        claimed = self._claimed(outbox_id, LEASE_SECONDS)
        if claimed is None or claimed.note is None:
            return next((self._delivery(note, "suppressed") for note, _ in claimed.ended), None) if claimed else None
        if (end := self._end(claimed.note)) is not None:
            return self._fail(claimed.note, *end)
        return self._send(claimed.note)

    def _send(self, note: Note) -> Delivery:
        try:
            provider_id = self._notifier(note).send(note)
        except Needless as error:
            return self._fail(note, str(error), "suppressed")
        except Permanent as error:
            return self._fail(note, str(error), "refused" if error.way and self._follows(note) else "failed")
        except Temporary as error:
            seconds = error.retry_after or 0.0
            return self._put_off(note, seconds) if isinstance(error, NotYet) else self._again(note, str(error), seconds)
        except Exception as error:
            self.log.exception("notifier broke", **_facts(note))
            return self._again(note, f"{type(error).__name__}: {error}", 0.0)
        return self._sent(note, provider_id)

    def claim(self, outbox_id: int, lease_seconds: float = LEASE_SECONDS) -> Note | None:
        """Take the row for `lease_seconds`, with what is told together with it, and return its note.

        Nothing when it is done, leased, not yet due, put off, or need not be sent any more (notify/when.py). Of any number of
        callers at once exactly one gets the note. Raises `Temporary`.
        """
        claimed = self._claimed(outbox_id, lease_seconds)
        return None if claimed is None else claimed.note

    def _claimed(self, outbox_id: int, lease_seconds: float) -> Claimed | None:
        key, now, chosen = signing_key(self.store), self.clock(), self.preferences.chosen()
        with self.store.write() as connection:
            claimed = Claim(connection, self.desk, chosen, key, now, now + lease_seconds).take(outbox_id)
            for note, why in claimed.ended if claimed else ():
                if self.settled is not None:
                    self.settled(connection, note, "suppressed", why)
        if claimed is not None and claimed.later is not None:
            self.log.info("notice waits", outbox=outbox_id, why=claimed.later.why)
        for note, why in claimed.ended if claimed else ():
            self.log.info("notice not needed", why=why, **_facts(note))
        return claimed

    def due(self, limit: int, ring_seconds: float = RING_SECONDS) -> list[int]:
        """Return at most `limit` pending rows to ring for, the longest due first, and not again for `ring_seconds`.

        Ringing takes nothing: `claim` gives a rung row to the first that asks. Sweeps at the same time pass each other
        by. Raises `Temporary`.
        """
        now = self.clock()
        with self.store.write() as connection:
            ids = list(connection.scalars(_DUE, {"now": now, "limit": limit}))
            if ids:
                rung = update(outbox).where(outbox.c.id.in_(ids))
                connection.execute(rung.values(due_at=now + ring_seconds))
        return ids

    def wake(self) -> int:
        """Make every pending row due now but those that are meant to wait, and return how many.

        Only for a process that starts alone, when no lease is alive. What was never tried and is not yet due was written so:
        the question how it was, the mail that stands in for a chat.
        """
        with self.store.write() as connection:
            now = self.clock()
            begun = or_(outbox.c.attempts > 0, outbox.c.not_before <= now)
            pending = update(outbox).where(outbox.c.state == "pending", outbox.c.held.is_(None), begun)
            return connection.execute(pending.values(due_at=now, not_before=now)).rowcount

    def _notifier(self, note: Note) -> Notifier:
        found = self.notifiers.get(note.notifier)
        if found is None:  # the row's desk had it; another process may only not have read the new desk file yet
            raise Temporary(f"the desk file has no notifier {note.notifier!r}")
        return found

    def _sent(self, note: Note, provider_id: str) -> Delivery:
        now = self.clock()
        moments = {"now": now, "look": self._look_at(note, now)}
        paused = self._paused(note) is not None  # it was paused meanwhile, and yet goes
        with self.store.write() as connection:
            sent = connection.execute(_SENT, {"rows": _ids(note), "provider": one_line(provider_id), **moments})
            if paused:
                resume(connection, note.recipient, note.notifier)
            if self.settled is not None and sent.rowcount > 0:
                self.settled(connection, note, "sent", provider_id)
        self.log.info("notice sent", provider_id=provider_id, **_facts(note))
        return self._delivery(note, "sent")

    def _put_off(self, note: Note, seconds: float) -> Delivery:
        """Wait for the note's turn, as if it had not been tried."""
        now = self.clock()
        with self.store.write() as connection:
            turn = {"due_at": now + seconds, "not_before": now + seconds}
            connection.execute(_held(note).values(attempts=outbox.c.attempts - 1, **turn))
        return self._delivery(note, "again")

    def _again(self, note: Note, error: str, retry_after: float) -> Delivery:
        if note.attempt >= ATTEMPTS:
            return self._fail(note, f"given up after {note.attempt} attempts: {error}")
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (note.attempt - 1)) * (0.75 + 0.25 * self.jitter())
        wait = max(wait, retry_after)
        now = self.clock()
        with self.store.write() as connection:
            connection.execute(
                _held(note).values(due_at=now + wait, not_before=now + wait, last_error=one_line(error)[:1_000])
            )
        self.log.warning("notice postponed", error=error, seconds=round(wait, 1), **_facts(note))
        return self._delivery(note, "again")

    def _end(self, note: Note) -> tuple[str, End] | None:
        """Return why the note is not to be sent at all, and how it ends, or nothing."""
        if note.attempt > ATTEMPTS:
            return f"given up: {ATTEMPTS} attempts ended without an answer, the process died each time", "failed"
        if (why := self._paused(note)) is not None:
            return f"not sent: {note.notifier} is paused: {why}", "paused"
        return None

    def _fail(self, note: Note, error: str, end: End = "failed") -> Delivery:
        state = _STATES[end]
        with self.store.write() as connection:
            if self._follows(note):  # what follows stands in the tickets; who acts in one holds it before its notices
                numbers = sorted({one.number for one in note.all})
                connection.execute(_TICKETS, {"numbers": numbers})
            ended = connection.execute(_held(note).values(state=state, last_error=one_line(error)[:1_000]))
            if self.settled is not None and ended.rowcount > 0:
                self.settled(connection, note, end, error)
        self.log.error("notice given up", error=error, **_facts(note))
        return self._delivery(note, state)

    def _to_agent(self, note: Note) -> bool:
        return note.recipient in self.desk.agents_by_id and note.notifier in WAYS

    def _follows(self, note: Note) -> bool:
        """Tell whether something follows when it cannot be told: to an agent, or to a place named in the desk file."""
        return self._to_agent(note) or is_place(note.recipient, note.notifier, note.address)

    def _paused(self, note: Note) -> str | None:
        """Return why the way to the agent or the place is paused, or nothing."""
        return self.preferences.chosen().paused.get((note.recipient, note.notifier))

    def _look_at(self, note: Note, now: float) -> float | None:
        """Return when it is looked at whether the agent has seen what was sent to them now, where they chose so."""
        if not self._to_agent(note):
            return None
        choices = self.preferences.chosen().of(self.desk, note.recipient)
        return now + choices.unseen_after if choices.unseen_after and choices.fall_back else None

    def _delivery(self, note: Note, outcome: str) -> Delivery:
        seconds = self.clock() - note.created_at
        return Delivery(outcome, note.notifier, note.channel, seconds, note.conversation)


def listing(
    store: Store, ticket: int | None = None, recipient: str | None = None, state: str | None = None
) -> list[dict[str, Any]]:
    """Return the rows of one ticket, recipient and state, or all of them, oldest first, in the words of `frontdesk outbox --json`.

    Raises `Temporary`.
    """
    rows = select(*(column.label(name) for name, column in _LISTED.items())).order_by(outbox.c.id)
    for column, value in ((outbox.c.ticket_id, ticket), (outbox.c.recipient, recipient), (outbox.c.state, state)):
        if value is not None:
            rows = rows.where(column == value)
    with store.read() as connection:
        return [_row(dict(row)) for row in connection.execute(rows).mappings()]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    waits = row["state"] == "pending"
    return {**row, "not_before": moment(row["not_before"]) if waits else None, "seen_at": moment(row["seen_at"])}


def _ids(note: Note) -> list[int]:
    return [one.id for one in note.all]


def _held(note: Note) -> Update:
    """Mean the rows only while they are this attempt's: an attempt that outlived its lease must not undo the next one's."""
    theirs = tuple_(outbox.c.id, outbox.c.attempts).in_([(one.id, one.attempt) for one in note.all])
    return update(outbox).where(theirs, outbox.c.state == "pending")


def _facts(note: Note) -> dict[str, object]:
    return {
        "outbox": note.id,
        "ticket": note.number,
        "about": note.event,
        "notifier": note.notifier,
        "recipient": note.recipient,
        "attempt": note.attempt,
    }
