"""What agents have and whose turn it is: what the strategies go by, asked of the database only when one of them is asked."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from config.desk import Desk
from tickets.availability import way_in
from tickets.lock import lock
from tickets.prepared import OneOf, Prepared
from tickets.schema import tickets, turns, working

ASSIGNMENT: Final = "assignment"
"""What is held while an agent is chosen."""
A_MOMENT: Final = 0.000_001
"""Seconds between two turns of the same moment: whoever was first has waited longer."""


def weight(desk: Desk, channel: str, priority: str) -> float:
    """Return how much a ticket counts of an agent's capacity, by its way in and its priority."""
    weights: Mapping[Any, float] = desk.desk.weights
    return weights.get(way_in(desk, channel), 1.0) * weights.get(priority, 1.0) if weights else 1.0


class Workload:
    """What the agents have. This one knows of nothing, as when a message is only tried: everybody is free."""

    def load(self, agents: Collection[str], besides: int | None) -> Mapping[str, float]:
        """Return the weight of the new and open tickets of each agent in all departments, but for the ticket `besides`."""
        del agents, besides
        return {}

    def turns(self, department: str) -> Mapping[str, float]:
        """Return when a strategy gave each agent a ticket of a department last."""
        del department
        return {}

    def last_agent(self, contact: int | None, besides: int | None) -> str | None:
        """Return who has the newest ticket of a contact that anybody has, but for the ticket `besides`."""
        del contact, besides
        return None


_HELD: Final = Prepared(
    select(tickets.c.agent, tickets.c.channel, tickets.c.priority, func.count().label("tickets"))
    .where(working, OneOf(tickets.c.agent, "agents"), tickets.c.id != bindparam("besides"))
    .group_by(tickets.c.agent, tickets.c.channel, tickets.c.priority)
)
_TURNS: Final = Prepared(select(turns.c.agent, turns.c.at).where(turns.c.department == bindparam("in_department")))
_LAST_AGENT: Final = Prepared(
    select(tickets.c.agent)
    .where(
        tickets.c.contact_id == bindparam("contact"),
        tickets.c.id != bindparam("besides"),
        tickets.c.agent.is_not(None),
    )
    .order_by(tickets.c.id.desc())
    .limit(1)
)
_NEWEST: Final = Prepared(
    select(func.max(turns.c.at).label("newest")).where(turns.c.department == bindparam("in_department"))
)


def load(connection: Connection, desk: Desk, agents: Collection[str], besides: int | None = None) -> dict[str, float]:
    """Return the weight of the new and open tickets of each agent in all departments, but for the ticket `besides`."""
    found = dict.fromkeys(agents, 0.0)
    for row in _HELD.all(connection, {"agents": list(agents), "besides": besides or 0}):
        found[row.agent] += row.tickets * weight(desk, row.channel, row.priority)
    return found


class Kept(Workload):
    """What the agents have in the database, as it is in the open transaction.

    Whoever asks first holds the assignment of the whole desk until the transaction ends: nobody else gives an agent anything
    between the look and the commit. It is the last lock a transaction takes, so that nobody waits in a circle.
    """

    def __init__(self, connection: Connection, desk: Desk) -> None:
        self._connection = connection
        self._desk = desk
        self._held = False

    def load(self, agents: Collection[str], besides: int | None) -> Mapping[str, float]:
        """Return what each agent has."""
        self._hold()
        return load(self._connection, self._desk, agents, besides)

    def turns(self, department: str) -> Mapping[str, float]:
        """Return when each had a turn."""
        self._hold()
        return {row.agent: row.at for row in _TURNS.all(self._connection, {"in_department": department})}

    def last_agent(self, contact: int | None, besides: int | None) -> str | None:
        """Return the contact's last agent."""
        found: str | None = _LAST_AGENT.value(self._connection, {"contact": contact or 0, "besides": besides or 0})
        return found

    def _hold(self) -> None:
        if not self._held:
            lock(self._connection, [ASSIGNMENT])  # each statement after it sees what the others have committed
            self._held = True


def took_turn(connection: Connection, department: str, agent: str, at: float) -> None:
    """Note that a strategy has given an agent a ticket of a department, and hold the assignment."""
    lock(connection, [ASSIGNMENT])  # a strategy that looks at nothing has not done so
    newest: float | None = _NEWEST.value(connection, {"in_department": department})
    when = at if newest is None else max(at, newest + A_MOMENT)
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    said = dialect.insert(turns).values(department=department, agent=agent, at=when)
    connection.execute(said.on_conflict_do_update(index_elements=["department", "agent"], set_={"at": when}))
