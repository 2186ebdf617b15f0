"""Actions by which nobody, or somebody else, has to do something."""

from config.desk import Desk
from config.problems import Place
from router.actions.registry import Given, Skipped, action, one_of, true_or_false
from router.event import Decision, TicketEvent


def _true(said: object, _desk: Desk, place: Place) -> bool:
    if said is not True:
        place.note("must be true; leave it out where it is not wanted")
    return True


@action(_true)
def quarantine(event: TicketEvent, decision: Decision, _value: bool, given: Given) -> Decision:
    """Put the message aside before it is in a ticket; a person decides about it. No rule is asked any more."""
    if event.message is None:
        raise Skipped("there is no message to put aside")
    if event.released:
        raise Skipped("a person sent it on")
    return decision._replace(quarantine=given.rule)


@action(_true)
def spam(_event: TicketEvent, decision: Decision, _value: bool, _given: Given) -> Decision:
    """Call the ticket spam; nobody is told."""
    if decision.status == "merged":
        raise Skipped("it is merged into another ticket")
    return decision._replace(status="spam", silent=True)


@action(_true)
def silent_resolve(_event: TicketEvent, decision: Decision, _value: bool, _given: Given) -> Decision:
    """Resolve the ticket without telling anybody, the customer included."""
    if decision.status == "merged":
        raise Skipped("it is merged into another ticket")
    return decision._replace(status="resolved", silent=True)


def _escalation(said: object, desk: Desk, place: Place) -> str:
    return one_of("escalation", said, desk.escalations_by_id, place)


@action(_escalation)
def escalate(_event: TicketEvent, decision: Decision, chain: str, _given: Given) -> Decision:
    """Begin an escalation; the clock takes it up."""
    return decision._replace(escalation=chain)


@action(true_or_false)
def stop(_event: TicketEvent, decision: Decision, _value: bool, _given: Given) -> Decision:
    """Ask no rule below this one; the compiled rule knows."""
    return decision
