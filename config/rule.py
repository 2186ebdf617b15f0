"""A rule: when something happens and its conditions hold, do its actions."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BeforeValidator, model_validator

from config.model import Duration, Model
from config.problems import nearest, shown

Status = Literal["new", "open", "answered", "postponed", "resolved", "closed", "spam", "merged"]
Priority = Literal["low", "normal", "high", "urgent"]

Event = Literal[
    "message.received", "ticket.created", "ticket.reopened", "ticket.status_changed", "ticket.tagged",
    "ticket.priority_changed", "ticket.transferred", "ticket.assigned", "ticket.unassigned", "ticket.answered",
    "ticket.noted", "ticket.merged", "ticket.linked", "ticket.rated", "ticket.escalated", "ticket.acknowledged",
    "agent.availability_changed", "delivery.failed", "sla.warning", "sla.breached",
]  # fmt: skip
"""What happens to a ticket, as its history tells it."""

TimeEvent = Literal[
    "time.older_than", "time.status_older_than", "time.unassigned_longer_than", "time.waiting_for_agent",
    "time.waiting_for_customer", "time.due_in_less_than", "time.overdue_more_than",
]  # fmt: skip
"""What the clock notices about a ticket, each once as long as it stays so."""


EVENTS: Final[tuple[str, ...]] = (*get_args(Event), *get_args(TimeEvent))


def _known(said: object) -> object:
    if said not in EVENTS:
        near = nearest(said, EVENTS)
        hint = (
            f'did you mean "{near}"?' if near else "write ticket.created, message.received or another of docs/rules.md"
        )
        raise ValueError(f'no event is called "{shown(str(said))}"; {hint}')
    return said


class On(Model):
    """`on:` what a rule is asked at: an event, or a time event with how long.

    A time event is written as `{time.waiting_for_agent: 4h}`, or with `than`, `status` (only tickets in one of these) and
    `open_hours` (only the department's opening hours count) as `{time.status_older_than: {than: 3d, status: [answered]}}`.
    """

    event: Annotated[Event | TimeEvent, BeforeValidator(_known)]
    than: Duration | None = None
    status: tuple[Status, ...] = ()
    open_hours: bool = False

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        timed = self.event in get_args(TimeEvent)
        if timed and self.than is None:
            raise ValueError(f"says not how long; write it as {{{self.event}: 4h}}")
        if not timed and (self.than is not None or self.status or self.open_hours):
            raise ValueError(f"{self.event} happens at once; only the time events have a duration")
        return self


def _on(said: object) -> object:
    """Return what stands in the file as the model has it: an event's name alone, or a time event's name and its settings."""
    if isinstance(said, str):
        return {"event": said}
    if isinstance(said, Mapping) and len(said) == 1:
        [(name, how)] = said.items()
        return {"event": name, **how} if isinstance(how, Mapping) else {"event": name, "than": how}
    return said


class Rule(Model):
    """`rules:` when something happens and the conditions hold, do these actions.

    `when` is a list of groups: all conditions inside a group must hold, one group suffices; no groups means always.
    Conditions and actions stay as written here; the router knows their words and compiles them.
    """

    name: str
    notes: str = ""
    active: bool = True
    on: tuple[Annotated[On, BeforeValidator(_on)], ...] = (On(event="ticket.created"),)
    when: tuple[Mapping[str, Any], ...] = ()
    then: tuple[Mapping[str, Any], ...]
    stop: bool = False
