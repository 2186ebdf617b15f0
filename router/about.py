"""Messages that are about what stands in a ticket already: a receipt, a reaction, a deletion, a rating, an echo of our own."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from router.book import Book
from router.event import Change
from router.pieces import in_flight, known, told
from router.reading import NotYet, Reading
from router.satisfaction import rated_there
from router.staff import Staff
from router.state import state_of
from router.thread import Found
from router.ticket import Pen
from router.transcript import owe_transcript
from router.turn import Turn
from router.undelivered import undelivered
from tickets.message import CONCERNS
from tickets.schema import entries

PATIENCE = 3
"""How often a message waits for an answer that is being sent, before it is not about that."""


@dataclass(frozen=True, slots=True)
class About:
    """What became of it: the ticket it is about and the outbox rows to ring for, or the cause why it is ignored."""

    ticket: int | None = None
    cause: str | None = None
    notices: tuple[int, ...] = ()


def about(pen: Pen, book: Book, staff: Staff, row: Any, reading: Reading, found: Found) -> About | None:
    """Write what follows from a message that nobody said; nothing when it is to be an entry of its ticket (an edit, an echo).

    Raises `NotYet` while it may be about an answer that is just being sent.
    """
    message, key = reading.message, row.conversation
    space = f"{row.channel}/{row.account}"
    if message.kind == "receipt":
        return _receipt(pen, book, row, reading, space)
    if message.kind == "echo" and known(pen.connection, space, [message.external_id]):
        return About(cause="it is an answer of this desk")
    if message.kind == "echo" and row.attempts < PATIENCE and in_flight(pen.connection, key):
        raise NotYet("an answer is being sent, and this may be its echo")
    wants = message.kind == "lifecycle" and bool({"transcript", "end"} & message.handle.keys())
    if found.ticket is None or (message.kind not in CONCERNS and not wants):
        return About(
            cause=f"{message.kind} of no ticket" if found.ticket is None else f"{message.kind} changes nothing"
        )
    number: int = found.ticket.id
    if message.kind in ("edit", "echo"):
        return None
    if wants and "transcript" in message.handle:
        return About(number, notices=owe_transcript(pen, number, key))
    lines = _lines(pen.connection, space, key, reading, pen.now, found.ticket)
    turn = Turn(pen, book, staff, state_of(found.ticket))
    rings = turn.take(lines, text=message.text)[1].rings if lines else []
    return About(number, notices=tuple(rings))


def _receipt(pen: Pen, book: Book, row: Any, reading: Reading, space: str) -> About:
    receipt = reading.message.receipt
    lost = told(pen.connection, space, row.conversation, receipt) if receipt else []
    if lost is None:
        if row.attempts < PATIENCE and in_flight(pen.connection, row.conversation):
            raise NotYet("an answer is being sent, and this may be its receipt")
        return About(cause="it is about no message of this desk")
    notices: list[int] = []
    for one in lost:
        notices += undelivered(pen, book, one.outbox_id, one.words)
    return About(cause="a receipt, noted", notices=tuple(notices))


def _lines(connection: Connection, space: str, key: str, reading: Reading, now: float, ticket: Any) -> list[Change]:
    message = reading.message
    if message.kind == "rating" and message.rating is not None:
        return rated_there(connection, ticket, message.rating, now)
    if message.kind == "lifecycle":
        return [Change("chat.ended", "customer", {})]
    target = _target(connection, space, key, message.in_reply_to or "")
    said = {"entry": target.id if target is not None else None}
    if message.kind == "delete":
        if target is not None:
            connection.execute(update(entries).where(entries.c.id == target.id).values(deleted_at=now))
        return [Change("message.deleted", "customer", said)]
    if target is not None:
        _react(connection, target, message.sender.id, message.text)
    return [Change("message.reacted", "customer", {**said, "reaction": message.text})]


def _target(connection: Connection, space: str, key: str, name: str) -> Any | None:
    """Return the entry that a platform's id names: a message of the customer's, or the piece of an answer."""
    by_customer = select(entries).where(entries.c.conversation == key, entries.c.external_id == name)
    found = connection.execute(by_customer.where(entries.c.seq.is_not(None)).order_by(entries.c.id).limit(1)).first()
    if found is not None:
        return found
    piece = next(iter(known(connection, space, [name])), None)
    return None if piece is None else connection.execute(select(entries).where(entries.c.id == piece.entry_id)).first()


def _react(connection: Connection, target: Any, who: str, emoji: str) -> None:
    facts = json.loads(target.facts or "{}")
    reactions = {name: one for name, one in facts.get("reactions", {}).items() if name != who}
    facts["reactions"] = {**reactions, who: emoji} if emoji else reactions
    connection.execute(update(entries).where(entries.c.id == target.id).values(facts=json.dumps(facts)))
