"""What a rule looks at, and what has been decided so far."""

from dataclasses import dataclass
from typing import Any, Final

from tickets.message import InboundMessage
from tickets.trust import Trust

PRIORITIES: Final = ("low", "normal", "high", "urgent")


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """One message and the ticket it belongs to, as they are when the rules are asked.

    `names` are the events of this pass (`ticket.created`, `ticket.reopened`, `message.received`); `channel` is the
    channel's name; `recipients` come from the envelope. Department, agent and the rest are the ticket's own.
    """

    names: frozenset[str]
    message: InboundMessage
    channel: str
    channel_type: str
    recipients: tuple[str, ...]
    department: str
    agent: str | None = None
    status: str = "new"
    priority: str = "normal"
    tags: tuple[str, ...] = ()
    unassigned_reason: str | None = None
    trust: Trust | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the ticket shall be. `notify` has each target once, with the name of the first rule that asked for it."""

    department: str
    agent: str | None
    unassigned_reason: str | None
    priority: str
    tags: tuple[str, ...]
    notify: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the ticket's history: an event's name, who did it (`rule:<name>` or `desk`) and its data for JSON."""

    event: str
    actor: str
    data: dict[str, Any]


def before(event: TicketEvent) -> Decision:
    """Return the decision that changes nothing."""
    return Decision(event.department, event.agent, event.unassigned_reason, event.priority, event.tags)
