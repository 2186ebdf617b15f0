"""Draining: what waits in the queue of a department with a strategy goes to whoever can have it now, the most urgent first.

Nobody says when an agent becomes free: they come back, their shift begins, a ticket is answered, moved or closed, a skill is
not asked for any more, the department opens, the desk file changes. So each tick looks whether anything waits, and whether
somebody could have it; only what has somebody costs more than a look.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Integer, bindparam, case, or_, select

from config.desk import Agent, Department, Desk
from router.book import Book
from router.clocks.react import WORD, rung
from router.event import PRIORITIES
from router.hold import hold
from router.returns import Moved, Patience, one_by_one
from router.staff import Pick, Staff, staff_of
from router.state import WORKING, State
from router.ticket import Pen
from router.turn import Turn
from router.workload import Kept, Workload, load, weight
from tickets.presence import away_since
from tickets.schema import tickets, working
from tickets.store import Store

LOOKED_AT: Final = 5_000
"""So many waiting tickets of a department are looked at in a tick."""

log = structlog.get_logger()

_WAITS: Final = (
    working,
    tickets.c.agent.is_(None),
    tickets.c.department == bindparam("of_department"),
    or_(tickets.c.unassigned_reason.is_(None), tickets.c.unassigned_reason != "rule_unassigned"),
)
_ANY: Final = select(tickets.c.id).where(*_WAITS).limit(1)
_URGENT: Final = case({word: place for place, word in enumerate(PRIORITIES)}, value=tickets.c.priority)
_SAID: Final = ("id", "channel", "priority", "contact_id", "skills", "clocks")
"""What tells who could have a waiting ticket."""
_WAITING: Final = (
    select(*(tickets.c[one] for one in _SAID))
    .where(*_WAITS)
    .order_by(
        tickets.c.sla_due_at.is_(None),
        tickets.c.sla_due_at,
        _URGENT.desc(),
        tickets.c.waiting_since.is_(None),
        tickets.c.waiting_since,
        tickets.c.id,
    )
    .limit(bindparam("most", type_=Integer))
)


def drained(store: Store, book: Book, now: float, most: int, patience: Patience | None = None) -> Iterator[Moved]:
    """Give at most so many waiting tickets to agents who can have them at `now` (UTC seconds), each by itself.

    `patience` is as with `returned`. Raises `Temporary`; what was yielded is done. A ticket with which something is wrong holds up no other.
    """
    choosing = [one for one in book.desk.departments if one.chooses]
    if not choosing or len(book.desk.agents) == 1:
        return
    away = away_since(store)
    with store.read() as connection:
        waiting = [one for one in choosing if connection.scalar(_ANY, {"of_department": one.id})]
        numbers = list(islice(_could_go(connection, book.desk, waiting, now, away), most)) if waiting else []
    yield from one_by_one(store, numbers, partial(_give, book=book, now=now, away=away), now, patience)


class _Foreseen(Workload):
    """What the agents have, counted once, and then what they would have. It holds nothing: whoever gives looks again."""

    def __init__(self, connection: Connection, desk: Desk, agents: Collection[str]) -> None:
        self._kept = Kept(connection, desk)
        self._has = load(connection, desk, agents)

    def load(self, agents: Collection[str], besides: int | None) -> Mapping[str, float]:
        """Return what each agent would have."""
        del agents, besides
        return self._has

    def last_agent(self, contact: int | None, besides: int | None) -> str | None:
        """Return the contact's last agent."""
        return self._kept.last_agent(contact, besides)

    def room(self, agent: Agent) -> bool:
        """Tell whether an agent would have room for anything."""
        return agent.capacity is None or self._has[agent.id] < agent.capacity

    def give(self, agent: str, amount: float) -> None:
        """Count a ticket that somebody would have."""
        self._has[agent] += amount


def _could_go(
    connection: Connection, desk: Desk, waiting: Collection[Department], now: float, away: Mapping[str, float]
) -> Iterator[int]:
    """Yield the tickets somebody could have, in the order in which they are given out."""
    there = Staff(desk, now, away)
    agents = {agent for one in waiting for agent in desk.members(one.id) if there.absent(agent) is None}
    if not agents:
        return
    work = _Foreseen(connection, desk, agents)
    staff = Staff(desk, now, away, work)
    for department in waiting:
        if not any(work.room(desk.agents_by_id[one]) for one in agents & desk.members(department.id)):
            continue
        hopeless = set[tuple[object, ...]]()
        for row in connection.execute(_WAITING, {"of_department": department.id, "most": LOOKED_AT}).all():
            react = WORD in (row.clocks or "") and row.clocks
            alike = (row.channel, row.priority, row.skills, react, row.contact_id if department.sticky else None)
            if alike in hopeless:
                continue
            ticket = _waiting(row, department)
            pick = staff.pick(ticket)
            if pick.agent is not None:
                work.give(pick.agent, weight(desk, ticket.channel, ticket.priority))
            if pick.agent is not None or _new_to_ring(ticket, pick):
                yield row.id
            else:
                hopeless.add(alike)


def _waiting(row: Any, department: Department) -> State:
    skills, clocks = (json.loads(said) if said else {} for said in (row.skills, row.clocks))
    said = {"priority": row.priority, "contact_id": row.contact_id, "skills": skills, "clocks": clocks}
    return State(department.id, row.channel, row.id, **said)


def _new_to_ring(ticket: State, pick: Pick) -> bool:
    return not set(pick.rung) <= set(ticket.clocks.get(WORD, {}).get("rung", ()))


def _give(connection: Connection, number: int, book: Book, now: float, away: Mapping[str, float]) -> Moved | None:
    ticket = hold(connection, number)
    if ticket is None or ticket.agent is not None or ticket.status not in WORKING:
        return None
    if ticket.unassigned_reason == "rule_unassigned" or ticket.department not in book.desk.departments_by_id:
        return None
    staff = staff_of(connection, book.desk, now, away)
    rings = book.desk.departments_by_id[ticket.department].assignment == "ring_all"
    begins = rings and _new_to_ring(ticket, staff.pick(ticket))
    lines = [rung(ticket.clocks.get(WORD, {}))] if begins else []
    state, written = Turn(Pen(connection, None, now), book, staff, ticket).take(lines)
    if not written.events:  # somebody was faster, and nobody can have it any more
        return None
    log.info("out of the queue", ticket=number, agent=state.agent)
    return Moved(number, tuple(written.rings))
