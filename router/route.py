"""Routing: one row of the inbox becomes, or joins, one ticket in one transaction, with everything that follows from it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import update

from config.desk import Desk
from ingest.channel import Unreadable
from ingest.mail.verify import Verifier
from ingest.quarantine import RELEASED
from ingest.virus import Scanner
from router.about import about
from router.aside import set_aside
from router.book import Book, Shelf
from router.bounced import bounced, claim_of
from router.by_mail.acting import GOES_ON, ByMail, Ended
from router.by_mail.tokens import Claim, claims_of
from router.case import Case, PutAside
from router.correlate import alarm_of
from router.evidence import MAIL, Keys, Letter, Writer, departments_of, keys_of, tokens_of
from router.reading import NotYet, Reading, read, scan
from router.staff import staff_of
from router.thread import find, goes_first
from router.ticket import Pen
from router.waiting import claimed, finish, waiting
from tickets.blobs import Blobs, raw_of
from tickets.keys import signing_key
from tickets.lock import lock
from tickets.message import SPEAKS
from tickets.presence import Present
from tickets.reply_address import proven
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Temporary

MOST_ATTEMPTS = 5
RETRY_SECONDS = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Routed:
    """What became of a row: `routed`, `ignored` or `quarantined`; its ticket, and the outbox rows and errands to ring for.

    `conversation` is the key of what changed on a platform or in a chat, for whoever watches it.
    """

    inbox_id: int
    channel: str
    outcome: str
    received_at: float
    ticket: int | None = None
    notices: tuple[int, ...] = ()
    errands: tuple[int, ...] = ()
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class _GoesFirst:
    inbox_id: int


class Router:
    """Routes rows by the desk of the moment. Thread-safe: it keeps nothing but the last book, and who is away."""

    def __init__(
        self,
        store: Store,
        desk: Callable[[], Desk],
        clock: Callable[[], float] = time.time,
        verifier: Verifier | None = None,
        blobs: Blobs | None = None,
        scanner: Scanner | None = None,
    ) -> None:
        self._store = store
        self._verifier = verifier or Verifier()
        self._blobs = blobs
        self._scanner = scanner
        self._shelf = Shelf(desk, store)
        self._clock = clock
        self._present = Present(store)
        self._by_mail = ByMail(store, clock, blobs)

    def route(self, inbox_id: int) -> list[Routed]:
        """Route a row, and before it every waiting row that must go first; return what became of each, in order.

        Routing a row that is not waiting changes nothing and returns nothing. A row that cannot be routed is tried again
        later and goes to quarantine with its cause after `MOST_ATTEMPTS`. Raises `Temporary` when the database fails.
        """
        done: list[Routed] = []
        under_way, failed = [inbox_id], set[int]()
        while under_way:
            at = under_way[-1]
            try:
                outcome = self._attempt(at, [*under_way, *failed])
            except Temporary:
                raise
            except PutAside as aside:
                outcome = self._put_aside(at, aside)
            except Exception as error:  # noqa: BLE001  # whatever the defect, the message must end in quarantine, not be lost
                outcome = self._put_off(at, error)
                failed.add(at)
            if isinstance(outcome, _GoesFirst):
                under_way.append(outcome.inbox_id)
                continue
            under_way.pop()
            if outcome is not None:
                done.append(outcome)
        return done

    def _attempt(self, inbox_id: int, passed: Sequence[int]) -> Routed | _GoesFirst | None:
        row = self._waiting(inbox_id)
        if row is None:
            return None
        book = self._shelf.book()
        desk, away = book.desk, self._present.away_since()
        reading = read(row, desk, self._verifier)
        if self._scanner is not None:
            reading = scan(reading, self._scanner, row.raw, desk, self._clock() - row.received_at)
        if row.cause != RELEASED and (claim := claim_of(reading, desk)) is not None:
            return self._bounced(row, book, reading, claim)
        claims = _acts(reading, desk)
        ended = self._by_mail.act(row, reading, claims, book, away) if claims else GOES_ON
        return self._write(row, reading, book, away, passed) if ended == GOES_ON else _routed(row, ended)

    def _write(
        self, row: Any, reading: Reading, book: Book, away: Mapping[str, float], passed: Sequence[int]
    ) -> Routed | _GoesFirst | None:
        inbox_id, desk = row.id, book.desk
        message = reading.message
        keys, letter, own_notice = self._evidence(book, row, reading)
        space = "email" if keys.mail else f"{row.channel}/{row.account}"
        with self._store.write() as connection:
            if not claimed(connection, inbox_id):
                return None
            people = (f"contact:{space}:{one}" for one in (message.sender.id, *message.aliases))
            lock(connection, (*keys.looked_up, *letter.locks, *people))
            first = goes_first(connection, inbox_id, keys, passed)
            if first is not None:
                return _GoesFirst(first)
            found = find(connection, desk, keys, letter)
            pen = Pen(connection, inbox_id, reading.when(self._clock()))
            staff = staff_of(connection, desk, pen.now, away)
            if message.kind not in SPEAKS and (aside := about(pen, book, staff, row, reading, found)):
                state = "ignored" if aside.ticket is None else "routed"
                finish(connection, inbox_id, self._clock(), state, ticket_id=aside.ticket, cause=aside.cause)
                return Routed(
                    inbox_id, row.channel, state, row.received_at, aside.ticket, aside.notices, (), row.conversation
                )
            if row.cause != RELEASED and (cause := set_aside(desk, message, reading.trust, own_notice)):
                finish(connection, inbox_id, self._clock(), "quarantined", cause=cause)
                log.warning("a mail waits for a person", inbox=inbox_id, cause=cause, see="frontdesk quarantine show")
                return Routed(inbox_id, row.channel, "quarantined", row.received_at)
            number, notices, errands = Case(pen, book, staff, row, reading, letter, keys, found, space).write()
            finish(connection, inbox_id, self._clock(), "routed", ticket_id=number)
        log.info("routed", inbox=inbox_id, channel=row.channel, ticket=number, new=found.ticket is None)
        where = None if keys.mail else row.conversation
        return Routed(inbox_id, row.channel, "routed", row.received_at, number, tuple(notices), tuple(errands), where)

    def _bounced(self, row: Any, book: Book, reading: Reading, claim: tuple[int, str]) -> Routed | None:
        """Take what a mail server says about a notice; it becomes no ticket."""
        key = signing_key(self._store)
        with self._store.write() as connection:
            if not claimed(connection, row.id):
                return None
            pen = Pen(connection, row.id, self._clock())
            found = bounced(pen, book, reading, claim, key, row.attempts)
            finish(connection, row.id, self._clock(), found.state, cause=found.cause)
        log.info("a mail to the address of a notice's bounces", inbox=row.id, cause=found.cause)
        return Routed(row.id, row.channel, found.state, row.received_at, notices=found.rings)

    def _waiting(self, inbox_id: int) -> Any:
        with self._store.read() as connection:
            row = waiting(connection, inbox_id)
        return row if row is None or row.stored is None else row._replace(raw=raw_of(row, self._blobs))

    def _evidence(self, book: Book, row: Any, reading: Reading) -> tuple[Keys, Letter, int | None]:
        """Return what may tell whose ticket it is, and the notice of ours that the mail itself is, if it is one."""
        message = reading.message
        if not row.conversation.startswith(MAIL):
            letter = Letter(message, Writer(message.sender.id), received_at=row.received_at, channel=row.channel)
            return keys_of(row.conversation, message, space=f"{row.channel}/{row.account}"), letter, None
        desk = book.desk
        key, domain = signing_key(self._store), desk.desk.domain
        recipients: list[str] = reading.meta.get("recipients", [])
        tokens = tokens_of(message, recipients, key, domain)
        departments = departments_of(desk, message, recipients)
        writer = Writer(message.sender.id, reading.agent, reading.forged)
        alarm = None if writer.forged else alarm_of(book.correlations, message, row.channel, departments)
        letter = Letter(message, writer, departments, alarm, row.received_at)
        own = proven(key, message.external_id, domain)
        own_notice = own[1] if own and own[0] == "n" else None
        return keys_of(row.conversation, message, tokens, domain), letter, own_notice

    def _put_aside(self, inbox_id: int, aside: PutAside) -> Routed | None:
        """Put a message into quarantine because a rule says so; nothing of it was written."""
        with self._store.write() as connection:
            row = waiting(connection, inbox_id)
            if row is None or not claimed(connection, inbox_id):
                return None
            finish(connection, inbox_id, self._clock(), "quarantined", cause=str(aside))
        matched = [run["rule"] for run in aside.trace["rules"] if run["result"] == "matched"]
        known = {"desk": aside.trace["version"], "matched": matched, "see": "frontdesk quarantine show"}
        log.warning("a rule puts a message aside", inbox=inbox_id, cause=str(aside), **known)
        return Routed(inbox_id, row.channel, "quarantined", row.received_at)

    def _put_off(self, inbox_id: int, error: Exception) -> Routed | None:
        """Note a failed attempt in the row; the last one puts it into quarantine."""
        cause = str(error) if isinstance(error, (Unreadable, NotYet)) else f"{type(error).__name__}: {error}"
        if isinstance(error, NotYet):
            log.warning("a message is routed later", inbox=inbox_id, cause=cause)
        else:
            log.error("a message could not be routed", inbox=inbox_id, cause=cause, exc_info=error)
        with self._store.write() as connection:
            row = waiting(connection, inbox_id)
            if row is None:
                return None
            last = isinstance(error, Unreadable) or row.attempts + 1 >= MOST_ATTEMPTS
            connection.execute(
                update(inbox).where(inbox.c.id == inbox_id),
                {
                    "attempts": row.attempts + 1,
                    "due_at": self._clock() + RETRY_SECONDS * 2**row.attempts,
                    "cause": cause[:2000].replace("\0", ""),
                    "state": "quarantined" if last else "received",
                },
            )
        return Routed(inbox_id, row.channel, "quarantined", row.received_at) if last else None


def _acts(reading: Reading, desk: Desk) -> frozenset[Claim]:
    """Return the reply addresses of notices that a mail was sent to, genuine or not."""
    if reading.meta.get("format") != "mail":
        return frozenset()
    return claims_of(reading.message, reading.meta.get("recipients", ()), desk.desk.domain)


def _routed(row: Any, ended: Ended | None) -> Routed | None:
    if ended is None:
        return None
    return Routed(
        row.id, row.channel, ended.state, row.received_at, ended.ticket, ended.notices, (), ended.conversation
    )
