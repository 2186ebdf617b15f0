"""The reply addresses of notices in a mail, and which of them are genuine: the row of the outbox, and the proof over all it says."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from tickets.message import InboundMessage
from tickets.reply_address import act_claimed, act_proven, looks_like_act
from tickets.schema import outbox
from tickets.schema_told import preferences

_MOST = 20
_LARGEST = 2**63 - 1
_TOLD = (
    select(
        outbox.c.id,
        outbox.c.ticket_id,
        outbox.c.recipient,
        outbox.c.notifier,
        outbox.c.event,
        outbox.c.created_at,
        preferences.c.epoch,
    )
    .outerjoin(preferences, preferences.c.agent == outbox.c.recipient)
    .order_by(outbox.c.id)
)

Claim = tuple[int, str] | None
"""The notice an address names and the proof; nothing for one that is cut short or altered."""


@dataclass(frozen=True, slots=True)
class Told:
    """The notice a genuine reply address is of: its row and ticket, the agent it went to and how, and when (UTC seconds)."""

    notice: int
    ticket: int
    agent: str
    notifier: str
    created_at: float


def claims_of(message: InboundMessage, recipients: Iterable[str], domain: str) -> frozenset[Claim]:
    """Return the reply addresses of notices a mail was sent to, genuine or not; `recipients` are the envelope's.

    Looked at are the envelope, the way it took (Delivered-To, X-Original-To), To and Cc: never what it answers, its subject
    or its text, which quotes and forwards carry along.
    """
    every = (*recipients, *message.delivered_to, *message.to, *message.cc)
    return frozenset(act_claimed(one, domain) for one in every if "+a." in one.lower() and looks_like_act(one, domain))


def genuine(connection: Connection, key: bytes, claims: frozenset[Claim]) -> list[Told]:
    """Return the notices of those that are genuine now, of at most 20, in their order.

    An address of an agent whose epoch was raised since is not; nor is one whose row tells another ticket, agent or event.
    """
    known = {claim[0]: claim for claim in sorted(filter(None, claims))[:_MOST] if claim[0] <= _LARGEST}
    rows = connection.execute(_TOLD.where(outbox.c.id.in_(known))) if known else ()
    return [
        Told(row.id, row.ticket_id, row.recipient, row.notifier, row.created_at)
        for row in rows
        if act_proven(key, known[row.id], (row.ticket_id, row.recipient, row.event, row.epoch or 0))
    ]
