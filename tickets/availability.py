"""Who is there: which departments are open for a way in at a moment, and which of their agents are at work."""

from dataclasses import dataclass

from config.calendar import ALWAYS
from config.desk import Agent, Desk, Way
from tickets.calendar import is_open


@dataclass(frozen=True, slots=True)
class Availability:
    """The desk at a moment: `away` are the ids of the agents who are not at work, `at` is in UTC seconds."""

    desk: Desk
    away: frozenset[str]
    at: float

    def agents(self, department: str) -> tuple[Agent, ...]:
        """Return the members of a department who are at work, in the desk file's order."""
        there = self.desk.members(department) - self.away
        return tuple(agent for agent in self.desk.agents if agent.id in there)

    def open(self, department: str, way: Way) -> bool:
        """Tell whether a department takes a way in now: its calendar is open, and for chat and phone somebody is there."""
        found = self.desk.departments_by_id.get(department)
        if found is None:
            return False
        calendar = found.availability.get(way) or found.calendar or ALWAYS
        known = self.desk.calendars_by_id.get(calendar)
        within = calendar == ALWAYS if known is None else is_open(known, self.at)
        return within and (way == "messaging" or bool(self.agents(department)))
