"""Writing what a message did: contact, ticket, entry, threads, history, decision and outbox rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from config.check import CUSTOMER
from ingest.first_line import first_line
from router.conversation import Place
from router.event import Change
from router.state import State, columns
from router.tell import IN_APP, Intent
from tickets.message import InboundMessage, identity
from tickets.prepared import Prepared
from tickets.schema import contacts, decisions, entries, events, identities, outbox, participants, thread_keys, tickets

BELL_SECONDS = 10
"""How long after it was decided a notice waits for its bell before the sweep rings again."""
LATELY_ROWS = 5_000
"""How many of the newest notices are looked at for what was told lately: asked for automatic messages only, so no index."""
SUBJECT_LENGTH = 300
MOST_PARTICIPANTS = 100


_IDENTITY = Prepared(
    select(identities.c.contact_id).where(
        identities.c.space == bindparam("in_space"), identities.c.value == bindparam("with_value")
    )
)
_NEW_IDENTITY = Prepared(insert(identities))
_NEW_CONTACT = Prepared(insert(contacts).returning(contacts.c.id))
_NEW_TICKET = Prepared(insert(tickets).returning(tickets.c.id))
_NEW_ENTRY = Prepared(insert(entries).returning(entries.c.id))
_NEW_EVENT = Prepared(insert(events).returning(events.c.id))
_NEW_DECISION = Prepared(insert(decisions))
_NEW_NOTICE = Prepared(insert(outbox).returning(outbox.c.id))
_CHANGED = Prepared(
    update(tickets).where(tickets.c.id == bindparam("number")),
    ("addressed_to", "updated_at", *(name for name in columns(State("")))),
)
_SAVED = Prepared(
    update(tickets).where(tickets.c.id == bindparam("number")), ("updated_at", *(name for name in columns(State(""))))
)
_UNDELIVERED = (
    update(outbox)
    .where(outbox.c.id == bindparam("notice"), outbox.c.ticket_id == bindparam("of_ticket"), outbox.c.state == "sent")
    .values(state="failed", last_error=bindparam("why"))
    .returning(outbox.c.recipient, outbox.c.entry_id)
)
_TOLD_LATELY = Prepared(
    select(func.count().label("mails")).where(
        outbox.c.id > select(func.max(outbox.c.id)).scalar_subquery() - LATELY_ROWS,
        outbox.c.address == bindparam("to"),
        outbox.c.created_at > bindparam("since"),
        outbox.c.state != "suppressed",
        outbox.c.recipient != CUSTOMER,  # what a person answered is no turn of a circle
    )
)
_ONCE = {
    (table.name, dialect.dialect.name): Prepared(dialect.insert(table).on_conflict_do_nothing())
    for table in (thread_keys, participants)
    for dialect in (sqlite, postgresql)
}


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes the rows of one message, or of one act (without `inbox_id`), in one open transaction, at one time (UTC seconds)."""

    connection: Connection
    inbox_id: int | None
    now: float

    def contact(self, space: str, message: InboundMessage) -> int:
        """Return the contact of the message's sender, made when no id of theirs is known. The caller holds the ids' locks."""
        values = [self._identity(message), *(identity(alias) for alias in message.aliases)]
        ids = {value: _IDENTITY.value(self.connection, {"in_space": space, "with_value": value}) for value in values}
        contact: int | None = next((known for known in ids.values() if known is not None), None)
        if contact is None:
            contact = _NEW_CONTACT.value(
                self.connection, {"name": message.sender.name, "created_at": self.now, "tags": None}
            )
        for value, known in ids.items():
            if known is None:
                _NEW_IDENTITY.run(self.connection, {"space": space, "value": value, "contact_id": contact})
        return contact

    def _identity(self, message: InboundMessage) -> str:
        """Return what the sender is known by; one who is not named is nobody else's contact."""
        return identity(message.sender.id or f"unnamed {self.inbox_id}")

    def create(self, message: InboundMessage, contact_id: int, state: State, addressed_to: str) -> int:
        """Insert a new ticket as decided and return its number."""
        row = {
            "subject": _subject(message),
            "contact_id": contact_id,
            "contact_name": message.sender.name,
            "contact_address": message.sender.id,
            "channel": state.channel,
            "created_at": self.now,
            "updated_at": self.now,
            "addressed_to": addressed_to,
            "merged_into": None,
            **columns(state),
        }
        number: int = _NEW_TICKET.value(self.connection, row)
        return number

    def change(self, state: State, addressed_to: str) -> None:
        """Write what another message changed in a ticket, whose row the caller holds."""
        row = {"number": state.number, "updated_at": self.now, "addressed_to": addressed_to, **columns(state)}
        _CHANGED.run(self.connection, row)

    def save(self, state: State) -> None:
        """Write a ticket as it is now; the caller holds its row."""
        _SAVED.run(self.connection, {"number": state.number, "updated_at": self.now, **columns(state)})

    def entry(
        self, number: int, message: InboundMessage, author: str, facts: Mapping[str, Any], place: Place | None = None
    ) -> int:
        """Insert the message as an entry of the ticket, with what else is known of it, and return the entry's id."""
        row = {
            "kind": message.kind,
            "author": author,
            "author_name": message.sender.name,
            "external_id": message.handle.get("id") or message.external_id,
            "text": message.text,
            "reply_text": message.reply_text,
            "attachments": json.dumps([part.model_dump(exclude_none=True) for part in message.attachments]),
            "facts": json.dumps(facts) if facts else None,
            "sent_at": message.sent_at.timestamp() if message.sent_at else None,
        }
        return self.write_entry(number, row, place)

    def write_entry(self, number: int, row: dict[str, Any], place: Place | None = None) -> int:
        """Insert an entry of the ticket, at its place in a conversation, and return its id."""
        whole = {
            "ticket_id": number,
            "inbox_id": self.inbox_id,
            "created_at": self.now,
            "conversation": place.conversation if place else None,
            "seq": place.seq if place else None,
            "state": None,
            "trouble": None,
            "deleted_at": None,
            **row,
        }
        made: int = _NEW_ENTRY.value(self.connection, whole)
        return made

    def remember(self, number: int, keys: Iterable[str], taking_part: Iterable[str]) -> None:
        """Note the keys that lead to the ticket and the addresses that take part in it."""
        name = self.connection.dialect.name
        _ONCE["thread_keys", name].each(self.connection, [{"key": key, "ticket_id": number} for key in keys])
        if people := [{"ticket_id": number, "address": address} for address in taking_part]:
            _ONCE["participants", name].each(self.connection, people[:MOST_PARTICIPANTS])

    def history(self, number: int, lines: Sequence[Change]) -> list[int]:
        """Append events to the ticket's history and return their ids in order."""
        rows = [
            {
                "ticket_id": number,
                "inbox_id": self.inbox_id,
                "name": line.event,
                "actor": line.actor,
                "data": json.dumps(line.data),
                "at": self.now,
            }
            for line in lines
        ]
        return [_NEW_EVENT.value(self.connection, row) for row in rows]

    def decision(self, number: int, version: str, trace: dict[str, Any], events: tuple[int, int]) -> None:
        """Keep why the ticket went where it went; `events` are the first and last line of its history that belong to it."""
        row = {
            "ticket_id": number,
            "inbox_id": self.inbox_id,
            "desk_version": version,
            "trace": json.dumps(trace),
            "at": self.now,
            "events_from": events[0],
            "events_to": events[1],
        }
        _NEW_DECISION.run(self.connection, row)

    def owe(
        self, number: int, entry_id: int | None, notices: Sequence[Intent], later: Mapping[str, float] | None = None
    ) -> list[int]:
        """Write the outbox rows and return the ids of those that are to be sent.

        `later` are the seconds that rows of a notifier wait before they are sent, and are not rung for now.
        """
        waits = later or {}
        rows = [
            {
                "ticket_id": number,
                "event_id": notice.event_id,
                "event": notice.event,
                "recipient": notice.recipient,
                "notifier": notice.notifier,
                "address": notice.address,
                "reason": notice.reason,
                "entry_id": entry_id,
                "state": "suppressed" if notice.suppressed else "sent" if notice.notifier == IN_APP else "pending",
                "attempts": 0,
                "due_at": self.now + waits.get(notice.notifier, BELL_SECONDS if self.inbox_id else 0),
                "not_before": self.now + waits.get(notice.notifier, 0),
                "last_error": None,
                "provider_id": None,
                "created_at": self.now,
                "sent_at": self.now if notice.notifier == IN_APP else None,
                "payload": notice.payload,
                "word": notice.word,
                "whose": notice.whose,
                "bundle": None,
                "held": None,
                "seen_at": None,
                "look_at": None,
            }
            for notice in notices
        ]
        ids = [_NEW_NOTICE.value(self.connection, row) for row in rows]
        return [
            number
            for number, row in zip(ids, rows, strict=True)
            if row["state"] == "pending" and row["notifier"] not in waits
        ]

    def undelivered(self, number: int, notice: int, why: str) -> str | None:
        """Mark a notice or an answer of the ticket as failed and return who did not get it; nothing when it is another ticket's."""
        found = self.connection.execute(
            _UNDELIVERED, {"notice": notice, "of_ticket": number, "why": why[:1000]}
        ).first()
        if found is None:
            return None
        if found.recipient == CUSTOMER:
            answer = update(entries).where(entries.c.id == found.entry_id)
            self.connection.execute(answer.values(state="failed", trouble=why[:1000]))
        return str(found.recipient)

    def told_lately(self, address: str) -> int:
        """Return how many mails were owed to the address within the last hour."""
        found: int = _TOLD_LATELY.value(self.connection, {"to": address, "since": self.now - 3600})
        return found


def _subject(message: InboundMessage) -> str:
    return (message.subject or first_line(message.reply_text or message.text) or "(no subject)")[:SUBJECT_LENGTH]


def spoken(kind: str, author: str, name: str, text: str) -> dict[str, object]:
    """Return what an entry has that was written here, by an agent or a rule."""
    return {
        "kind": kind,
        "inbox_id": None,  # even in the turn of a message, which has its own entry
        "author": author,
        "author_name": name,
        "external_id": "",
        "text": text,
        "reply_text": text,
        "attachments": "[]",
        "facts": None,
        "sent_at": None,
    }
