"""Actions on what else happens to the ticket, or does not."""

from dataclasses import replace

from config.desk import Desk
from config.problems import Place
from router.actions.registry import Given, action, one_of, true_or_false
from router.event import Decision, TicketEvent


def _escalation(said: object, desk: Desk, place: Place) -> str:
    return one_of("escalation", said, desk.escalations_by_id, place)


@action(_escalation)
def escalate(_event: TicketEvent, decision: Decision, chain: str, _given: Given) -> Decision:
    """Begin an escalation; the clock takes it up."""
    return replace(decision, escalation=chain)


@action(true_or_false)
def stop(_event: TicketEvent, decision: Decision, _value: bool, _given: Given) -> Decision:
    """Ask no rule below this one; the compiled rule knows."""
    return decision
