"""What a rule looks at, and what has been decided so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from config.rule import Priority
from tickets.message import InboundMessage
from tickets.trust import Trust

if TYPE_CHECKING:
    from router.staff import Pick
    from router.state import State

PRIORITIES: Final = get_args(Priority)

Values = tuple[str, ...]


class Lookups:
    """What is looked up only when a rule asks for it. This one knows of nothing, as for a message that is only tried.

    None is what is not known: a rule's condition that asks for it does not hold, and the trace says so.
    """

    def header(self, name: str) -> Values | None:
        """Return every value of a header of the mail, by its name in lower case; none of what is no mail."""
        del name
        return None

    def earlier_tickets(self) -> int | None:
        """Return how many other tickets the contact has."""
        return None

    def contact_name(self) -> str | None:
        """Return the contact's name."""
        return None

    def contact_tags(self) -> Values | None:
        """Return the contact's tags."""
        return None

    def queue(self, department: str) -> int | None:
        """Return how many other tickets of a department wait for an agent."""
        del department
        return None

    def newest_open(self, department: str) -> int | None:
        """Return the newest other ticket of the contact in a department that is not over."""
        del department
        return None

    def linked(self, other: int | None) -> int | None:
        """Return the newest ticket of the same contact that this one is linked with and that is not over.

        `other` is one it is just being linked with.
        """
        del other
        return None


NOTHING: Final = Lookups()


class TicketEvent(NamedTuple):
    """Something that happened to a ticket, and the ticket as it is when the rules are asked.

    `names` are the events of this pass (`ticket.created`, `message.received`, `sla.warning`), `at` is now (UTC seconds),
    `changed` what they changed of the ticket: the values before and after, by the condition's word. `message` is the
    customer's, when the event is one, with `recipients` of its envelope; else `text` is what was written (an answer, a
    note). `channel` is the channel's name. `only` are the rules that are asked, where a clock has struck for them alone.
    `linked_to` is the ticket it is just being linked with; `released` says that a person has sent the message on,
    `follows` how many turns in other tickets this one follows from; `actors` are who did it, as the history has them
    (agent:sona).
    """

    names: frozenset[str]
    ticket: "State"
    at: float
    channel: str
    channel_type: str
    message: InboundMessage | None = None
    text: str = ""
    recipients: Values = ()
    trust: Trust | None = None
    changed: Mapping[str, tuple[Values, Values]] = {}
    lookups: Lookups = NOTHING
    only: frozenset[str] | None = None
    linked_to: int | None = None
    released: bool = False
    follows: int = 0
    actors: Values = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """Something a rule has asked for that is more than another value of the ticket: its word, its value, the rule.

    `event` is what happens to the ticket by it, for the rules; the effect writes that into the history.
    """

    word: str
    value: Any
    rule: str
    event: str | None = None


class Decision(NamedTuple):
    """What the ticket shall be. `notify` has each target once, with the name of the first rule that asked for it.

    `picks` are what the strategies that were asked have chosen, the last one standing.
    `variables` are what named groups of the rules' patterns have found; `effects` are done, in their order, in the
    transaction that writes the decision. `escalation` is the chain that begins. In a `silent` turn only
    those hear of it whom a rule tells. `quarantine` is the rule that puts the message aside.
    """

    department: str
    agent: str | None = None
    unassigned_reason: str | None = None
    status: str = "new"
    priority: str = "normal"
    tags: Values = ()
    fields: Mapping[str, str] = {}
    skills: Mapping[str, float | None] = {}
    sla: str | None = None
    postponed_until: float | None = None
    notify: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, str] = {}
    effects: tuple[Effect, ...] = ()
    picks: tuple["Pick", ...] = ()
    escalation: str | None = None
    silent: bool = False
    quarantine: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the ticket's history: an event's name, who did it (`rule:<name>` or `desk`) and its data for JSON."""

    event: str
    actor: str
    data: dict[str, Any]


def before(ticket: "State") -> Decision:
    """Return the decision that changes nothing."""
    return Decision(
        ticket.department, ticket.agent, ticket.unassigned_reason, ticket.status, ticket.priority, ticket.tags,
        ticket.fields, ticket.skills, ticket.sla, ticket.postponed_until,
    )  # fmt: skip


NOUNS: Final = {
    "ticket.transferred": "department",
    "ticket.assigned": "agent",
    "ticket.unassigned": "agent",
    "ticket.status_changed": "status",
    "ticket.reopened": "status",
    "ticket.priority_changed": "priority",
}
"""What an event changes of a ticket, as the conditions call it."""


def changed(lines: Sequence[Change]) -> dict[str, tuple[Values, Values]]:
    """Return what lines of a history have changed: the values before and after, by the condition's word."""
    found: dict[str, tuple[Values, Values]] = {}
    for line in lines:
        if (noun := NOUNS.get(line.event)) is not None:
            was, now = (str(line.data.get(end) or "") for end in ("from", "to"))
            found[noun] = (found[noun][0] if noun in found else (was,), (now,))
        elif line.event == "ticket.tagged":
            old, new = found.get("tags", ((), ()))
            found["tags"] = (old + tuple(line.data.get("removed", ())), new + tuple(line.data.get("added", ())))
        elif line.event == "ticket.rated":
            found["rating"] = ((), (str(line.data.get("score") or ""),))
    return found


def actors(lines: Sequence[Change]) -> Values:
    """Return who did what lines of a history tell."""
    return tuple(dict.fromkeys(line.actor for line in lines))


def as_decided(event: TicketEvent, decision: Decision) -> TicketEvent:
    """Return the event with the ticket as decided so far."""
    old = event.ticket
    ticket = old._replace(department=decision.department, agent=decision.agent, status=decision.status, priority=decision.priority,
        tags=decision.tags, fields=decision.fields, skills=decision.skills, sla=decision.sla,
        postponed_until=decision.postponed_until, unassigned_reason=decision.unassigned_reason,
        agent_since=old.agent_since if decision.agent == old.agent else event.at,
        status_since=old.status_since if decision.status == old.status else event.at,
    )  # fmt: skip
    return event._replace(ticket=ticket)


def at_next(event: TicketEvent, decision: Decision, lines: Sequence[Change]) -> TicketEvent:
    """Return the event that the changes of a pass are to the rules: the ticket is as decided."""
    return as_decided(event, decision)._replace(
        names=frozenset(line.event for line in lines),
        changed=changed(lines),
        actors=actors(lines),
        only=None,
    )
