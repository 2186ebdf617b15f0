"""Who is to be told: one intent per (event, recipient, notifier), each with its reason, also when it is not sent.

The defaults are LiveAgent's three: assigned to me, a customer replied to mine, a new ticket in my department (a transfer
into my department is new to me as well). Nobody is told of what they did themselves, and only members of a department
hear of its tickets; a Slack channel or an address is named by the manager in a rule.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from config.desk import Agent, Desk

MOST_AN_HOUR = 30
"""Notices about automatic messages that one address gets in an hour: a responder that answers us must come to an end."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that stands in the ticket's history: its row, its name, and the agent who caused it, if one did."""

    id: int
    name: str
    by_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One notice owed, or one that is not owed and why. `payload` is what a webhook is sent.

    `word` and `whose` are what an agent is told of, see config/notices.py. A row of the way `in_app` is told as it is written.
    """

    event_id: int
    event: str
    recipient: str
    notifier: str
    address: str
    reason: str
    suppressed: bool = False
    payload: str | None = None
    word: str | None = None
    whose: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """An automatic message: whether it joined a ticket, and how many notices an address was sent in the last hour.

    `about` are the addresses it comes from or is about: its sender, and those a mail system could not deliver to.
    """

    about: frozenset[str]
    joined: bool
    lately: Callable[[str], int]


def intents(  # noqa: PLR0913  # what a pass has come to, and who wrote
    desk: Desk,
    department: str,
    agent: str | None,
    happened: Sequence[Happened],
    asked: Iterable[tuple[str, str]],
    machine: Machine | None = None,
    *,
    silent: bool = False,
) -> list[Intent]:
    """Return every intent of one pass.

    `department` and `agent` are who is responsible after it; `asked` are the (target, reason) pairs of the rules' `notify` and
    the like, with the targets `agent:ID`, `department:ID`, `slack:#channel` and `email:address`; `machine` is who wrote it when that
    is a program, which must never be answered by one (RFC 3834, 2). In a `silent` pass only those asked for are told.
    """
    found: dict[tuple[int, str, str], Intent] = {}
    origin = next((one for one in happened if one.name in ("ticket.created", "message.received")), happened[0])
    usual = () if silent else _by_default(desk, department, agent, happened)
    for intent in (*usual, *_asked(desk, department, origin, asked)):
        found.setdefault((intent.event_id, intent.recipient, intent.notifier), intent)
    return [_quiet(intent, machine) for intent in found.values()] if machine else list(found.values())


def _quiet(intent: Intent, machine: Machine) -> Intent:
    """Return the notice about an automatic message, suppressed where it would go round in a circle or tell nothing."""
    why_not = None if intent.suppressed else _why_not(intent, machine)
    return replace(intent, suppressed=True, reason=f"not told: {why_not}") if why_not else intent


def _why_not(intent: Intent, machine: Machine) -> str | None:
    if machine.joined and intent.event == "message.received":
        return "an automatic message changes nothing in its ticket"
    if intent.notifier != "email":
        return None
    if intent.address.lower() in machine.about:
        return "it is an automatic message about the same address"
    if any(machine.lately(one) for one in machine.about):
        return "an automatic message from where a notice went within the hour, so it answers that"
    if machine.lately(intent.address) >= MOST_AN_HOUR:
        return f"{MOST_AN_HOUR} notices went there within an hour, and this is about an automatic message"
    return None


ALARMS: Final = {
    "delivery.failed": "a message about {} could not be delivered",
    "sla.warning": "{} has to be seen to: a promise to its customer is nearly due",
    "sla.breached": "{} is late: a promise to its customer is broken",
}
"""What the responsible agent is told, or the whole department where nobody is."""


def _by_default(desk: Desk, department: str, agent: str | None, happened: Sequence[Happened]) -> Iterator[Intent]:
    events = {event.name: event for event in happened}
    name = desk.departments_by_id[department].name
    assigned = events.get("ticket.assigned")
    mine = desk.agents_by_id.get(agent) if agent else None
    if mine and assigned:
        yield from _to_agent(desk, department, assigned, mine, "the ticket is assigned to you")
    elif mine and "ticket.created" not in events and (said := _said(events)):
        who = "a colleague wrote" if said.by_agent else _WROTE.get(said.name, "the customer replied")
        yield from _to_agent(desk, department, said, mine, f"{who}, and the ticket is yours")
    whose = "your ticket" if mine else f"a ticket of {name}"
    for word, reason in ALARMS.items():
        if alarm := events.get(word):
            for one in [mine] if mine else _members(desk, department):
                yield from _to_agent(desk, department, alarm, one, reason.format(whose))
    if (free := _to_take(events, mine)) is not None:
        reason = (
            "a new ticket in your department {}" if free.name in NEW else "a ticket of your department {} is nobody's"
        )
        for other in _members(desk, department):
            if other is not mine:
                yield from _to_agent(desk, department, free, other, reason.format(name))


NEW: Final = ("ticket.created", "ticket.transferred")


def _to_take(events: Mapping[str, Happened], mine: Agent | None) -> Happened | None:
    """Return what the whole department hears of: a new ticket, or one that has nobody any more."""
    new = next((events[name] for name in NEW if name in events), None)
    return new or (events.get("ticket.unassigned") if mine is None else None)


_WROTE: Final = {"ticket.merged": "another ticket of the customer was merged into it"}


def _said(events: Mapping[str, Happened]) -> Happened | None:
    return events.get("message.received") or events.get("ticket.answered") or events.get("ticket.merged")


def _members(desk: Desk, department: str) -> list[Agent]:
    return [agent for agent in desk.agents if agent.id in desk.members(department)]


def _asked(desk: Desk, department: str, origin: Happened, asked: Iterable[tuple[str, str]]) -> Iterator[Intent]:
    for target, reason in asked:
        kind, _, who = target.partition(":")
        if kind == "agent":
            yield from _to_agent(desk, department, origin, desk.agents_by_id[who], reason)
        elif kind == "department":
            for agent in _members(desk, who):
                yield from _to_agent(desk, department, origin, agent, reason)
        elif kind == "slack" and "slack" not in desk.notifiers:
            why_not = f"not sent: {reason}, but the desk file has no notifiers.slack"
            yield Intent(origin.id, origin.name, who, kind, who, why_not, suppressed=True)
        else:
            yield Intent(origin.id, origin.name, who, kind, who, reason)


def _to_agent(desk: Desk, department: str, event: Happened, agent: Agent, reason: str) -> Iterator[Intent]:
    why_not = None
    if event.by_agent == agent.id:
        why_not = "not told: it is your own act"
    elif agent.id not in desk.members(department) and len(desk.agents) > 1:  # a desk's only agent has every ticket
        why_not = f"not told: not a member of {desk.departments_by_id[department].name}"
    ways = {"email": agent.email}
    if "slack" in desk.notifiers and agent.slack:
        ways["slack"] = agent.slack
    for notifier, address in ways.items():
        yield Intent(
            event.id, event.name, agent.id, notifier, address, why_not or reason, suppressed=why_not is not None
        )
