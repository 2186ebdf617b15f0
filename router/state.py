"""A ticket as rules, responsibility and clocks see it, and what a turn of events makes of it."""

import json
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from config.desk import Desk
from router.event import Change, Decision

WORKING: Final = frozenset({"new", "open"})
"""The statuses in which somebody has to do something."""
OVER: Final = frozenset({"resolved", "closed", "spam", "merged"})
SETTABLE: Final = ("open", "answered", "resolved", "closed", "spam")
"""The statuses a hand or a rule may set; a ticket is postponed with a time, and merged into another one."""


class State(NamedTuple):
    """A ticket at a moment; times are UTC seconds. `number` is nothing while it is being made, `customer` the contact's name.

    `waiting_since` is when the customer's oldest unanswered message came, `agent_since` since when this agent has it, or
    nobody; `sla` is the level somebody gave it; `skills` say until when each is needed, nothing meaning for good. `clocks`
    is what runs (router/clocks), `due_at` when the clock has to look at it, `sla_due_at` when the nearest promise breaks.
    """

    department: str
    channel: str = ""
    number: int | None = None
    subject: str = ""
    contact_id: int | None = None
    contact: str = ""
    agent: str | None = None
    unassigned_reason: str | None = None
    status: str = "new"
    priority: str = "normal"
    tags: tuple[str, ...] = ()
    fields: Mapping[str, str] = {}
    skills: Mapping[str, float | None] = {}
    sla: str | None = None
    postponed_until: float | None = None
    messages: int = 0
    created_at: float = 0.0
    status_since: float = 0.0
    agent_since: float = 0.0
    waiting_since: float | None = None
    heard_at: float | None = None
    answered_at: float | None = None
    first_answered_at: float | None = None
    resolved_at: float | None = None
    clocks: Mapping[str, Any] = {}
    due_at: float | None = None
    sla_due_at: float | None = None
    timed_by: str | None = None
    customer: str = ""


SAME: Final = (
    "department", "channel", "agent", "unassigned_reason", "status", "priority", "sla", "postponed_until", "messages",
    "created_at", "status_since", "agent_since", "waiting_since", "heard_at", "answered_at", "first_answered_at",
    "resolved_at", "due_at", "sla_due_at", "timed_by",
)  # fmt: skip
"""What a row of the tickets has under the same name and in the same form."""


def state_of(row: Any) -> State:
    """Return the state in a row of the tickets."""
    return State(
        number=row.id,
        subject=row.subject,
        contact_id=row.contact_id,
        contact=row.contact_address,
        customer=row.contact_name,
        tags=tuple(json.loads(row.tags)),
        fields=json.loads(row.fields) if row.fields else {},
        skills=json.loads(row.skills) if row.skills else {},
        clocks=json.loads(row.clocks) if row.clocks else {},
        **{name: getattr(row, name) for name in SAME},
    )


def columns(state: State) -> dict[str, Any]:
    """Return what a row of the tickets keeps of a state, but for what never changes."""
    row = {name: getattr(state, name) for name in SAME if name not in ("channel", "created_at")}
    row["tags"] = json.dumps(state.tags)
    for name in ("fields", "skills", "clocks"):
        value = getattr(state, name)
        row[name] = json.dumps(value) if value else None
    return row


def decided(before: State, state: State, decision: Decision, happened: Collection[str], now: float) -> State:
    """Return the ticket as a decision leaves it, with its times set by what happened (the names of events).

    `before` is how it stood before anything happened, `state` with what happened done.

    An escalation that begins stands in its clocks as `{"escalation": {"begin": ID}}`, for the clock that takes it up.
    """
    new: dict[str, Any] = {
        "department": decision.department,
        "agent": decision.agent,
        "unassigned_reason": decision.unassigned_reason,
        "status": decision.status,
        "priority": decision.priority,
        "tags": decision.tags,
        "fields": decision.fields,
        "skills": decision.skills,
        "sla": decision.sla,
        "postponed_until": decision.postponed_until if decision.status == "postponed" else None,
    }
    if decision.escalation is not None:
        begins = {**state.clocks.get("escalation", {}), "begin": decision.escalation}
        new["clocks"] = {**state.clocks, "escalation": begins}
    if decision.agent != before.agent:
        new["agent_since"] = now
    if decision.status != before.status:
        new["status_since"] = now
        new["resolved_at"] = (state.resolved_at or now) if decision.status in ("resolved", "closed") else None
    if "ticket.answered" in happened:
        new |= {"answered_at": now, "first_answered_at": state.first_answered_at or now, "waiting_since": None}
    elif decision.status in OVER:
        new["waiting_since"] = None
    return state._replace(**new)


def transferred(ticket: State, to: str, actor: str, **why: str) -> tuple[State, list[Change]]:
    """Return the ticket in another department, where nobody has it, and the lines of its history; none when it is there."""
    if to == ticket.department:
        return ticket, []
    lines = [Change("ticket.transferred", actor, {"from": ticket.department, "to": to, **why})]
    if ticket.agent is not None:
        lines.append(Change("ticket.unassigned", actor, {"from": ticket.agent, "reason": "transferred"}))
    return ticket._replace(department=to, agent=None, unassigned_reason="transferred"), lines


def housed(ticket: State, desk: Desk) -> tuple[State, list[Change]]:
    """Return the ticket in a department there is, and the lines of its history: else in the first one of the desk.

    Who is a member there keeps it.
    """
    if ticket.department in desk.departments_by_id:
        return ticket, []
    to = desk.departments[0].id
    gone = f"the desk file has no department {ticket.department} any more"
    moved, lines = transferred(ticket, to, "desk", because=gone)
    if ticket.agent is None or ticket.agent in desk.members(to):
        return ticket._replace(department=to), lines[:1]
    return moved, lines
