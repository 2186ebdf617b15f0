"""Looking at tickets: read-only, in the shapes other programs rely on (DESIGN section 7)."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select

from tickets.schema import conversations, decisions, desk_versions, entries, events, outbox, tickets
from tickets.store import Store


def moment(seconds: float | None) -> str | None:
    """Return UTC seconds as ISO 8601."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def listing(store: Store) -> Iterator[dict[str, Any]]:
    """Yield every ticket by its number. Raises `Temporary`."""
    last = 0
    while True:
        page = select(tickets).where(tickets.c.id > last).order_by(tickets.c.id).limit(500)
        with store.read() as connection:
            rows = connection.execute(page).all()
        if not rows:
            return
        for row in rows:
            yield _ticket(row)
        last = rows[-1].id


def ticket(store: Store, number: int) -> dict[str, Any] | None:
    """Return one ticket with its entries and its history, or nothing. Raises `Temporary`."""
    with store.read() as connection:
        row = connection.execute(select(tickets).where(tickets.c.id == number)).first()
        if row is None:
            return None
        said = connection.execute(select(entries).where(entries.c.ticket_id == number).order_by(entries.c.id)).all()
        past = connection.execute(select(events).where(events.c.ticket_id == number).order_by(events.c.id)).all()
        talk = connection.execute(select(conversations).where(conversations.c.ticket_id == number)).all()
        told = connection.execute(select(outbox).where(outbox.c.ticket_id == number).order_by(outbox.c.id)).all()
    noticed = defaultdict[int, list[dict[str, Any]]](list)
    for one in told:
        noticed[one.event_id].append(_noticed(one))
    return {
        **_ticket(row),
        "entries": [_entry(one) for one in _in_order(said)],
        "history": [_event(one, noticed[one.id]) for one in past],
        "conversations": [_conversation(one) for one in talk],
    }


def department(store: Store, number: int) -> str | None:
    """Return the department a ticket is in, or nothing when there is none. Raises `Temporary`."""
    with store.read() as connection:
        found: str | None = connection.scalar(select(tickets.c.department).where(tickets.c.id == number))
    return found


def _conversation(row: Row[Any]) -> dict[str, Any]:
    return {
        "channel": row.channel,
        "account": row.account,
        "customer": row.customer,
        "heard_at": moment(row.heard_at),
        "answer_until": moment(row.answer_until),
        "seen": row.seen,
    }


def _in_order(said: Sequence[Any]) -> list[Any]:
    """Return entries in the order they were said: messages as they came in, answers behind what was there when they were written."""
    newest, placed = 0, []
    for one in said:
        newest = max(newest, one.inbox_id or 0)
        placed.append(((one.inbox_id or newest, one.inbox_id is None, one.id), one))
    return [one for _, one in sorted(placed, key=lambda pair: pair[0])]


def passes(store: Store, number: int) -> list[dict[str, Any]]:
    """Return why a ticket went where it went: every turn of the rules with what asked, its trace, and who was told in it."""
    with store.read() as connection:
        past = connection.execute(select(events).where(events.c.ticket_id == number)).all()
        made = connection.execute(
            select(decisions).where(decisions.c.ticket_id == number).order_by(decisions.c.id)
        ).all()
        told = connection.execute(
            select(outbox, events.c.inbox_id)
            .join(events, events.c.id == outbox.c.event_id)
            .where(outbox.c.ticket_id == number)
            .order_by(outbox.c.id)
        ).all()
    began = {event.id: event for event in past}
    return [
        {
            "at": moment(one.at),
            "inbox": one.inbox_id,
            "asked": _asked(one, began.get(one.events_from)),
            "desk_version": one.desk_version,
            "trace": json.loads(one.trace),
            "told": [_told(notice) for notice in told if _of(one, notice)],
        }
        for one in made
    ]


def rules_of(store: Store, version: str) -> list[dict[str, Any]]:
    """Return what was kept of the rules of a version of the desk (router/trace.py); nothing of one from before they were."""
    with store.read() as connection:
        said = connection.scalar(select(desk_versions.c.rules).where(desk_versions.c.version == version))
    return list(json.loads(said)) if said else []


def _asked(decision: Row[Any], first: Row[Any] | None) -> dict[str, Any]:
    """Return what the rules were asked about: a message, an act, what a clock or the desk itself did; and who did it."""
    name, actor = (first.name, first.actor) if first else ("message.received", None)
    by_itself = actor if actor in ("clock", "desk") else "act"
    return {"what": by_itself if decision.inbox_id is None else "message", "event": name, "by": actor}


def _of(decision: Row[Any], notice: Row[Any]) -> bool:
    if decision.events_from is None:  # from before the decisions named their events
        return bool(notice.inbox_id == decision.inbox_id)
    return bool(decision.events_from <= notice.event_id <= decision.events_to)


def _ticket(row: Row[Any]) -> dict[str, Any]:
    return {
        "number": row.id,
        "subject": row.subject,
        "channel": row.channel,
        "department": row.department,
        "agent": row.agent,
        "status": row.status,
        "priority": row.priority,
        "tags": json.loads(row.tags),
        "contact": {"name": row.contact_name, "address": row.contact_address},
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "messages": row.messages,
        "unassigned_reason": row.unassigned_reason,
        "fields": json.loads(row.fields or "{}"),
        "skills": json.loads(row.skills or "{}"),
        "sla": row.sla,
        "postponed_until": moment(row.postponed_until),
        "waiting_since": moment(row.waiting_since),
        "due_at": moment(row.sla_due_at),
    }


def _entry(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "inbox": row.inbox_id,
        "kind": row.kind,
        "author": row.author,
        "author_name": row.author_name,
        "external_id": row.external_id,
        "text": row.text,
        "reply_text": row.reply_text,
        "attachments": json.loads(row.attachments),
        "facts": json.loads(row.facts or "{}"),
        "sent_at": moment(row.sent_at),
        "created_at": moment(row.created_at),
        "seq": row.seq,
        "state": row.state,
        "trouble": row.trouble,
        "deleted_at": moment(row.deleted_at),
    }


def _event(row: Row[Any], told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    data = json.loads(row.data)
    return {"event": row.name, "actor": row.actor, "data": data, "at": moment(row.at), "told": told}


def _noticed(row: Row[Any]) -> dict[str, Any]:
    """Return who was told of an event or was not, and why."""
    return {**_told(row), "held": row.held, "sent_at": moment(row.sent_at), "seen_at": moment(row.seen_at)}


def _told(row: Row[Any]) -> dict[str, Any]:
    return {
        "recipient": row.recipient,
        "notifier": row.notifier,
        "event": row.event,
        "state": row.state,
        "reason": row.reason,
        "last_error": row.last_error,
    }
