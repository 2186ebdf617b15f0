"""The least work that takes a kept mail to a routed ticket: written by hand for SQLite and nothing else.

It leaves the same rows as Frontdesk does (the benchmark compares them) in the same transactions, one durable commit a
mail, by statements that sqlite3 prepares once. It knows one channel, one database and ten rules of words, reads the text
with the standard library's cheapest parser, trims answers at the first quoted line, and writes no log. Nobody would want
to keep it up; it is the bound that the comfortable way is measured against.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from config.desk import Desk

_MAIL = "SELECT raw, meta, conversation FROM inbox WHERE id = ? AND state = 'received'"
_CANDIDATES = """
    SELECT k.key, t.id, t.department, t.agent, t.status, t.priority, t.tags
    FROM thread_keys k JOIN tickets t ON t.id = k.ticket_id
    JOIN participants p ON p.ticket_id = t.id AND p.address = ?
    WHERE k.key IN ({})"""
_IDENTITY = "SELECT contact_id FROM identities WHERE space = 'email' AND value = ?"
_CONTACT = "INSERT INTO contacts (name, created_at) VALUES (?, ?)"
_NEW_IDENTITY = "INSERT INTO identities (space, value, contact_id) VALUES ('email', ?, ?)"
_TICKET = """
    INSERT INTO tickets (subject, channel, contact_id, contact_name, contact_address, department, agent,
        unassigned_reason, status, priority, tags, messages, created_at, updated_at)
    VALUES (?, 'support-mail', ?, ?, ?, ?, ?, ?, 'new', ?, ?, 1, ?, ?)"""
_JOIN = "UPDATE tickets SET messages = messages + 1, updated_at = ? WHERE id = ?"
_ENTRY = """
    INSERT INTO entries (ticket_id, inbox_id, kind, author, author_name, external_id, text, reply_text, attachments,
        sent_at, created_at)
    VALUES (?, ?, 'message', ?, ?, ?, ?, ?, ?, ?, ?)"""
_KEY = "INSERT OR IGNORE INTO thread_keys (key, ticket_id) VALUES (?, ?)"
_PARTICIPANT = "INSERT OR IGNORE INTO participants (ticket_id, address) VALUES (?, ?)"
_EVENT = "INSERT INTO events (ticket_id, inbox_id, name, actor, data, at) VALUES (?, ?, ?, ?, ?, ?)"
_DECISION = "INSERT INTO decisions (ticket_id, inbox_id, desk_version, trace, at) VALUES (?, ?, ?, ?, ?)"
_OUTBOX = """
    INSERT INTO outbox (ticket_id, event_id, event, recipient, notifier, address, reason, state, word, whose, entry_id,
        attempts, due_at, not_before, created_at, sent_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)"""
_ROUTED = "UPDATE inbox SET state = 'routed', routed_at = ?, cause = NULL, ticket_id = ? WHERE id = ?"
_BELL_SECONDS: Final = 10


@dataclass(slots=True)
class _Read:
    """What is read of a mail."""

    own: str
    answers: list[str]
    sender: str
    name: str
    people: list[str]
    subject: str
    text: str
    attachments: list[dict[str, Any]]
    sent_at: float


@dataclass(slots=True)
class _Ticket:
    """The ticket as it is to be."""

    department: str
    agent: str | None = None
    reason: str | None = "several_agents"
    priority: str = "normal"
    tags: tuple[str, ...] = ()


class ByHand:
    """Routes the kept mails of a database that nobody else uses."""

    def __init__(self, database: Path, desk: Desk) -> None:
        self._db = sqlite3.connect(database, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._version = desk.version
        self._departments = {address: one.id for address, one in desk.departments_by_address.items()}
        self._members = {
            one.id: [agent for agent in desk.agents if agent.id in desk.members(one.id)] for one in desk.departments
        }
        self._ways = {
            agent.id: [
                ("email", agent.email),
                *([("slack", agent.slack)] if agent.slack else []),
                ("in_app", agent.id),
            ]
            for agent in desk.agents
        }
        self._rules = [
            (rule.name, field, [word.lower() for word in said["contains"]], [step for one in rule.then for step in one.items()])
            for rule in desk.rules
            for group in rule.when
            for field, said in group.items()
        ]  # fmt: skip

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()

    def route(self, inbox_id: int) -> None:
        """Route one mail in one durable transaction."""
        raw, meta, conversation = self._db.execute(_MAIL, (inbox_id,)).fetchone()
        recipients = json.loads(meta)["recipients"]
        mail = self._read(raw)
        now = time.time()
        self._db.execute("BEGIN IMMEDIATE")
        found = self._find(mail)
        if found is None:
            number, events, notices = self._new(mail, inbox_id, recipients, now)
        else:
            number, events, notices = self._join(found, mail, inbox_id, now)
        entry = self._entry(number, inbox_id, mail, now)
        keys = [*mail.answers, conversation]
        self._db.executemany(_KEY, [(key, number) for key in keys])
        self._db.executemany(_PARTICIPANT, [(number, one) for one in mail.people])
        trace = json.dumps({"version": self._version, "events": events})
        self._db.execute(_DECISION, (number, inbox_id, self._version, trace, now))
        rows = [
            (number, *notice, entry, now + _BELL_SECONDS, now, now, now if "in_app" in notice else None)
            for notice in notices
        ]
        self._db.executemany(_OUTBOX, rows)
        self._db.execute(_ROUTED, (now, number, inbox_id))
        self._db.execute("COMMIT")

    def _read(self, raw: bytes) -> _Read:
        mail = message_from_bytes(raw)
        [(name, sender)] = getaddresses([mail["From"]])
        people = [sender, *(address for _, address in getaddresses(mail.get_all("To", []) + mail.get_all("Cc", [])))]
        named = [mail.get("In-Reply-To", ""), *reversed(mail.get("References", "").split())]
        text, attachments = _contents(mail)
        return _Read(
            own=mail["Message-ID"].strip("<> "),
            answers=[f"mid:{one.strip('<> ')}" for one in dict.fromkeys(named) if one],
            sender=sender.lower(),
            name=_decoded(name),
            people=[one.lower() for one in dict.fromkeys(people) if one.lower() not in self._departments],
            subject=_decoded(mail["Subject"]),
            text=text,
            attachments=attachments,
            sent_at=parsedate_to_datetime(mail["Date"]).timestamp(),
        )

    def _find(self, mail: _Read) -> Any:
        """Return the ticket the sender takes part in, by the nearest mail that this one answers."""
        if not mail.answers:
            return None
        marks = ",".join("?" * len(mail.answers))
        rows = self._db.execute(_CANDIDATES.format(marks), (mail.sender, *mail.answers)).fetchall()
        return min(rows, key=lambda row: mail.answers.index(row[0]), default=None)

    def _new(
        self, mail: _Read, inbox_id: int, recipients: Sequence[str], now: float
    ) -> tuple[int, list[str], list[tuple[Any, ...]]]:
        ticket = _Ticket(self._departments[recipients[0]])
        lines = [
            ("ticket.created", "customer", {"department": ticket.department, "because": f"the mail is addressed to {recipients[0]}"}),
            ("message.received", "customer", {"channel": "support-mail", "kind": "message"}),
            *self._decide(mail, ticket),
        ]  # fmt: skip
        contact = self._contact(mail, now)
        values = (ticket.department, ticket.agent, ticket.reason, ticket.priority, json.dumps(ticket.tags), now, now)
        number = self._insert(_TICKET, (mail.subject[:300], contact, mail.name, mail.sender, *values))
        events = self._events(number, inbox_id, lines, now)
        notices: list[tuple[Any, ...]] = []
        for agent in self._members[ticket.department]:
            mine = agent.id == ticket.agent
            event, word = ("ticket.assigned", "assigned") if mine else ("ticket.created", "new")
            whose = "mine" if mine else "others" if ticket.agent else "unassigned"
            notices += self._notices(agent.id, event, events[event], word, whose)
        return number, [name for name, _, _ in lines], notices

    def _join(self, found: Any, mail: _Read, inbox_id: int, now: float) -> tuple[int, list[str], list[tuple[Any, ...]]]:
        _, number, department, agent, *_ = found
        self._db.execute(_JOIN, (now, number))
        said = ("message.received", "customer", {"channel": "support-mail", "kind": "message", "from": mail.sender})
        events = self._events(number, inbox_id, [said], now)
        event_id = events["message.received"]
        if agent:
            return (
                number,
                ["message.received"],
                list(self._notices(agent, "message.received", event_id, "replied", "mine")),
            )
        listed = [
            notice
            for member in self._members[department]
            for notice in self._notices(member.id, "message.received", event_id, "replied", "unassigned")
            if "in_app" in notice
        ]
        return number, ["message.received"], listed

    def _decide(self, mail: _Read, ticket: _Ticket) -> Iterator[tuple[str, str, dict[str, Any]]]:
        folded = {"subject": mail.subject.lower(), "body": mail.text.lower()}
        for name, field, words, steps in self._rules:
            if not any(word in folded[field] for word in words):
                continue
            for step, value in steps:
                for event, data in _apply(ticket, step, value):
                    yield event, f"rule:{name}", data

    def _contact(self, mail: _Read, now: float) -> int:
        known = self._db.execute(_IDENTITY, (mail.sender,)).fetchone()
        if known is not None:
            return int(known[0])
        made = self._insert(_CONTACT, (mail.name, now))
        self._db.execute(_NEW_IDENTITY, (mail.sender, made))
        return made

    def _entry(self, number: int, inbox_id: int, mail: _Read, now: float) -> int:
        written = mail.text.partition("\n>")[0].strip()
        values = (mail.sender, mail.name, mail.own, mail.text, written, json.dumps(mail.attachments), mail.sent_at, now)
        return self._insert(_ENTRY, (number, inbox_id, *values))

    def _events(
        self, number: int, inbox_id: int, lines: Sequence[tuple[str, str, dict[str, Any]]], now: float
    ) -> dict[str, int]:
        return {
            name: self._insert(_EVENT, (number, inbox_id, name, actor, json.dumps(data), now))
            for name, actor, data in lines
        }

    def _notices(self, agent: str, event: str, event_id: int, word: str, whose: str) -> Iterator[tuple[Any, ...]]:
        for notifier, address in self._ways[agent]:
            state = "sent" if notifier == "in_app" else "pending"
            yield event_id, event, agent, notifier, address, f"{event}, and it concerns you", state, word, whose

    def _insert(self, statement: str, values: Sequence[Any]) -> int:
        return self._db.execute(statement, values).lastrowid or 0


def _apply(ticket: _Ticket, step: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Do one action to the ticket and yield its events, none when it changed nothing."""
    if step == "transfer" and value != ticket.department:
        yield "ticket.transferred", {"from": ticket.department, "to": value}
        if ticket.agent is not None:
            yield "ticket.unassigned", {"from": ticket.agent, "reason": "transferred"}
        ticket.department, ticket.agent, ticket.reason = value, None, "transferred"
    elif step == "assign" and value != ticket.agent:
        yield "ticket.assigned", {"from": ticket.agent, "to": value}
        ticket.agent, ticket.reason = value, None
    elif step == "priority" and value != ticket.priority:
        yield "ticket.priority_changed", {"from": ticket.priority, "to": value}
        ticket.priority = value
    elif step == "tag" and value not in ticket.tags:
        yield "ticket.tagged", {"added": [value]}
        ticket.tags = (*ticket.tags, value)


def _contents(mail: Message) -> tuple[str, list[dict[str, Any]]]:
    """Return the plain text and what is attached."""
    text, attachments = "", list[dict[str, Any]]()
    for part in mail.walk():
        if part.is_multipart():
            continue
        if (filename := part.get_filename()) is not None:
            data = _bytes(part)
            found = {"filename": filename, "content_type": part.get_content_type(), "size": len(data)}
            attachments.append(found | {"sha256": sha256(data).hexdigest()})
        elif part.get_content_type() == "text/plain":
            text = _bytes(part).decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n").rstrip()
    return text, attachments


def _bytes(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    pieces = [(word, charset) for word, charset in decode_header(value) if word]
    return "".join(
        word.decode(charset or "ascii", "replace") if isinstance(word, bytes) else word for word, charset in pieces
    )
