"""Who is at work and what they have: what responsibility goes by when a rule or a strategy chooses an agent."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from config.desk import Agent, Desk, Vacation
from router.state import State
from tickets.availability import within_hours


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


class Staff:
    """The agents of a desk at a moment (UTC seconds); `away` are the ids of those who said so."""

    def __init__(self, desk: Desk, at: float, away: Collection[str] = ()) -> None:
        self.desk = desk
        self.at = at
        self._away = frozenset(away)

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
        """Choose an agent of the ticket's department, by its own strategy or this one."""
        raise NotImplementedError(f"no strategy {strategy} for {ticket.department} yet")

    def _absence(self, agent: str) -> tuple[str, str] | None:
        """Return the word of DESIGN 5 for why an agent is not at work, and the reason in words."""
        known = self.desk.agents_by_id.get(agent)
        if known is None:
            return "all_offline", "not in the desk file any more"
        if agent in self._away:
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
    del connection
    return Staff(desk, at, away)
