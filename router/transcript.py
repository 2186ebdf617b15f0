"""The transcript of a chat, by mail to the address its visitor gave, when the visitor asks for it."""

from sqlalchemy import func, select

from config.check import CUSTOMER
from router.event import Change
from router.tell import Intent
from router.ticket import Pen
from tickets.reply import TRANSCRIPT
from tickets.schema import conversations, outbox

AN_HOUR = 2
"""Transcripts of a conversation in an hour: an address somebody only typed must not be filled with mail."""


def owe_transcript(pen: Pen, ticket: int, key: str) -> tuple[int, ...]:
    """Owe the transcript and return the outbox row to ring for; nothing where there is no address, or too many already."""
    address = pen.connection.scalar(select(conversations.c.mail_address).where(conversations.c.key == key))
    lately = select(func.count()).where(
        outbox.c.ticket_id == ticket, outbox.c.event == TRANSCRIPT, outbox.c.created_at > pen.now - 3600
    )
    if not address or (pen.connection.scalar(lately) or 0) >= AN_HOUR:
        return ()
    [event] = pen.history(ticket, [Change(TRANSCRIPT, "customer", {"address": address})])
    intent = Intent(event, TRANSCRIPT, CUSTOMER, "mail", address, "the visitor asked for a transcript")
    return tuple(pen.owe(ticket, None, [intent]))
