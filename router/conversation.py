"""A conversation on a platform or in a chat: the ticket its messages go to, what an answer to it needs, the place of each entry.

The caller holds the conversation's lock (`router.thread.lock` with its key), so places have no gap and no two are the same.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, update
from sqlalchemy.dialects import postgresql, sqlite

from tickets.message import InboundMessage
from tickets.prepared import Prepared
from tickets.schema import conversations


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands: the key of its conversation and its number there, from 1."""

    conversation: str
    seq: int


def _heard(dialect: Any) -> Prepared:
    insert = dialect.insert(conversations)
    new, old = insert.excluded, conversations.c
    kept = {
        "seq": old.seq + 1,
        "ticket_id": new.ticket_id,
        "customer": new.customer,
        "answers": new.answers,
        "handle": new.handle,
        "heard_at": case((new.heard_at > old.heard_at, new.heard_at), else_=old.heard_at),
        "answer_until": case((new.heard_at > old.heard_at, new.answer_until), else_=old.answer_until),
        "mail_address": func.coalesce(new.mail_address, old.mail_address),
        "waits_until": func.coalesce(old.waits_until, new.waits_until),
    }
    return Prepared(insert.on_conflict_do_update(index_elements=[old.key], set_=kept).returning(old.seq))


_HEARD = {dialect.dialect.name: _heard(dialect) for dialect in (sqlite, postgresql)}
_SAID = Prepared(
    update(conversations)
    .where(conversations.c.key == bindparam("of_key"))
    .values(seq=conversations.c.seq + 1)
    .returning(conversations.c.seq),
)


@dataclass(frozen=True, slots=True)
class Until:
    """How long a conversation waits, in UTC seconds: until it is missed, until the platform takes no answer any more."""

    missed: float | None = None
    answered: float | None = None


def heard(connection: Connection, kept: Any, message: InboundMessage, ticket: int, until: Until) -> Place:
    """Note that the customer wrote, and return the message's place; `kept` is its row of the inbox."""
    row = {
        "key": kept.conversation,
        "channel": kept.channel,
        "account": message.account,
        "name": message.conversation,
        "customer": message.sender.id,
        "ticket_id": ticket,
        "answers": message.handle.get("id") or message.external_id,
        "handle": json.dumps(dict(message.handle)),
        "heard_at": kept.received_at,
        "seq": 1,
        "seen": 0,
        "mail_address": message.mail_address,
        "mail_only": int(message.mail_only),
        "answer_until": until.answered,
        "waits_until": until.missed,
    }
    seq: int = _HEARD[connection.dialect.name].value(connection, row)
    return Place(kept.conversation, seq)


def said(connection: Connection, key: str) -> Place | None:
    """Return the place of something the customer did not write; nothing when nobody was heard in the conversation yet."""
    seq: int | None = _SAID.value(connection, {"of_key": key})
    return None if seq is None else Place(key, seq)


def taken(connection: Connection, ticket: int) -> None:
    """Note that somebody takes care of the ticket's conversations: none of them is missed any more."""
    waiting = update(conversations).where(conversations.c.ticket_id == ticket, conversations.c.waits_until.is_not(None))
    connection.execute(waiting.values(waits_until=None))
