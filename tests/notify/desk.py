"""A small desk, notes and outbox rows for the stories of this folder."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import insert, select

from config.desk import About, Agent, Department, Desk, MailConfig, TrustConfig
from config.model import Model
from notify.note import Note, key_of
from tickets import schema
from tickets.reply_address import act_address, bounce_address, signed
from tickets.store import Store

NOW = 1_795_000_000.0
KEY = b"a key for the stories of notices"


class Clock:
    """A clock that a story moves."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now


TRUSTED = MailConfig(name="support-mail", type="smtp", trust=TrustConfig(authserv_id="mx.acme.example"))


def a_desk(notifiers: Mapping[str, Model] | None = None, channel: MailConfig = TRUSTED) -> Desk:
    """Two agents and a department, whose mail proves who wrote it."""
    return Desk(
        version="1",
        desk=About(name="Acme Support", domain="support.acme.example"),
        agents=(
            Agent(id="sona", name="Sona", email="sona@acme.example", slack="U024BE7LH", timezone="Europe/Rome"),
            Agent(id="luca", name="Luca", email="luca@acme.example"),
        ),
        departments=(Department(id="billing", name="Billing", agents="all"),),
        channels=(channel,),
        notifiers=notifiers or {},
    )


_NOTE = Note(
    id=1,
    key=key_of(1, "sona", "email", NOW),
    attempt=1,
    notifier="email",
    event="message.received",
    reason="the customer replied, and the ticket is yours",
    address="sona@acme.example",
    recipient="sona",
    recipient_name="Sona",
    mine=True,
    number=123,
    subject="Where is my invoice?",
    department="Billing",
    department_id="billing",
    agent="Sona",
    customer="Ana Customer",
    customer_address="ana@customer.example",
    channel="support-mail",
    priority="normal",
    tags=("invoice", "vip"),
    author="Ana Customer",
    by_agent=False,
    text="Hello,\n\nwhere is my invoice?\n",
    desk="Acme Support",
    domain="support.acme.example",
    created_at=NOW,
    signed=signed(KEY, "n.1"),
    root=signed(KEY, "t.123"),
    timezone="Europe/Rome",
    entry_id=1,
    word="replied",
    whose="mine",
    act_address=act_address(KEY, 1, (123, "sona", "message.received", 0), "support.acme.example"),
    bounce_address=bounce_address(KEY, 1, "support.acme.example"),
)


def a_note(**changes: Any) -> Note:
    """Return a customer's reply told to Sona, with these fields changed."""
    return replace(_NOTE, **changes)


def owe(store: Store, **changes: Any) -> int:
    """Write a ticket with a reply and one outbox row with these columns changed; return the row's id."""
    ticket = {
        "subject": "Where is my invoice?", "channel": "support-mail", "contact_name": "Ana Customer",
        "contact_address": "ana@customer.example", "department": "billing", "agent": "sona", "status": "open",
        "priority": "normal", "tags": '["vip"]', "messages": 2, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    entry = {
        "kind": "message", "author": "ana@customer.example", "author_name": "Ana Customer", "external_id": "m2@x",
        "text": "Where is it?\n> quoted", "reply_text": "Where is it?", "attachments": "[]", "created_at": NOW,
    }  # fmt: skip
    row = {
        "event": "message.received", "recipient": "sona", "notifier": "email", "address": "sona@acme.example",
        "reason": "the ticket is yours", "state": "pending", "attempts": 0, "due_at": NOW + 10, "not_before": NOW, "created_at": NOW,
    }  # fmt: skip
    with store.write() as connection:

        def add(table: Any, values: Mapping[str, Any]) -> int:
            made: int = connection.execute(insert(table).returning(table.c.id), dict(values)).scalar_one()
            return made

        contact = add(schema.contacts, {"name": "Ana Customer", "created_at": NOW})
        number = add(schema.tickets, {**ticket, "contact_id": contact})
        event = {"ticket_id": number, "name": "message.received", "actor": "customer", "data": "{}", "at": NOW}
        ids = {"ticket_id": number, "event_id": add(schema.events, event)}
        return add(
            schema.outbox, {**row, **ids, "entry_id": add(schema.entries, {**entry, "ticket_id": number}), **changes}
        )


def number_of(store: Store, outbox_id: int) -> int:
    """Return the number of the ticket an outbox row is about."""
    with store.read() as connection:
        found: int = connection.scalars(select(schema.outbox.c.ticket_id).where(schema.outbox.c.id == outbox_id)).one()
    return found
