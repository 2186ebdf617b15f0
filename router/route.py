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
from router.correlate import Compiled, alarm_of, compile_correlations, count, end, is_quiet, reopens
from router.decide import Verdict, decide
from router.event import Change, TicketEvent
from router.evidence import MAIL, Keys, Letter, Writer, addressed_to, departments_of, keys_of, tokens_of
from router.rules import RuleSet, compile_rules
from router.tell import Happened, intents
from router.thread import Found, find, goes_first, lock
from router.ticket import Pen
from tickets.keys import signing_key
from tickets.message import SPEAKS, InboundMessage
from tickets.prepared import Prepared
from tickets.reply_address import looks_signed
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

    def __init__(self, store: Store, desk: Callable[[], Desk], clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._desk = desk
        self._clock = clock
        self._compiled: tuple[Desk, RuleSet, tuple[Compiled, ...]] | None = None

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
        keys, letter = self._evidence(desk, row, meta, message)
        space = "email" if keys.mail else f"{row.channel}/{row.account}"
        with self._store.write() as connection:
            if not _claim(connection, inbox_id):
                return None
            lock(connection, (*keys.looked_up, *letter.locks, f"contact:{space}:{message.sender.id}"))
            first = goes_first(connection, inbox_id, keys, passed)
            if first is not None:
                return _GoesFirst(first)
            found = find(connection, desk, keys, letter)
            if message.kind not in SPEAKS and (found.ticket is None or message.kind not in ("edit", "echo")):
                _finish(connection, inbox_id, self._clock(), "ignored", cause=f"{message.kind} of no ticket")
                return Routed(inbox_id, row.channel, "ignored", row.received_at)
            pen = Pen(connection, inbox_id, self._clock())
            case = _Case(pen, desk, row, meta, message, keys, found, space, letter)
            number, notices = case.write(self._rules(desk))
        log.info("routed", inbox=inbox_id, channel=row.channel, ticket=number, new=found.ticket is None)
        return Routed(inbox_id, row.channel, "routed", row.received_at, number, tuple(notices))

    def _waiting(self, inbox_id: int) -> Any:
        with self._store.read() as connection:
            return _WAITING_ROW.one(connection, {"number": inbox_id})

    def _evidence(self, desk: Desk, row: Any, meta: dict[str, Any], message: InboundMessage) -> tuple[Keys, Letter]:
        """Return what may tell whose ticket it is; an agent is recognised by the address alone."""
        if not row.conversation.startswith(MAIL):
            return keys_of(row.conversation, message), Letter(message, Writer(message.sender.id))
        recipients: list[str] = meta.get("recipients", [])
        tokens = tokens_of(message, recipients, signing_key(self._store), desk.desk.domain)
        writer = Writer(message.sender.id, desk.agents_by_address.get(message.sender.id))
        departments = departments_of(desk, message, recipients)
        alarm = None if writer.forged else alarm_of(self._of(desk)[2], message, row.channel, departments)
        keys = keys_of(row.conversation, message, tokens, desk.desk.domain)
        return keys, Letter(message, writer, departments, alarm, row.received_at)

    def _rules(self, desk: Desk) -> RuleSet:
        return self._of(desk)[1]

    def _of(self, desk: Desk) -> tuple[Desk, RuleSet, tuple[Compiled, ...]]:
        compiled = self._compiled
        if compiled is None or compiled[0] is not desk:
            compiled = self._compiled = (desk, compile_rules(desk), compile_correlations(desk))
        return compiled

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
    letter: Letter

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
            "addressed_to": addressed_to(self.found.ticket, self.letter.departments),
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
        self.pen.remember(number, self.found.keys, self._taking_part())
        if self.found.alarm is not None:
            count(self.pen.connection, self.found.alarm, number, (self.row.id, self.row.received_at), self.found.before)
        lines += verdict.changes
        ids = self.pen.history(number, lines)
        if self.found.linked_to is not None:
            back = Change("ticket.linked", "desk", {"ticket": number, "because": self.found.because})
            self.pen.history(self.found.linked_to, [back])
        evidence = [one.as_json(self.message.sender.id) for one in self.found.evidence]
        self.pen.decision(number, self.desk.version, {"because": because, "evidence": evidence, **verdict.trace})
        happened = [
            Happened(event_id, line.event, author.id if author and line.actor == actor else None)
            for event_id, line in zip(ids, lines, strict=True)
        ]
        quiet = not self._speaks or is_quiet(self.found.before, (line.event for line in lines))
        owed = [] if quiet else intents(self.desk, decided.department, decided.agent, happened, decided.notify)
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
            lines += (ended := end(self.found.alarm, None, self.row.id, "new"))
            status = "resolved" if ended else "new"
            new = {"department": department, "agent": None, "unassigned_reason": None, "status": status}
            return {**new, "priority": "normal", "tags": ()}, lines, words
        status, lines = ticket.status, [said]
        if self.found.linked_to is not None:
            lines.append(
                Change("ticket.linked", "desk", {"ticket": self.found.linked_to, "because": self.found.because})
            )
        wakes = self._speaks and actor == "customer" and reopens(self.found.alarm, self.found.before, self.row.id)
        if wakes and status not in ("new", "open"):
            lines.append(Change("ticket.reopened", actor, {"status": [status, "open"]}))
            status = "open"
        if ended := end(self.found.alarm, self.found.before, self.row.id, status):
            lines += ended
            status = "resolved"
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

    def _taking_part(self) -> list[str]:
        if not self.keys.mail:
            return []
        message, domain = self.message, self.desk.desk.domain
        people = dict.fromkeys((message.sender.id, *message.reply_to, *message.to, *message.cc))
        ours = {address for address in people if self.desk.department_of(address) or looks_signed(address, domain)}
        return [address for address in people if address and len(address) <= 254 and address not in ours]
