"""`to solve`: the most urgent ticket an agent may take, theirs in the moment they ask.

Own tickets come first, then those nobody has in the agent's departments. Among them the one whose promise breaks first, or
broke longest ago; then the higher priority; then whoever waits longest. Each step of that order is a look at the beginning
of a range of the index `tickets_working`, so it costs the same among a million tickets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, select

from config.desk import Agent, Desk
from router.book import Book
from router.conversation import taken
from router.event import PRIORITIES, Change
from router.hand import CannotActError
from router.staff import Staff, staff_of
from router.state import State, state_of
from router.ticket import Pen
from router.turn import Turn
from tickets.availability import way_in
from tickets.prepared import OneOf, Prepared
from tickets.presence import away_since
from tickets.schema import tickets, working
from tickets.store import Store

MOST: Final = 100
"""Of each department and step so many are looked at; only skills of their own keep an agent from one of them."""


@dataclass(frozen=True, slots=True)
class ToSolve:
    """The ticket an agent should solve next. `own` says that they had it already; `rings` are the outbox rows to ring for."""

    ticket: State
    own: bool
    rings: tuple[int, ...] = ()


def to_solve(store: Store, book: Book, agent: str, now: float, *, look: bool = False) -> ToSolve | None:
    """Give an agent the most urgent ticket they may take at `now` (UTC seconds); nothing when there is none.

    They may take what they have the skills for and whose way in they take, whatever their capacity: it is their own hand.
    Several who ask at once get different ones. With `look` nothing is changed. Raises `CannotActError` when there is no such
    agent or they are not at work, and `Temporary` when the database fails.
    """
    desk, away = book.desk, away_since(store)
    if (known := desk.agents_by_id.get(agent)) is None:
        raise CannotActError(f"No agent is called {agent!r}; the desk file has: {', '.join(desk.agents_by_id)}")
    if (why := Staff(desk, now, away).absent(agent)) is not None:
        raise CannotActError(f"{known.name} is not at work ({why}) and would not keep a ticket")
    with store.read() if look else store.write() as connection:
        asked = _Asked(connection, staff_of(connection, desk, now, away), known)
        if (mine := next(asked.own(), None)) is not None:
            return ToSolve(mine, own=True)
        if look:
            found = next(asked.free(), None)
            return None if found is None else ToSolve(found, own=False)
        ticket = asked.held(wait=False) or asked.held(wait=True)
        if ticket is None:
            return None
        line = Change("ticket.assigned", f"agent:{agent}", {"from": None, "to": agent, "reason": "to_solve"})
        taken(connection, ticket.number or 0)
        turn = Turn(Pen(connection, None, now), book, asked.staff, ticket)
        state, written = turn.take([line], ticket._replace(agent=agent, unassigned_reason=None))
    return ToSolve(state, own=False, rings=tuple(written.rings))


def _steps(whose: ColumnElement[bool]) -> Sequence[tuple[Prepared, str]]:
    """Return the look-ups of each step in their order, with the priority each is for, among the tickets of `whose`."""
    there = (working, whose, tickets.c.department == bindparam("of_department"))
    known = (
        "agent",
        "department",
        "sla_due_at",
        "priority",
        "waiting_since",
        "id",
    )  # PostgreSQL must be told the nulls too
    asked = (
        select(tickets).where(*there, ~OneOf(tickets.c.channel, "refused")).order_by(*(tickets.c[one] for one in known))
    )
    promised = asked.where(tickets.c.sla_due_at.is_not(None))
    equal = asked.where(tickets.c.sla_due_at.is_(None), tickets.c.priority == bindparam("of_priority"))
    waits, rests = equal.where(tickets.c.waiting_since.is_not(None)), equal.where(tickets.c.waiting_since.is_(None))
    promised_, waits_, rests_ = (Prepared(one.limit(MOST)) for one in (promised, waits, rests))
    return (promised_, ""), *((step, priority) for priority in reversed(PRIORITIES) for step in (waits_, rests_))


_OWN: Final = _steps(tickets.c.agent == bindparam("whose"))
_FREE: Final = _steps(tickets.c.agent.is_(None))
_STILL: Final = (
    select(tickets)
    .where(tickets.c.id == bindparam("number"), tickets.c.agent.is_(None), working)
    .where(tickets.c.department == bindparam("of_department"))
)
_HOLD: Final = {wait: Prepared(_STILL.with_for_update(skip_locked=not wait)) for wait in (False, True)}


@dataclass(frozen=True, slots=True)
class _Asked:
    """An agent who asks, in an open transaction."""

    connection: Connection
    staff: Staff
    agent: Agent

    def own(self) -> Iterator[State]:
        """Yield the agent's own tickets that wait for them, the most urgent first."""
        yield from self._in_order(_OWN, [])

    def free(self) -> Iterator[State]:
        """Yield the tickets the agent may take, the most urgent first."""
        refused = [one.name for one in self._desk.channels if way_in(self._desk, one.name) not in self.agent.ways]
        for ticket in self._in_order(_FREE, refused):
            if self.staff.may_take(self.agent, ticket) is None:
                yield ticket

    def held(self, *, wait: bool) -> State | None:
        """Return the first of them that nobody else was faster with, held; those in other hands are passed by, or waited for."""
        for ticket in self.free():
            row = _HOLD[wait].one(self.connection, {"number": ticket.number, "of_department": ticket.department})
            if row is not None and self.staff.may_take(self.agent, found := state_of(row)) is None:
                return found
        return None

    @property
    def _desk(self) -> Desk:
        return self.staff.desk

    def _in_order(self, steps: Sequence[tuple[Prepared, str]], refused: list[str]) -> Iterator[State]:
        alone = len(self._desk.agents) == 1  # who has every ticket
        mine = [one.id for one in self._desk.departments if alone or self.agent.id in self._desk.members(one.id)]
        for step, priority in steps:
            asked = {"whose": self.agent.id, "of_priority": priority, "refused": refused}
            rows = [row for one in mine for row in step.all(self.connection, {**asked, "of_department": one})]
            yield from map(state_of, sorted(rows, key=_urgency))


def _urgency(row: Any) -> tuple[float, float, int]:
    """Return what puts rows of one step in order, whatever their departments."""
    return row.sla_due_at or 0.0, row.waiting_since or 0.0, row.id
