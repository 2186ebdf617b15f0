"""The other tickets of a ticket's contact, for rules that bring them together."""

import json

from sqlalchemy import Connection, Select, select

from router.state import OVER, State
from tickets.schema import events, tickets


def newest_open(connection: Connection, ticket: State, department: str) -> int | None:
    """Return the newest other ticket of the contact in a department that is not over."""
    others = _open(ticket).where(tickets.c.department == department, tickets.c.id != (ticket.number or 0))
    return connection.scalar(others)


def linked(connection: Connection, ticket: State, other: int | None) -> int | None:
    """Return the newest ticket of the contact that this one is linked with, or just being (`other`), and that is not over."""
    links = select(events.c.data).where(events.c.ticket_id == ticket.number, events.c.name == "ticket.linked")
    numbers = {json.loads(data)["ticket"] for data in connection.scalars(links)}
    return connection.scalar(_open(ticket).where(tickets.c.id.in_(numbers | ({other} if other is not None else set()))))


def _open(ticket: State) -> Select[int]:
    mine = select(tickets.c.id).where(tickets.c.contact_id == ticket.contact_id, tickets.c.status.not_in(sorted(OVER)))
    return mine.order_by(tickets.c.id.desc()).limit(1)
