"""Ways to agents and places by which nothing goes through at present: what a provider refused for good is not tried again and again.

A place is a Slack channel or an address of a department or a rule. It stands in the rows by its own name, for an agent.
"""

from collections.abc import Sequence
from shlex import quote
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from config.desk import Desk
from tickets.schema_told import pauses

EVERYBODY = "*"
"""All agents and places, where a way is resumed."""
_TO_PLACES = ("slack", "email")

_INSERT = {
    one.dialect.name: one.insert(pauses).on_conflict_do_nothing().returning(pauses.c.agent)
    for one in (sqlite, postgresql)
}


def is_place(recipient: str, way: str, address: str) -> bool:
    """Tell whether a row leads to a place and not to an agent."""
    return recipient == address and way in _TO_PLACES


def pause(connection: Connection, agent: str, way: str, address: str, why: str, now: float) -> bool:
    """Pause a way to an agent, and tell whether that is news: not paused before, and no way of others for the same reason."""
    known = connection.execute(select(pauses.c.agent).where(pauses.c.way == way, pauses.c.why == why).limit(1)).first()
    row = {"agent": agent, "way": way, "address": address, "why": why, "since": now}
    made = connection.execute(_INSERT[connection.dialect.name], row).first() is not None
    return made and known is None


def resume(connection: Connection, agent: str, way: str) -> int:
    """Use a way to an agent (or to `EVERYBODY`) again, and return how many pauses that ended."""
    theirs = delete(pauses).where(pauses.c.way == way)
    return connection.execute(theirs if agent == EVERYBODY else theirs.where(pauses.c.agent == agent)).rowcount


def resuming(agent: str, way: str) -> str:
    """Return the command that resumes a way, as one types it into a shell."""
    return f"frontdesk agent {quote(agent)} resume {way}"


def paused(connection: Connection) -> Sequence[Any]:
    """Return the pauses, by agent and way."""
    return connection.execute(select(pauses).order_by(pauses.c.agent, pauses.c.way)).all()


def outdated(connection: Connection, desk: Desk) -> list[Any]:
    """Return the pauses of an agent's address that the desk file does not name any more; another place is not paused."""
    to_agents = (one for one in paused(connection) if not is_place(one.agent, one.way, one.address))
    return [one for one in to_agents if one.address not in _addresses(desk, one.agent)]


def _addresses(desk: Desk, agent: str) -> tuple[str | None, ...]:
    """Return where the rows of an agent lead; those of push and Apprise carry the agent's id, for the address is a secret."""
    known = desk.agents_by_id.get(agent)
    return () if known is None else (known.email, known.slack, known.id)
