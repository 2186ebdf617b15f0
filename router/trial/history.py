"""The history of a desk, read to be tried again: each message with the ticket as it stood before it. Nothing is written."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import Connection, func, select

from router.evidence import MAIL
from router.state import State
from router.trial.before import rebuilt, restored
from tickets.blobs import Blobs, LostBlobError, raw_of
from tickets.schema import decisions, entries, events, inbox, tickets

PAGE: Final = 100
"""So many messages are read at once, with at most 128 KiB of bytes each; larger ones lie in blobs and come one by one."""
LONGEST: Final = 10_000
"""Lines of a ticket's history that are gone through to find how it stood before a message."""
NOT_TRIED: Final = {"received": "not routed yet", "quarantined": "in quarantine"}


@dataclass(frozen=True, slots=True)
class Past:
    """A message of history: its row with its bytes, its ticket's row, how the ticket stood before it (nothing: it began).

    `events` are those it was, `at` is when the rules were asked about it, `facts` what was found out about it then.
    """

    row: Any
    ticket: Any
    stood: State | None
    events: frozenset[str]
    because: str
    at: float
    facts: Mapping[str, Any]


def stretch(connection: Connection, since: float) -> tuple[int, int]:
    """Return the first and last row of the inbox to look at; rows stand in the order they came, so halving finds the first."""
    low = connection.scalar(select(func.min(inbox.c.id))) or 1
    last = connection.scalar(select(func.max(inbox.c.id))) or 0
    high = last + 1
    while low < high:
        middle = (low + high) // 2
        at = connection.scalar(select(inbox.c.received_at).where(inbox.c.id >= middle).order_by(inbox.c.id).limit(1))
        low, high = (low, middle) if at is None or at >= since else (middle + 1, high)
    return low, last


def not_tried(connection: Connection, first: int, last: int, since: float) -> dict[str, int]:
    """Return how many messages were never put before the rules, by the reason in words."""
    counted = (
        select(inbox.c.state, func.count())
        .where(inbox.c.id.between(first, last), inbox.c.received_at >= since, inbox.c.state.in_(NOT_TRIED))
        .group_by(inbox.c.state)
    )
    return {NOT_TRIED[state]: count for state, count in connection.execute(counted)}


def messages(
    connection: Connection, blobs: Blobs, first: int, last: int, since: float
) -> Iterator[Past | tuple[int, str]]:
    """Yield every message of a stretch that rules were asked about; of one that is lost its row's number and why."""
    page = select(inbox).where(inbox.c.received_at >= since, inbox.c.state == "routed").order_by(inbox.c.id).limit(PAGE)
    at = first
    while rows := connection.execute(page.where(inbox.c.id.between(at, last))).all():
        at = rows[-1].id + 1
        yield from _page(connection, blobs, rows)


def _page(connection: Connection, blobs: Blobs, rows: Any) -> Iterator[Past | tuple[int, str]]:
    ids, numbers = [row.id for row in rows], {row.ticket_id for row in rows}
    of = {row.id: row for row in connection.execute(select(tickets).where(tickets.c.id.in_(numbers)))}
    decided = select(decisions).where(decisions.c.ticket_id.in_(numbers), decisions.c.inbox_id.between(ids[0], ids[-1]))
    made = {row.inbox_id: row for row in connection.execute(decided)}
    known = connection.execute(select(entries.c.inbox_id, entries.c.facts).where(entries.c.inbox_id.in_(ids)))
    entries_of = {row.inbox_id: row.facts for row in known}
    facts = {number: json.loads(said) for number, said in entries_of.items() if said}
    for row in rows:
        decision, ticket = made.get(row.id), of.get(row.ticket_id)
        if decision is None or ticket is None or (row.conversation.startswith(MAIL) and row.id not in entries_of):
            continue  # a receipt, a reaction, an agent's reply to a notice: no message that rules are asked about
        try:
            whole = row if row.stored is None else _whole(row, blobs)
            trace = json.loads(decision.trace)
            began = frozenset(trace["events"])
            stood = None if "ticket.created" in began else _stood(connection, ticket, trace, decision)
            because = str(trace.get("because", ""))
            yield Past(whole, ticket, stood, began, because, decision.at, facts.get(row.id, {}))
        except LostBlobError:
            yield row.id, "its bytes are lost"
        except _TooLongError:
            yield row.id, "its ticket's history is too long to go through"


def _whole(row: Any, blobs: Blobs) -> Any:
    """Return a row with its bytes, which lie in a blob."""
    columns = dict(zip(row._fields, row, strict=True))
    return SimpleNamespace(**{**columns, "raw": raw_of(row, blobs)})


class _TooLongError(Exception):
    """A history is not gone through any further."""


def _stood(connection: Connection, ticket: Any, trace: Mapping[str, Any], decision: Any) -> State:
    """Return the ticket as it stood: as the trace kept it, or else as the lines of its history before the message tell it."""
    if "before" in trace:
        return restored(trace["before"], ticket)
    begins = decision.events_from
    if begins is None:  # from before the decisions named their events
        mine = (events.c.ticket_id == ticket.id, events.c.inbox_id == decision.inbox_id)
        begins = connection.scalar(select(func.min(events.c.id)).where(*mine))
    lines = select(events).where(events.c.ticket_id == ticket.id, events.c.id < (begins or 0)).order_by(events.c.id)
    history = connection.execute(lines.limit(LONGEST + 1)).all()
    if len(history) > LONGEST:
        raise _TooLongError
    return rebuilt(ticket, history)
