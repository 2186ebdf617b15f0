"""Actions on who has the ticket."""

from collections.abc import Mapping
from dataclasses import dataclass

from config.check import ESCALATES_TO, LAST_AGENT, NOBODY
from config.desk import Desk
from config.problems import Place
from router.actions.registry import Given, Skipped, action, one_of
from router.event import Decision, TicketEvent, at_next
from router.staff import picked
from router.strategies import STRATEGIES


@dataclass(frozen=True, slots=True)
class Strategy:
    """How an agent is chosen."""

    word: str


def _department(said: object, desk: Desk, place: Place) -> str:
    return one_of("department", said, (*desk.departments_by_id, ESCALATES_TO), place)


def _agent(said: object, desk: Desk, place: Place) -> str | Strategy:
    if isinstance(said, Mapping) and list(said) == ["strategy"]:
        return Strategy(one_of("strategy", said["strategy"], STRATEGIES, place.at("strategy")))
    if isinstance(said, Mapping):
        place.note("must be an agent, or how one is chosen: {strategy: least_loaded}")
        return NOBODY
    return one_of("agent", said, (*desk.agents_by_id, NOBODY, LAST_AGENT), place)


@action(_department)
def transfer(_event: TicketEvent, decision: Decision, department: str, given: Given) -> Decision:
    """Give the ticket to a department. Another department's agent is taken off; nobody is assigned."""
    if department == ESCALATES_TO:
        above = given.desk.departments_by_id[decision.department].escalates_to
        if above is None:
            raise Skipped(f"{decision.department} escalates to no department")
        department = above
    if department == decision.department:
        return decision
    return decision._replace(department=department, agent=None, unassigned_reason="transferred")


@action(_agent)
def assign(event: TicketEvent, decision: Decision, to: str | Strategy, given: Given) -> Decision:
    """Make an agent of the ticket's department responsible who is at work, or nobody."""
    if isinstance(to, Strategy):
        return _chosen(event, decision, to.word, given)
    if to == NOBODY:
        return decision._replace(agent=None, unassigned_reason="rule_unassigned")
    agent: str | None = to
    if to == LAST_AGENT and (agent := given.staff.last_agent(event.ticket)) is None:
        raise Skipped("the contact has had no agent yet")
    if agent not in given.desk.members(decision.department):
        raise Skipped(f"{agent} is not in {decision.department}")
    return decision._replace(agent=_at_work(str(agent), decision, given), unassigned_reason=None)


def _chosen(event: TicketEvent, decision: Decision, strategy: str, given: Given) -> Decision:
    if decision.agent is not None:
        raise Skipped(f"{decision.agent} has it already")
    return picked(decision, given.staff.pick(at_next(event, decision, ()).ticket, strategy))


def _at_work(agent: str, decision: Decision, given: Given) -> str:
    """Return the agent, or the substitute where the department says so; raises `Skipped` with why they are not at work."""
    absent, when = given.staff.absent(agent), given.desk.departments_by_id[decision.department].when_away
    if absent is None or when == "keep" or agent == decision.agent:
        return agent
    stands_in = given.staff.substitute(agent, decision.department) if when == "substitute" else None
    if stands_in is None:
        raise Skipped(f"{agent} is not at work: {absent}")
    return stands_in
