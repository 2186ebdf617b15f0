"""The way an answer takes to the customer: the one the customer used last."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from config.desk import Desk
from ingest import channel as channels
from tickets.message import SPEAKS
from tickets.schema import conversations, entries, inbox

GONE_SECONDS: Final = 120.0
"""So long a visitor may take to see an answer in the chat before it goes by mail as well."""
_REFERENCES = 20
_LATEST = 50


@dataclass(frozen=True, slots=True)
class Delivery:
    """One outbox row of an answer: by `mail` or the `channel` itself, to an address, `after` seconds if nothing changes."""

    notifier: str
    address: str
    reason: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Way:
    """How an answer reaches the customer: its deliveries, in words, and `conversation`, the key of a chat or platform's.

    `mail` is what a mail needs to stand in the customer's thread; `why_not` is there when no way leads to the customer.
    """

    words: str
    deliveries: tuple[Delivery, ...] = ()
    conversation: str | None = None
    mail: Mapping[str, Any] = field(default_factory=dict)
    why_not: str | None = None

    @property
    def mail_to(self) -> str | None:
        """The address a mail goes to, if one does."""
        return next((one.address for one in self.deliveries if one.notifier == "mail"), None)


def way_of(connection: Connection, desk: Desk, ticket: Any, now: float) -> Way:
    """Return the way to the customer of a ticket, by what the customer wrote last."""
    newest = _newest(connection, ticket.id)
    if newest is None:
        return Way("", why_not="nobody has written in it")
    if newest.conversation is None:
        return _by_mail(connection, ticket.id, newest)
    row = connection.execute(select(conversations).where(conversations.c.key == newest.conversation)).one()
    return _there(desk, row, now)


def _there(desk: Desk, row: Any, now: float) -> Way:
    """Return the way back into a conversation of a platform or chat."""
    config = desk.channels_by_name.get(row.channel)
    if row.mail_only and row.mail_address:
        mail = Delivery("mail", row.mail_address, "the customer wrote through the form and left this address")
        return Way(f"by mail to {row.mail_address}", (mail,), row.key)
    if config is None:
        return Way("", why_not=f"its channel {row.channel} is not in the desk file any more")
    module = channels.answering(channels.find(config.type))
    if module is None:
        return Way(
            "", why_not=f"channels of type {config.type} take no answers; call or write to the customer yourself"
        )
    until = channels.answer_until(module, config, json.loads(row.handle), row.heard_at)
    if until is not None and now > until:
        ended = datetime.fromtimestamp(until, UTC).isoformat(timespec="minutes")
        words = f"{config.type} lets us answer only until {ended}; ask the customer to write again"
        return Way("", why_not=words)
    deliveries = [Delivery("channel", row.customer, "the customer wrote there")]
    if row.mail_address:
        gone = "the visitor has not seen it in the chat"
        deliveries.append(Delivery("mail", row.mail_address, gone, after=GONE_SECONDS))
    return Way(f"through the channel {config.name}", tuple(deliveries), row.key)


def _newest(connection: Connection, ticket: int) -> Any | None:
    """Return the customer's newest entry, of a person if there is one."""
    said = (
        select(entries, inbox.c.channel)
        .join(inbox, inbox.c.id == entries.c.inbox_id)
        .where(entries.c.ticket_id == ticket, entries.c.kind.in_(SPEAKS), entries.c.author.not_like("agent:%"))
        .order_by(entries.c.id.desc())
        .limit(_LATEST)
    )
    rows = connection.execute(said).all()
    people = (row for row in rows if row.kind not in ("auto_reply", "bounce", "feedback_report"))
    return next(people, rows[0] if rows else None)


def _by_mail(connection: Connection, ticket: int, newest: Any) -> Way:
    to = next(iter(json.loads(newest.facts or "{}").get("reply_to", ())), newest.author)
    if "@" not in to:
        return Way("", why_not="the customer's mail names no address to answer to")
    ids = select(entries.c.external_id).where(entries.c.ticket_id == ticket, entries.c.external_id.contains("@"))
    earlier = list(connection.scalars(ids.order_by(entries.c.id.desc()).limit(_REFERENCES)))[::-1]
    answered = newest.external_id if "@" in newest.external_id else None
    references = [*(one for one in earlier if one != answered), *([answered] if answered else [])]
    mail = {"in_reply_to": answered, "references": references}
    return Way(f"by mail to {to}", (Delivery("mail", to, "the customer wrote by mail"),), None, mail)
