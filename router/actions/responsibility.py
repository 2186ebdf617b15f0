"""Actions on who has the ticket."""

from dataclasses import replace

from config.check import NOBODY
from config.desk import Desk
from config.problems import Place
from router.actions.registry import Given, Skipped, action, one_of
from router.event import Decision, TicketEvent


def _department(said: object, desk: Desk, place: Place) -> str:
    return one_of("department", said, desk.departments_by_id, place)


def _agent(said: object, desk: Desk, place: Place) -> str:
    return one_of("agent", said, (*desk.agents_by_id, NOBODY), place)


@action(_department)
def transfer(_event: TicketEvent, decision: Decision, department: str, _given: Given) -> Decision:
    """Give the ticket to a department. Another department's agent is taken off; nobody is assigned."""
    if department == decision.department:
        return decision
    return replace(decision, department=department, agent=None, unassigned_reason="transferred")


@action(_agent)
def assign(_event: TicketEvent, decision: Decision, agent: str, given: Given) -> Decision:
    """Make an agent of the ticket's department responsible, or nobody."""
    if agent == NOBODY:
        return replace(decision, agent=None, unassigned_reason="rule_unassigned")
    if agent not in given.desk.members(decision.department):
        raise Skipped(f"{agent} is not in {decision.department}")
    return replace(decision, agent=agent, unassigned_reason=None)
