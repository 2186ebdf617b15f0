"""A row of the outbox with everything looked up that its notice needs."""

import json
from typing import Any, Final

from sqlalchemy import select

from config.desk import Desk
from notify.note import Note, key_of, quotable
from tickets.preferences import Chosen
from tickets.reply_address import act_address, bounce_address, link_token, signed
from tickets.schema import entries, outbox, tickets

OWED: Final = (
    select(
        outbox,
        tickets.c.subject,
        tickets.c.channel,
        tickets.c.contact_name,
        tickets.c.contact_address,
        tickets.c.department,
        tickets.c.agent,
        tickets.c.status,
        tickets.c.priority,
        tickets.c.tags,
        entries.c.author_name,
        entries.c.author,
        entries.c.conversation,
        entries.c.text,
        entries.c.reply_text,
    )
    .join(tickets, tickets.c.id == outbox.c.ticket_id)
    .outerjoin(entries, entries.c.id == outbox.c.entry_id)
)
"""Rows of the outbox with their tickets and entries; which ones says whoever asks."""


def note_of(row: Any, desk: Desk, chosen: Chosen, key: bytes) -> Note:
    """Return the note of a row of `OWED`; `key` is the desk's signing key. It is for the attempt that begins now."""
    agent = desk.agents_by_id.get(row.agent)
    recipient = desk.agents_by_id.get(row.recipient)
    department = desk.departments_by_id.get(row.department)
    domain = desk.desk.domain
    told = (row.ticket_id, row.recipient, row.event, chosen.epochs.get(row.recipient, 0))
    by_mail = row.notifier == "email"
    stop = desk.desk.url if by_mail and recipient and row.word else None
    return Note(
        id=row.id,
        key=key_of(row.event_id, row.recipient, row.notifier, row.created_at),
        attempt=row.attempts + 1,
        notifier=row.notifier,
        event=row.event,
        reason=row.reason,
        address=row.address,
        recipient=row.recipient,
        recipient_name=recipient.name if recipient else row.recipient,
        mine=row.agent is not None and row.agent == row.recipient,
        number=row.ticket_id,
        subject=row.subject,
        department=department.name if department else row.department,
        department_id=row.department,
        agent=agent.name if agent else row.agent,
        customer=row.contact_name,
        customer_address=row.contact_address,
        channel=row.channel,
        priority=row.priority,
        tags=tuple(json.loads(row.tags)),
        author=row.author_name or row.author or "",
        by_agent=(row.author or "").startswith("agent:"),
        text=quotable((row.reply_text or "").strip() or row.text or ""),
        desk=desk.desk.name,
        domain=domain,
        created_at=row.created_at,
        signed=signed(key, f"n.{row.id}"),
        root=signed(key, f"t.{row.ticket_id}"),
        timezone=recipient.timezone if recipient else "UTC",
        entry_id=row.entry_id,
        conversation=row.conversation,
        payload=row.payload,
        word=row.word,
        whose=row.whose,
        bundle=row.bundle,
        act_address=act_address(key, row.id, told, domain) if by_mail and recipient and desk.knows_agents else None,
        replies=chosen.of(desk, row.recipient).replies or "answer",
        url=desk.desk.url,
        bounce_address=bounce_address(key, row.id, domain) if by_mail else None,
        stop_url=f"{stop}/notices/stop/{link_token(key, row.id)}" if stop else None,
    )
