"""No open ticket stays with somebody who is not at work: who has lost it, why, and to whom it goes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from config.calendar import ALWAYS
from config.desk import Agent, Department, Desk
from router.event import Change, Decision
from router.staff import Staff
from router.state import WORKING
from tickets.calendar import opens_at

AWAY = "agent_away"
"""Why nobody has a ticket whose agent is not at work."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Why an agent has lost a ticket, as a word and in words, and who has it instead; nobody is the department's queue."""

    reason: str
    why: str
    to: str | None = None


def gone(staff: Staff, department: str, agent: str) -> Gone | None:
    """Tell whether an agent has lost the open tickets they have in a department, by its `when_away` and `away_after`.

    Who is no member any more loses them at once, whatever the department says. A desk's only agent keeps everything: there
    is nobody else. So does whoever has tickets of a department that the desk file does not know.
    """
    desk = staff.desk
    found, only = desk.departments_by_id.get(department), desk.agents[0].id if len(desk.agents) == 1 else None
    if found is None or agent == only:
        return None
    cause = _left(desk, found, agent) or _away(staff, found, agent)
    if cause is None:
        return None
    reason, why = cause
    if only or found.when_away != "substitute":
        return Gone(reason, why, only)
    instead = staff.substitute(agent, department)
    return Gone(reason, why if instead else f"{why}, and nobody who stands in for them is at work", instead)


def _left(desk: Desk, department: Department, agent: str) -> tuple[str, str] | None:
    """Return the word and the words for why an agent is no member of a department any more, or nothing."""
    known = desk.agents_by_id.get(agent)
    if known is None:
        return "removed", f"{agent} is not in the desk file any more"
    return (
        None if agent in desk.members(department.id) else ("left", f"{known.name} is not in {department.name} any more")
    )


def _away(staff: Staff, department: Department, agent: str) -> tuple[str, str] | None:
    """Return the word and the words for why an agent has been away for longer than a department allows, or nothing."""
    if department.when_away == "keep" or (why := staff.absent(agent)) is None:
        return None
    known = staff.desk.agents_by_id[agent]
    word = _word(staff, known, department.away_after or 0.0)
    return (word, f"{known.name} is {why}") if word else None


def _word(staff: Staff, agent: Agent, seconds: float) -> str | None:
    """Return the word for why an agent has not been at work for so long, each cause by itself, or nothing."""
    since = staff.since.get(agent.id)
    if since is not None and since <= staff.at - seconds:
        return "away"
    zone = ZoneInfo(agent.timezone)
    today, then = _day(staff.at, zone), _day(staff.at - seconds, zone)
    if any(one.from_ <= then and today <= one.to for one in agent.vacations):
        return "vacation"
    if agent.calendar is None or agent.calendar == ALWAYS:
        return None
    shift = staff.desk.calendars_by_id.get(agent.calendar)
    begins = opens_at(shift, staff.at - seconds) if shift else None
    return "off_shift" if begins is None or begins > staff.at else None


def _day(at: float, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).date()


def without(staff: Staff, decision: Decision) -> tuple[Change, Decision] | None:
    """Return what an absent agent's losing the ticket is in its history, and the decision then; nothing when it stays."""
    agent = decision.agent
    if agent is None or decision.status not in WORKING or (found := gone(staff, decision.department, agent)) is None:
        return None
    data = {"from": agent, "reason": found.reason, "why": found.why}
    if found.to is not None:
        return Change("ticket.assigned", "desk", {**data, "to": found.to}), decision._replace(agent=found.to)
    lost = decision._replace(agent=None, unassigned_reason=AWAY)
    return Change("ticket.unassigned", "desk", data), lost
