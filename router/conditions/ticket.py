"""Conditions about the ticket, each as the rules above have decided it."""

from typing import get_args

from config.check import NOBODY
from config.desk import Desk
from config.rule import Status
from router.conditions.condition import Of, View, condition
from router.conditions.kinds import CHOICE, NAME, NAMES, NUMBER, TEXT
from router.event import PRIORITIES, Values
from tickets.rating import Score

REASONS = (
    "no_members", "outside_hours", "all_offline", "all_at_capacity", "channel_disabled", "skill_missing", "transferred",
    "rule_unassigned", "several_agents",
)  # fmt: skip


@condition(NAME, lambda desk: tuple(desk.departments_by_id), fresh=True)
def department(view: View) -> str:
    """Department the ticket is in."""
    return view.event.ticket.department


@condition(NAME, lambda desk: (*desk.agents_by_id, NOBODY), fresh=True, nothing=NOBODY)
def agent(view: View) -> str:
    """Agent who is responsible, or nobody."""
    return view.event.ticket.agent or ""


@condition(CHOICE, lambda _desk: ("yes", "no"), fresh=True)
def agent_available(view: View) -> str:
    """Whether that agent is at work; no when nobody is responsible."""
    agent = view.event.ticket.agent
    return "yes" if agent is not None and view.staff.absent(agent) is None else "no"


@condition(NAME, lambda _desk: REASONS, fresh=True)
def unassigned_reason(view: View) -> str:
    """Why nobody is responsible; empty when somebody is."""
    return view.event.ticket.unassigned_reason or ""


@condition(NAME, lambda _desk: get_args(Status), fresh=True)
def status(view: View) -> str:
    """Status of the ticket."""
    return view.event.ticket.status


@condition(NAME, lambda _desk: PRIORITIES, fresh=True)
def priority(view: View) -> str:
    """Priority of the ticket."""
    return view.event.ticket.priority


@condition(NAMES, lambda desk: desk.tags, fresh=True)
def tags(view: View) -> Values:
    """Tags of the ticket."""
    return view.event.ticket.tags


def fields_of(desk: Desk) -> Values:
    """Return the names of the fields a ticket may have: the desk's own, and what its forms ask."""
    forms = (getattr(channel, "form", None) for channel in desk.channels)
    asked = (question.id for form in forms for question in getattr(form, "fields", ()))
    return tuple(dict.fromkeys((*desk.fields, *asked)))


@condition(TEXT, of=Of("field", fields_of, needed=True), fresh=True)
def fields(view: View) -> Values:
    """Value of a field of the ticket, from a form, a program or a rule."""
    value = view.event.ticket.fields.get(view.of)
    return () if value is None else (value,)


@condition(CHOICE, lambda _desk: get_args(Score))
def rating(view: View) -> str:
    """Score the customer has just given: positive or negative; empty when something else has happened."""
    return next(iter(view.event.changed.get("rating", ((), ()))[1]), "")


@condition(NUMBER)
def messages(view: View) -> float:
    """How many messages and answers stand in the ticket, this one included."""
    return view.event.ticket.messages


@condition(NUMBER, of=Of("department", lambda desk: tuple(desk.departments_by_id)), fresh=True, asks=True)
def queue(view: View) -> float | None:
    """How many other tickets of the department, or of another one, wait for an agent."""
    return view.event.lookups.queue(view.of or view.event.ticket.department)
