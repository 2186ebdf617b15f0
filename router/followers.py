"""Who follows a ticket: agents who want to hear of one that is not theirs."""

from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from tickets.prepared import Prepared
from tickets.schema_told import followers

_OF: Final = Prepared(select(followers.c.agent).where(followers.c.ticket_id == bindparam("number")))
_INSERT: Any = {
    one.dialect.name: one.insert(followers).on_conflict_do_nothing().returning(followers.c.agent)
    for one in (sqlite, postgresql)
}


def followers_of(connection: Connection, number: int) -> frozenset[str]:
    """Return the agents who follow a ticket."""
    return frozenset(row.agent for row in _OF.all(connection, {"number": number}))


def follow(connection: Connection, number: int, agent: str, now: float) -> bool:
    """Let an agent follow a ticket from now (UTC seconds) on; tell whether they did not."""
    row = {"ticket_id": number, "agent": agent, "since": now}
    return connection.execute(_INSERT[connection.dialect.name], row).first() is not None


def unfollow(connection: Connection, number: int, agent: str) -> bool:
    """Let an agent follow a ticket no longer; tell whether they did."""
    theirs = (followers.c.ticket_id == number) & (followers.c.agent == agent)
    return bool(connection.execute(delete(followers).where(theirs)).rowcount)
