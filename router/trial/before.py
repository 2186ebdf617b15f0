"""The ticket as it stood before a message joined it: kept in the decision's trace, so that rules can be tried on it later."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from router.state import OVER, State

_PLAIN: Final = State("")
_VALUES: Final = (
    "department",
    "agent",
    "unassigned_reason",
    "status",
    "priority",
    "sla",
    "postponed_until",
    "messages",
)
_LISTS: Final = ("tags", "skills", "fields")
_TIMES: Final = (
    "status_since", "agent_since", "waiting_since", "heard_at", "answered_at", "first_answered_at", "resolved_at",
    "sla_due_at",
)  # fmt: skip
MOST_FIELDS: Final = 1_000
"""Characters of a ticket's fields that are kept for each message; longer ones are not."""


def kept(state: State) -> dict[str, Any]:
    """Return what the trace keeps of a ticket: what is not as with a new one; times are whole seconds."""
    said = {name: value for name in _VALUES if (value := getattr(state, name)) != getattr(_PLAIN, name)}
    said |= {name: value for name in _LISTS if (value := getattr(state, name))}
    said |= {name: int(value) for name in _TIMES if (value := getattr(state, name))}
    if sum(len(name) + len(value) for name, value in state.fields.items()) > MOST_FIELDS:
        said["fields"] = None
    return said


def restored(said: Mapping[str, Any], ticket: Any) -> State:
    """Return a ticket as `kept` told it; what never changes comes from its row. Fields that were too long are today's."""
    values = {name: said[name] for name in (*_VALUES, *_TIMES, "skills") if name in said}
    fields = said.get("fields", {})
    return _of(ticket)._replace(
        **values, tags=tuple(said.get("tags", ())), fields=_fields(ticket) if fields is None else fields
    )


def rebuilt(ticket: Any, history: Iterable[Any]) -> State:
    """Return a ticket as its history up to some line made it; what no line tells (fields, skills, level) is today's.

    `history` are rows of the events, from the ticket's first on.
    """
    state = _of(ticket)._replace(fields=_fields(ticket), sla=ticket.sla)
    for line in history:
        state = _after(state, line.name, line.actor, json.loads(line.data), line.at)
    return state


def _after(state: State, name: str, actor: str, data: Mapping[str, Any], at: float) -> State:
    """Return the ticket after one line of its history."""
    match name:
        case "ticket.created":
            return state._replace(department=data.get("department", ""), status_since=at, agent_since=at)
        case "message.received" | "ticket.answered":
            return state._replace(**_said(state, name, actor, data, at))
    return state._replace(**_changed(state, name, data, at))


def _said(state: State, name: str, actor: str, data: Mapping[str, Any], at: float) -> dict[str, Any]:
    if name == "ticket.answered":
        messages = state.messages + ("seconds" not in data)  # a call that was taken is no further message
        first = state.first_answered_at or at
        return {"messages": messages, "answered_at": at, "first_answered_at": first, "waiting_since": None}
    heard: dict[str, Any] = {"messages": state.messages + 1}
    if actor == "customer" and state.status not in OVER:
        heard |= {"heard_at": at, "waiting_since": state.waiting_since or at}
    return heard


def _changed(state: State, name: str, data: Mapping[str, Any], at: float) -> dict[str, Any]:
    match name:
        case "ticket.transferred":
            return {"department": data["to"], "agent": None, "unassigned_reason": "transferred", "agent_since": at}
        case "ticket.assigned" | "ticket.unassigned":
            agent = data.get("to")
            return {"agent": agent, "unassigned_reason": None if agent else data.get("reason"), "agent_since": at}
        case "ticket.priority_changed":
            return {"priority": data["to"]}
        case "ticket.tagged":
            left = (tag for tag in state.tags if tag not in data.get("removed", ()))
            return {"tags": tuple(dict.fromkeys((*left, *data.get("added", ()))))}
        case "ticket.status_changed" | "ticket.reopened":
            over = (state.resolved_at or at) if data["to"] in ("resolved", "closed") else None
            waits = None if data["to"] in OVER else state.waiting_since
            return {"status": data["to"], "status_since": at, "resolved_at": over, "waiting_since": waits}
    return {}


def _of(ticket: Any) -> State:
    """Return what never changes of a ticket, from its row."""
    return State(
        ticket.department, ticket.channel, ticket.id, ticket.subject, ticket.contact_id, ticket.contact_address,
        customer=ticket.contact_name, created_at=ticket.created_at, status_since=ticket.created_at, agent_since=ticket.created_at,
    )  # fmt: skip


def _fields(ticket: Any) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads(ticket.fields) if ticket.fields else {}
    return found
