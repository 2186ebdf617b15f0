"""Routing: one row of the inbox becomes, or joins, one ticket in one transaction, with everything that follows from it."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, select, update

from config.desk import ChannelConfig, Desk
from ingest import channel as channels
from ingest.channel import Unreadable
from ingest.mail.read import parse_mail
from ingest.virus import Scanner, scanned
from router.decide import Verdict, decide
from router.event import Change, TicketEvent
from router.rules import RuleSet, compile_rules
from router.tell import Happened, intents
from router.thread import Found, Keys, find, goes_first, keys_of, lock
from router.ticket import Pen
from tickets.blobs import Blobs, raw_of
from tickets.message import SPEAKS, InboundMessage
from tickets.prepared import Prepared
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Temporary

MOST_ATTEMPTS = 5
RETRY_SECONDS = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Routed:
    """What became of a row: `routed`, `ignored` or `quarantined`; its ticket, and the outbox rows to ring for."""

    inbox_id: int
    channel: str
    outcome: str
    received_at: float
    ticket: int | None = None
    notices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _GoesFirst:
    inbox_id: int


class Router:
    """Routes rows by the desk of the moment. Thread-safe: it keeps nothing but the compiled rules of the last desk."""

    def __init__(
        self,
        store: Store,
        desk: Callable[[], Desk],
        clock: Callable[[], float] = time.time,
        blobs: Blobs | None = None,
        scanner: Scanner | None = None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._scanner = scanner
        self._desk = desk
        self._clock = clock
        self._compiled: tuple[Desk, RuleSet] | None = None

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
        desk = self._desk()
        meta: dict[str, Any] = json.loads(row.meta)
        message = _read(row, meta)
        if self._scanner is not None:
            message = scanned(self._scanner, message, row.raw, meta, self._clock() - row.received_at)
        keys = keys_of(row.conversation, message)
        space = "email" if keys.mail else f"{row.channel}/{row.account}"
        with self._store.write() as connection:
            if not _claim(connection, inbox_id):
                return None
            lock(connection, (*keys.all, f"contact:{space}:{message.sender.id}"))
            first = goes_first(connection, inbox_id, keys, passed)
            if first is not None:
                return _GoesFirst(first)
            found = find(connection, desk, keys, message)
            if message.kind not in SPEAKS and (found.ticket is None or message.kind not in ("edit", "echo")):
                _finish(connection, inbox_id, self._clock(), "ignored", cause=f"{message.kind} of no ticket")
                return Routed(inbox_id, row.channel, "ignored", row.received_at)
            pen = Pen(connection, inbox_id, self._clock())
            case = _Case(pen, desk, row, meta, message, keys, found, space)
            number, notices = case.write(self._rules(desk))
        log.info("routed", inbox=inbox_id, channel=row.channel, ticket=number, new=found.ticket is None)
        return Routed(inbox_id, row.channel, "routed", row.received_at, number, tuple(notices))

    def _waiting(self, inbox_id: int) -> Any:
        with self._store.read() as connection:
            row = _WAITING_ROW.one(connection, {"number": inbox_id})
        return row if row is None or row.stored is None else row._replace(raw=raw_of(row, self._blobs))

    def _rules(self, desk: Desk) -> RuleSet:
        compiled = self._compiled
        if compiled is None or compiled[0] is not desk:
            compiled = self._compiled = (desk, compile_rules(desk))
        return compiled[1]

    def _put_off(self, inbox_id: int, error: Exception) -> Routed | None:
        """Note a failed attempt in the row; the last one puts it into quarantine."""
        cause = str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}"
        log.error("a message could not be routed", inbox=inbox_id, cause=cause, exc_info=error)
        with self._store.write() as connection:
            row = _WAITING_ROW.one(connection, {"number": inbox_id})
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


_WAITING_ROW = Prepared(select(inbox).where(inbox.c.id == bindparam("number"), inbox.c.state == "received"))
_CLAIM = Prepared(
    select(inbox.c.id).where(inbox.c.id == bindparam("number"), inbox.c.state == "received").with_for_update()
)
_FINISH = Prepared(update(inbox).where(inbox.c.id == bindparam("number")), ("state", "ticket_id", "routed_at", "cause"))


def _claim(connection: Connection, inbox_id: int) -> bool:
    return _CLAIM.value(connection, {"number": inbox_id}) is not None


def _finish(connection: Connection, inbox_id: int, now: float, state: str, **values: Any) -> None:
    row = {"number": inbox_id, "state": state, "routed_at": now, "ticket_id": None, "cause": None, **values}
    _FINISH.run(connection, row)


def _read(row: Any, meta: dict[str, Any]) -> InboundMessage:
    """Return the message a row holds; raises `Unreadable` when its channel does not find it there."""
    if meta.get("format") == "mail":
        return parse_mail(row.raw)
    messages = channels.find(meta["type"]).parse(row.raw)
    part: int = row.part
    if part >= len(messages):
        raise Unreadable(f"the payload holds {len(messages)} messages, this is number {part + 1}")
    return messages[part]


@dataclass(slots=True)
class _Case:
    """One message on its way into a ticket: what is known, and then `write`, which reads as the order of things."""

    pen: Pen
    desk: Desk
    row: Any
    meta: dict[str, Any]
    message: InboundMessage
    keys: Keys
    found: Found
    space: str

    def write(self, rules: RuleSet) -> tuple[int, list[int]]:
        """Write everything that follows from the message; return the ticket's number and the outbox rows to ring for."""
        author = self.desk.agents_by_address.get(self.message.sender.id) if self.keys.mail else None
        actor = f"agent:{author.id}" if author else "customer"
        begun, lines, because = self._begin(actor)
        verdict = self._decide(rules, begun, lines)
        decided = verdict.decision
        values = {
            "department": decided.department,
            "agent": decided.agent,
            "unassigned_reason": decided.unassigned_reason,
            "status": begun["status"],
            "priority": decided.priority,
            "tags": json.dumps(decided.tags),
        }
        if self.found.ticket is None:
            contact_id = self.pen.contact(self.space, self.message)
            values["channel"] = self.row.channel
            number = self.pen.create(self.message, contact_id, values)
        else:
            number = self.found.ticket.id
            self.pen.change(number, values)
        who = f"agent:{author.id}" if author else self.message.sender.id
        entry_id = self.pen.entry(number, self.message, who)
        self.pen.remember(number, self._keys_to_remember(), self._taking_part())
        lines += verdict.changes
        ids = self.pen.history(number, lines)
        if self.found.linked_to is not None:
            back = Change("ticket.linked", "desk", {"ticket": number, "because": self.found.because})
            self.pen.history(self.found.linked_to, [back])
        self.pen.decision(number, self.desk.version, {"because": because, **verdict.trace})
        happened = [
            Happened(event_id, line.event, author.id if author and line.actor == actor else None)
            for event_id, line in zip(ids, lines, strict=True)
        ]
        owed = intents(self.desk, decided.department, decided.agent, happened, decided.notify) if self._speaks else []
        notices = self.pen.owe(number, entry_id, owed)
        _finish(self.pen.connection, self.row.id, self.pen.now, "routed", ticket_id=number)
        return number, notices

    @property
    def _speaks(self) -> bool:
        return self.message.kind in SPEAKS

    def _begin(self, actor: str) -> tuple[dict[str, Any], list[Change], str]:
        """Return the ticket as it stands before the rules, the events that brought us here, and why in words."""
        ticket = self.found.ticket
        said = Change("message.received", actor, {"channel": self.row.channel, "kind": self.message.kind})
        if ticket is None:
            department, because = self._department()
            created = Change("ticket.created", actor, {"department": department, "because": because})
            lines = [created, said]
            words = f"a new ticket in {department}: {because}"
            if self.found.linked_to is not None:
                linked = {"ticket": self.found.linked_to, "because": self.found.because}
                lines.append(Change("ticket.linked", "desk", linked))
                words = (
                    f"{words}; linked to ticket {self.found.linked_to}, which it does not join: {self.found.because}"
                )
            new = {"department": department, "agent": None, "unassigned_reason": None, "status": "new"}
            return {**new, "priority": "normal", "tags": ()}, lines, words
        status, lines = ticket.status, [said]
        if self._speaks and actor == "customer" and status not in ("new", "open"):
            lines.append(Change("ticket.reopened", actor, {"status": [status, "open"]}))
            status = "open"
        before = {name: getattr(ticket, name) for name in ("department", "agent", "unassigned_reason", "priority")}
        return (
            {**before, "status": status, "tags": tuple(json.loads(ticket.tags))},
            lines,
            f"joins the ticket: {self.found.because}",
        )

    def _decide(self, rules: RuleSet, before: dict[str, Any], lines: Sequence[Change]) -> Verdict:
        event = TicketEvent(
            names=frozenset(line.event for line in lines),
            message=self.message,
            channel=self.row.channel,
            channel_type=self.meta["type"],
            recipients=tuple(self.meta.get("recipients", ())),
            **before,
        )
        return decide(rules, event, self.desk)

    def _department(self) -> tuple[str, str]:
        """Return where a new ticket begins, and why: the visitor's choice, the addresses, the channel, the first one."""
        if (chosen := self.desk.departments_by_id.get(self.message.department or "")) is not None:
            return chosen.id, "the customer chose it"
        for address in (*self.meta.get("recipients", ()), *self.message.to, *self.message.cc):
            if (department := self.desk.department_of(address)) is not None:
                return department.id, f"the mail is addressed to {address}"
        config: ChannelConfig | None = self.desk.channels_by_name.get(self.row.channel)
        if config is not None and config.department is not None:
            return config.department, f"the channel {config.name} begins there"
        return self.desk.departments[0].id, "no address or channel says otherwise; it is the first department"

    def _keys_to_remember(self) -> Sequence[str]:
        """Return the keys that will lead here; a stranger's mail must not lead others to its ticket by keys that belong to another one."""
        return (self.keys.own,) if self.found.stranger else self.keys.all

    def _taking_part(self) -> list[str]:
        if not self.keys.mail:
            return []
        ours = self.desk.departments_by_address
        people = dict.fromkeys((self.message.sender.id, *self.message.to, *self.message.cc))
        return [address for address in people if address and address not in ours and len(address) <= 254]
