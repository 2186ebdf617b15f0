"""A desk with rules, and events to ask them with."""

from collections.abc import Mapping, Sequence
from typing import Any

from config.desk import Desk
from router.event import TicketEvent
from router.state import State
from tickets.message import InboundMessage

CREATED = frozenset({"ticket.created", "message.received"})
LATER = frozenset({"message.received"})

PEOPLE = {"sona": ["general", "billing"], "luca": ["general", "technical"], "maria": ["general"]}


def desk(rules: Sequence[Mapping[str, Any]] = (), *, people: Mapping[str, Sequence[str]] = PEOPLE, **more: Any) -> Desk:
    """Make a desk with these rules, and people by the departments they are in; nobody is in `empty`. `more` are sections."""
    departments = ("general", "billing", "technical", "empty")
    return Desk.model_validate(
        {
            "version": "0f3a5b",
            "desk": {"name": "Acme", "domain": "support.acme.example"},
            "agents": [{"id": one, "name": one.title(), "email": f"{one}@acme.example"} for one in people],
            "departments": [
                {
                    "id": one,
                    "name": one.title(),
                    "agents": [who for who, member in people.items() if one in member],
                    "addresses": [f"{one}@acme.example"],
                }
                for one in departments
            ],
            "channels": [{"name": "support-mail", "type": "smtp"}, {"name": "site-chat", "type": "chat"}],
            "tags": ["vip", "invoice", "outage"],
            "rules": [{"name": f"rule {index}", "then": [{"tag": "vip"}], **rule} for index, rule in enumerate(rules)],
            **more,
        }
    )


def event(names: frozenset[str] = CREATED, **fields: Any) -> TicketEvent:
    """Make an event; the fields of the message and those of the ticket are told apart by their names."""
    message = {
        "channel": "support-mail",
        "external_id": "1@example.com",
        "conversation": "1@example.com",
        "sender": {"id": fields.pop("sender", "ann@example.com"), "name": fields.pop("name", "Ann Example")},
        "to": ("billing@acme.example",),
        "subject": "Your Invoice 12",
        "text": "Dear all,\nthe site is DOWN since noon.\n",
    }
    words = ("to", "cc", "reply_to", "subject", "text", "reply_text", "kind", "spam", "virus", "account", "attachments")
    message |= {word: fields.pop(word) for word in words if word in fields}
    about = (
        "channel",
        "channel_type",
        "recipients",
        "trust",
        "changed",
        "lookups",
        "at",
        "actors",
        "linked_to",
        "released",
        "follows",
    )
    said: dict[str, Any] = {
        "at": 0.0,
        "channel": "support-mail",
        "channel_type": "smtp",
        "recipients": ("support@acme.example",),
        **{word: fields.pop(word) for word in about if word in fields},
    }
    heard = InboundMessage.model_validate(message) if fields.pop("message", message) is not None else None
    subject = fields.pop("ticket_subject", "")
    ticket = State(**{"department": "general", "subject": subject, **fields})
    return TicketEvent(names, ticket, message=heard, **said)
