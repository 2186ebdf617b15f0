"""Which ticket a message belongs to: by the keys of its conversation, and only on good evidence.

A mail names the mails it answers (RFC 5322, 3.6.4); whoever knows a Message-ID can name it too, so a mail joins a ticket
only when its sender takes part in it. Everybody else gets a new ticket that is linked. On a platform the conversation
itself is the evidence: nobody else can write into it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, not_, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT

from config.desk import Agent, Desk
from tickets.message import InboundMessage, thread_key
from tickets.prepared import OneOf, Prepared
from tickets.schema import inbox, participants, thread_keys, tickets, waiting

MAIL = "mid:"
OVER = ("closed", "merged", "spam")


@dataclass(frozen=True, slots=True)
class Keys:
    """The key a message goes by itself, and the keys of what it answers, the nearest first."""

    own: str
    answers: tuple[str, ...]

    @property
    def mail(self) -> bool:
        """Whether these are Message-IDs, which a stranger may know."""
        return self.own.startswith(MAIL)

    @property
    def all(self) -> tuple[str, ...]:
        """Every key, the nearest first."""
        return (*self.answers, self.own)


@dataclass(frozen=True, slots=True)
class Found:
    """The ticket to join, or the ticket a new one is linked to, and why; both may be missing.

    `notice` is the outbox row whose mail it answers, proven by its signed Message-ID.
    """

    ticket: Any | None = None
    linked_to: int | None = None
    because: str | None = None
    stranger: bool = False
    notice: int | None = None


def keys_of(own: str, message: InboundMessage) -> Keys:
    """Return a message's keys; `own` is what the inbox keeps it under."""
    if not own.startswith(MAIL):
        return Keys(own, ())
    named = dict.fromkeys(name for name in (message.in_reply_to, *reversed(message.references)) if name)
    answers = dict.fromkeys(thread_key("mid", name) for name in named)
    answers.pop(own, None)
    return Keys(own, tuple(answers))


_LOCK = text("SELECT pg_advisory_xact_lock(key) FROM unnest(:keys) AS key").bindparams(
    bindparam("keys", type_=ARRAY(BIGINT))
)


def lock(connection: Connection, names: Sequence[str]) -> None:
    """Hold these names until the transaction ends, so that two workers never handle one conversation at once.

    In one order everywhere, so that two of them never wait for each other. SQLite has one writer anyway.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(_LOCK, {"keys": sorted({_number(name) for name in names})})


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


_WAITING = Prepared(
    select(inbox.c.id)
    .where(
        waiting,  # as it stands in the partial index, or SQLite reads the whole inbox
        OneOf(inbox.c.conversation, "keys"),
        or_(inbox.c.conversation != bindparam("own"), inbox.c.id < bindparam("number")),
        not_(OneOf(inbox.c.id, "passed")),
    )
    .order_by(inbox.c.id)
    .limit(1)
)


def goes_first(connection: Connection, inbox_id: int, keys: Keys, passed: Sequence[int]) -> int | None:
    """Return a row that still waits and must be routed before this one, or nothing.

    That is a mail this one answers, or an earlier message of the same conversation. `passed` are rows that are not waited
    for: this one, the ones under way already (two mails may name each other) and the ones that cannot be routed.
    """
    row = {"number": inbox_id, "own": keys.own, "keys": list(keys.all), "passed": list(passed)}
    first: int | None = _WAITING.value(connection, row)
    return first


_CANDIDATES = Prepared(
    select(thread_keys.c.key, tickets, participants.c.address.label("taking_part"))
    .join(tickets, tickets.c.id == thread_keys.c.ticket_id)
    .outerjoin(
        participants,
        and_(participants.c.ticket_id == tickets.c.id, participants.c.address == bindparam("sender")),
    )
    .where(OneOf(thread_keys.c.key, "keys"))
    .order_by(tickets.c.id)
    .limit(500)
    .with_for_update(of=tickets)  # two replies to different mails of one ticket must not overwrite each other
)


def find(  # what is looked for, and how far its sender is believed
    connection: Connection, desk: Desk, keys: Keys, message: InboundMessage, agent: Agent | None, *, forged: bool
) -> Found:
    """Return the ticket a message joins, or the one its new ticket is linked to.

    `agent` is who wrote it when that is proven; a `forged` sender takes part in nothing.
    """
    rows = _CANDIDATES.all(connection, {"keys": list(keys.all), "sender": message.sender.id})
    if not rows:
        return Found()
    nearest = {key: place for place, key in enumerate(keys.all)}
    rows = sorted(rows, key=lambda row: (nearest[row.key], row.status in OVER, row.id if keys.mail else -row.id))
    for row in rows:
        if not keys.mail or (row.taking_part and not forged) or (agent and agent.id in desk.members(row.department)):
            return _follow_up(desk, row, keys)
    because = f"{message.sender.id or 'the sender'} takes no part in ticket {rows[0].id}"
    return Found(linked_to=rows[0].id, because=because, stranger=True)


def _follow_up(desk: Desk, row: Any, keys: Keys) -> Found:
    department = desk.departments_by_id.get(row.department)
    policy = department.follow_up if department else desk.departments[0].follow_up
    joins = {
        "resolved": policy.resolved == "reopen",
        "closed": policy.closed == "reopen",
        "spam": False,
        "merged": False,
    }
    if not joins.get(row.status, True):
        return Found(linked_to=row.id, because=f"ticket {row.id} is {row.status}")
    because = f"it answers {row.key.removeprefix(MAIL)}" if keys.mail else "it is the same conversation"
    return Found(ticket=row, because=because)
