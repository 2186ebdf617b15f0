"""What customers are promised: SLA levels, escalation chains, and the groups of contacts they are promised to."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from config.model import Duration, Model, Name, at_least_one, sender
from config.rule import Priority


class Targets(Model):
    """How long something may take, in seconds of the calendar's open hours; what is not said is not promised.

    `first_response` is to a person's first answer, `next_response` from the oldest unanswered message of the customer to
    the answer, `resolution` to the ticket's being resolved, without the time it waits for the customer.
    """

    first_response: Duration | None = None
    next_response: Duration | None = None
    resolution: Duration | None = None


TARGETS: Final = tuple(Targets.model_fields)
"""What can be promised, as an event of the clock names it."""


class Sla(Targets):
    """`slas:` a level of promises. `priorities` are other targets for tickets of a priority; what they leave out stays.

    `calendar` is whose hours count, else the department's. `warn_before` is how much open time before a target is due
    `sla.warning` comes. `when_changed` says what a new priority, department or level does to what runs: it is due as if it
    had been so `from_start`, counted `from_now`, or `keep` leaves it.
    """

    id: Name
    calendar: Name | None = None
    priorities: Mapping[Priority, Targets] = {}
    warn_before: Duration | None = None
    when_changed: Literal["from_start", "from_now", "keep"] = "from_start"

    def targets(self, priority: str) -> dict[str, float]:
        """Return what a ticket of a priority is promised: the seconds of each target it has."""
        other = self.priorities.get(priority, self)  # type: ignore[call-overload]  # what is none has no other targets
        said = {name: getattr(other, name) or getattr(self, name) for name in TARGETS}
        return {name: seconds for name, seconds in said.items() if seconds is not None}


class ContactGroup(Model):
    """`contact_groups:` contacts by their addresses, or `@domain` for everybody there.

    Tickets of theirs have the level `sla` instead of the department's; the first group a contact is in counts.
    """

    id: Name
    members: Annotated[tuple[Annotated[str, AfterValidator(sender)], ...], AfterValidator(at_least_one)]
    vip: bool = False
    sla: Name | None = None


ESCALATES_TO: Final = "escalates_to"
"""What a step writes for the department that the ticket's own escalates to."""


class Step(Model):
    """One step of an escalation: who is told and where the ticket goes; the next step comes after `wait`.

    `transfer` is a department, or `escalates_to` for the one that the ticket's own escalates to.
    """

    notify: tuple[str, ...] = ()
    transfer: Name | None = None
    wait: Duration | None = None


class Escalation(Model):
    """`escalations:` steps that follow one another until somebody acknowledges; that stops them for `acknowledged_for`.

    After it they go on where they stood when the ticket still waits; without it an acknowledgement is for good.
    """

    id: Name
    steps: Annotated[tuple[Step, ...], AfterValidator(at_least_one)]
    acknowledged_for: Duration | None = None
