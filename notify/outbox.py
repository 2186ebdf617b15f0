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

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog
from sqlalchemy import Connection, Row, Update, bindparam, select, update

from config.desk import Desk
from notify.note import Note, key_of, one_line, quotable
from notify.notifier import Needless, Notifier
from tickets.keys import signing_key
from tickets.preferences import Chosen, Preferences
from tickets.reply_address import act_address, bounce_address, signed
from tickets.schema import entries, outbox, tickets
from tickets.store import Store
from tickets.trouble import Permanent, Temporary

ATTEMPTS: Final = 72
"""How often a note is tried; with the waits between them about two and a half days: longer than a weekend's outage."""

FIRST_WAIT: Final = 5.0
LONGEST_WAIT: Final = 3_600.0
"""Seconds between attempts: the first, doubled each time, and the most."""

End = Literal["failed", "suppressed"]

LEASE_SECONDS: Final = 60.0
RING_SECONDS: Final = 30.0

_CLAIM: Final = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), outbox.c.state == "pending", outbox.c.not_before <= bindparam("now"))
    .values(attempts=outbox.c.attempts + 1, not_before=bindparam("until"), due_at=bindparam("until"))
)
_NOTE: Final = (
    select(
        outbox,
        tickets.c.subject,
        tickets.c.channel,
        tickets.c.contact_name,
        tickets.c.contact_address,
        tickets.c.department,
        tickets.c.agent,
        tickets.c.priority,
        tickets.c.tags,
        entries.c.author_name,
        entries.c.author,
        entries.c.conversation,
        entries.c.text,
        entries.c.reply_text,
    )
    .join(tickets, tickets.c.id == outbox.c.ticket_id)
    .outerjoin(entries, entries.c.id == outbox.c.entry_id)
    .where(outbox.c.id == bindparam("row"))
)
# Also over a later claim of an expired lease: the note is out, whoever else is at it.
_SENT: Final = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"), outbox.c.state != "sent")
    .values(
        state="sent",
        provider_id=bindparam("provider"),
        sent_at=bindparam("now"),
        due_at=bindparam("now"),
        last_error=None,
    )
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
        note = self.claim(outbox_id)
        if note is None:
            return None
        if (end := self._end(note)) is not None:
            return self._fail(note, *end)
        try:
            provider_id = self._notifier(note).send(note)
        except (Permanent, Needless) as error:
            return self._fail(note, str(error), "suppressed" if isinstance(error, Needless) else "failed")
        except Temporary as error:
            return self._again(note, str(error), error.retry_after or 0.0)
        except Exception as error:
            self.log.exception("notifier broke", **_facts(note))
            return self._again(note, f"{type(error).__name__}: {error}", 0.0)
        return self._sent(note, provider_id)

    def claim(self, outbox_id: int, lease_seconds: float = LEASE_SECONDS) -> Note | None:
        """Take the row for `lease_seconds` and return its note, or nothing when it is done, held or not yet due.

        One guarded UPDATE: of any number of callers at once exactly one gets the note. Raises `Temporary`.
        """
        key, now, chosen = signing_key(self.store), self.clock(), self.preferences.chosen()
        with self.store.write() as connection:
            taken = connection.execute(_CLAIM, {"row": outbox_id, "now": now, "until": now + lease_seconds})
            if taken.rowcount != 1:
                return None
            return self._note(connection.execute(_NOTE, {"row": outbox_id}).one(), key, chosen)

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
        """Make every pending row due now and return how many; only for a process that starts alone, when no lease is alive."""
        with self.store.write() as connection:
            pending = update(outbox).where(outbox.c.state == "pending")
            now = self.clock()
            return connection.execute(pending.values(due_at=now, not_before=now)).rowcount

    def _notifier(self, note: Note) -> Notifier:
        found = self.notifiers.get(note.notifier)
        if found is None:  # the row's desk had it; another process may only not have read the new desk file yet
            raise Temporary(f"the desk file has no notifier {note.notifier!r}")
        return found

    def _sent(self, note: Note, provider_id: str) -> Delivery:
        now = self.clock()
        with self.store.write() as connection:
            sent = connection.execute(_SENT, {"row": note.id, "provider": one_line(provider_id), "now": now})
            if self.settled is not None and sent.rowcount == 1:
                self.settled(connection, note, "sent", provider_id)
        self.log.info("notice sent", provider_id=provider_id, **_facts(note))
        return Delivery("sent", note.notifier, note.channel, now - note.created_at, note.conversation)

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
        return Delivery("again", note.notifier, note.channel, now - note.created_at, note.conversation)

    def _end(self, note: Note) -> tuple[str, End] | None:
        """Return why the note is not to be sent at all, and the state that means, or nothing."""
        if note.attempt > ATTEMPTS:
            return f"given up: {ATTEMPTS} attempts ended without an answer, the process died each time", "failed"
        desk = self.desk
        agent = note.recipient in desk.agents_by_id and len(desk.agents) > 1  # a desk's only agent has every ticket
        if agent and note.recipient not in desk.members(note.department_id):
            return f"not sent: no longer a member of {note.department}", "suppressed"
        return None

    def _fail(self, note: Note, error: str, state: End = "failed") -> Delivery:
        with self.store.write() as connection:
            ended = connection.execute(_held(note).values(state=state, last_error=one_line(error)[:1_000]))
            if self.settled is not None and ended.rowcount == 1:
                self.settled(connection, note, state, error)
        self.log.error("notice given up", error=error, **_facts(note))
        return Delivery(state, note.notifier, note.channel, self.clock() - note.created_at, note.conversation)

    def _note(self, row: Row[Any], key: bytes, chosen: Chosen) -> Note:
        agent = self.desk.agents_by_id.get(row.agent)
        recipient = self.desk.agents_by_id.get(row.recipient)
        department = self.desk.departments_by_id.get(row.department)
        domain = self.desk.desk.domain
        told = (row.ticket_id, row.recipient, row.event, chosen.epochs.get(row.recipient, 0))
        by_mail = row.notifier == "email"
        stop = self.desk.desk.url if by_mail and recipient and row.word else None
        return Note(
            id=row.id,
            key=key_of(row.event_id, row.recipient, row.notifier, row.created_at),
            attempt=row.attempts,
            notifier=row.notifier,
            event=row.event,
            reason=row.reason,
            address=row.address,
            recipient=row.recipient,
            recipient_name=recipient.name if recipient else row.recipient,
            mine=row.agent is not None and row.agent == row.recipient,
            number=row.ticket_id,
            subject=row.subject,
            department=department.name if department else row.department,
            department_id=row.department,
            agent=agent.name if agent else row.agent,
            customer=row.contact_name,
            customer_address=row.contact_address,
            channel=row.channel,
            priority=row.priority,
            tags=tuple(json.loads(row.tags)),
            author=row.author_name or row.author or "",
            by_agent=(row.author or "").startswith("agent:"),
            text=quotable((row.reply_text or "").strip() or row.text or ""),
            desk=self.desk.desk.name,
            domain=domain,
            created_at=row.created_at,
            signed=signed(key, f"n.{row.id}"),
            root=signed(key, f"t.{row.ticket_id}"),
            timezone=recipient.timezone if recipient else "UTC",
            entry_id=row.entry_id,
            conversation=row.conversation,
            payload=row.payload,
            word=row.word,
            whose=row.whose,
            bundle=row.bundle,
            act_address=act_address(key, row.id, told, domain) if by_mail and recipient else None,
            replies=chosen.of(self.desk, row.recipient).replies or "answer",
            url=self.desk.desk.url,
            bounce_address=bounce_address(key, row.id, domain) if by_mail else None,
            stop_url=f"{stop}/notices/stop/{signed(key, f'u.{row.id}')}" if stop else None,
        )


def listing(store: Store, ticket: int | None = None) -> list[dict[str, Any]]:
    """Return the rows of one ticket, or all of them, oldest first, in the words of `frontdesk outbox --json`."""
    rows = select(*(column.label(name) for name, column in _LISTED.items())).order_by(outbox.c.id)
    if ticket is not None:
        rows = rows.where(outbox.c.ticket_id == ticket)
    with store.read() as connection:
        return [dict(row) for row in connection.execute(rows).mappings()]


def _held(note: Note) -> Update:
    """Mean the row only while it is this attempt's: an attempt that outlived its lease must not undo the next one's."""
    return update(outbox).where(outbox.c.id == note.id, outbox.c.state == "pending", outbox.c.attempts == note.attempt)


def _facts(note: Note) -> dict[str, object]:
    return {
        "outbox": note.id,
        "ticket": note.number,
        "about": note.event,
        "notifier": note.notifier,
        "recipient": note.recipient,
        "attempt": note.attempt,
    }
