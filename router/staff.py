"""Who is at work and what they have: what responsibility goes by when a rule or a strategy chooses an agent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from config.desk import Agent, Desk, Vacation
from router.event import Decision
from router.state import State
from router.strategies import STRATEGIES, Choice, has
from router.workload import Kept, Workload, weight
from tickets.availability import Availability, way_in, within_hours

NEAREST: Final = ("channel_disabled", "skill_missing", "outside_hours", "all_offline", "passed_on", "all_at_capacity")
"""Why nobody was chosen, by how little was missing: the reason is that of the agent who came nearest to having the ticket."""
STICKY: Final = "sticky"
"""The strategy that gives a ticket to the agent of the contact's last one, and else to nobody."""


@dataclass(frozen=True, slots=True)
class Pick:
    """Whom a strategy chose, or why nobody (a word of DESIGN 5), and why each of the others was passed over.

    `rung` are the agents who are asked where nobody is chosen: the first of them to answer takes the ticket.
    """

    agent: str | None
    reason: str | None
    strategy: str
    passed_over: tuple[tuple[str, str], ...] = ()
    rung: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as the trace has it."""
        rung = {"rung": list(self.rung)} if self.rung else {}
        said = {"strategy": self.strategy, "agent": self.agent, "reason": self.reason}
        return {**said, "passed_over": [list(one) for one in self.passed_over], **rung}


def picked(decision: Decision, pick: Pick) -> Decision:
    """Return the decision with what a strategy chose."""
    return decision._replace(agent=pick.agent, unassigned_reason=pick.reason, picks=(*decision.picks, pick))


class Staff:
    """The agents of a desk at a moment (UTC seconds).

    `away` are the ids of those who said so, and since when if that is known; `work` is what they have.
    """

    def __init__(self, desk: Desk, at: float, away: Collection[str] = (), work: Workload | None = None) -> None:
        self.desk = desk
        self.at = at
        self.since: Mapping[str, float] = away if isinstance(away, Mapping) else dict.fromkeys(away, 0.0)
        self._work = work or Workload()

    def absent(self, agent: str) -> str | None:
        """Return why an agent is not at work, in words, or nothing when they are."""
        found = self._absence(agent)
        return found and found[1]

    def substitute(self, agent: str, department: str | None = None) -> str | None:
        """Return who has an agent's tickets while they are not at work, or nobody.

        That is the vacation's substitute, else the agent's, and where that one is not at work either, theirs. With a
        department it is the first who is a member of it.
        """
        asked = {agent}
        while (found := self._stands_in(agent)) is not None and found not in asked:
            asked.add(agent := found)
            if self.absent(found) is None and (department is None or found in self.desk.members(department)):
                return found
        return None

    def pick(self, ticket: State, strategy: str | None = None) -> Pick:
        """Choose an agent of the ticket's department, by its own strategy or this one.

        Only who is at work, takes this way in, has the skills and has room for it is chosen; nobody gets a ticket back that
        they have passed on. A department's hours count for chat, phone and messaging: a mail is given to whoever is there.
        """
        department = self.desk.departments_by_id.get(ticket.department)
        word = strategy or (department.assignment if department else "none")
        sticky = strategy == STICKY or (strategy is None and department is not None and department.sticky)
        members = [agent for agent in self.desk.agents if agent.id in self.desk.members(ticket.department)]
        if not members:
            return Pick(None, "no_members", word)
        way = way_in(self.desk, ticket.channel)
        if way != "mail" and not Availability(self.desk, frozenset(), self.at).hours(ticket.department, way):
            return Pick(None, "outside_hours", word)
        kept_out = {one.id: why for one in members if (why := self._kept_out(one, ticket)) is not None}
        free = [one for one in members if one.id not in kept_out]
        load = self._load(free, ticket, word)
        kept_out |= {
            one.id: ("all_at_capacity", f"has {has(one, load)}") for one in free if self._full(one, ticket, load)
        }
        free = [one for one in free if one.id not in kept_out]
        out = tuple((agent, words) for agent, (_, words) in kept_out.items())
        if not free:
            return Pick(None, max((reason for reason, _ in kept_out.values()), key=NEAREST.index), word, out)
        if sticky and (last := self._work.last_agent(ticket.contact_id, ticket.number)) in {one.id for one in free}:
            rest = ((one.id, "did not have the contact's last ticket") for one in free if one.id != last)
            return Pick(last, None, STICKY, (*out, *rest))
        if word not in STRATEGIES:
            rung = tuple(one.id for one in free) if word == "ring_all" else ()
            return Pick(None, "several_agents", word, out, rung)
        ordered = STRATEGIES[word](free, Choice(ticket, self.at, self._work, load))
        rest = ((one.id, words) for one, words in ordered[1:])
        return Pick(ordered[0][0].id, None, word, (*out, *rest))

    def last_agent(self, ticket: State) -> str | None:
        """Return who has the newest other ticket of the contact that anybody has."""
        return self._work.last_agent(ticket.contact_id, ticket.number)

    def may_take(self, agent: Agent, ticket: State) -> str | None:
        """Return why a ticket is none for an agent, in words, or nothing: they take its way in and have its skills."""
        found = self._unfit(agent, ticket)
        return found and found[1]

    def _kept_out(self, agent: Agent, ticket: State) -> tuple[str, str] | None:
        """Return the word and the words for why an agent cannot be chosen, whatever they have; nothing when they can."""
        found = self._unfit(agent, ticket) or self._absence(agent.id)
        if found is None and agent.id in ticket.clocks.get("react", {}).get("passed", ()):
            return "passed_on", "has passed it on"
        return found

    def _unfit(self, agent: Agent, ticket: State) -> tuple[str, str] | None:
        way = way_in(self.desk, ticket.channel)
        if way not in agent.ways:
            return "channel_disabled", f"takes no {way}"
        department = self.desk.departments_by_id.get(ticket.department)
        needed = [skill for skill, until in ticket.skills.items() if until is None or until > self.at]
        missing = [one for one in (*(department.skills if department else ()), *needed) if one not in agent.skills]
        return ("skill_missing", f"lacks the skill {', '.join(dict.fromkeys(missing))}") if missing else None

    def _load(self, agents: Sequence[Agent], ticket: State, strategy: str) -> Mapping[str, float]:
        """Return what agents have, where it matters."""
        if strategy != "least_loaded" and all(agent.capacity is None for agent in agents):
            return {}
        return self._work.load([agent.id for agent in agents], ticket.number)

    def _full(self, agent: Agent, ticket: State, load: Mapping[str, float]) -> bool:
        if agent.capacity is None:
            return False
        after = load.get(agent.id, 0.0) + weight(self.desk, ticket.channel, ticket.priority)
        return after > agent.capacity + 1e-9  # weights are fractions, and their sum is not exact

    def _absence(self, agent: str) -> tuple[str, str] | None:
        """Return the word of DESIGN 5 for why an agent is not at work, and the reason in words."""
        known = self.desk.agents_by_id.get(agent)
        if known is None:
            return "all_offline", "not in the desk file any more"
        if agent in self.since:
            return "all_offline", "away"
        if (vacation := self._vacation(known)) is not None:
            return "all_offline", f"on vacation until {vacation.to}"
        return None if within_hours(self.desk, known.calendar, self.at) else ("outside_hours", "off shift")

    def _vacation(self, agent: Agent) -> Vacation | None:
        if not agent.vacations:
            return None
        today = datetime.fromtimestamp(self.at, UTC).astimezone(ZoneInfo(agent.timezone)).date()
        return next((one for one in agent.vacations if one.from_ <= today <= one.to), None)

    def _stands_in(self, agent: str) -> str | None:
        known = self.desk.agents_by_id.get(agent)
        vacation = self._vacation(known) if known else None
        return (vacation and vacation.substitute) or (known and known.substitute) or None


def staff_of(connection: Connection, desk: Desk, at: float, away: Collection[str]) -> Staff:
    """Return the staff of a desk at a moment, with what they have in the database, in an open transaction."""
    return Staff(desk, at, away, Kept(connection, desk))
