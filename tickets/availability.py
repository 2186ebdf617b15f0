"""Who is there: which departments are open for a way in at a moment, and which of their agents are at work."""

from dataclasses import dataclass
from typing import Literal

from config.calendar import ALWAYS
from config.desk import Agent, Desk, MailConfig, Way
from tickets.calendar import is_open


def way_in(desk: Desk, channel: str) -> Literal["mail"] | Way:
    """Return the way in that a channel is, by its name: what agents say they take, and departments when.

    What programs and forms post is mail: nobody waits at the other end. So is what came through a channel that is gone.
    """
    config = desk.channels_by_name.get(channel)
    if config is None or config.type == "webhook" or isinstance(config, MailConfig):
        return "mail"
    return "chat" if config.type == "chat" else "phone" if config.type == "phone" else "messaging"


def within_hours(desk: Desk, calendar: str | None, at: float) -> bool:
    """Tell whether a calendar, by its id, is open at a moment (UTC seconds); none is always open."""
    known = desk.calendars_by_id.get(calendar or ALWAYS)
    return calendar in (None, ALWAYS) if known is None else is_open(known, at)


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
        return self.hours(department, way) and (way == "messaging" or bool(self.agents(department)))

    def hours(self, department: str, way: Way) -> bool:
        """Tell whether a department's calendar for a way in is open now, whoever is there."""
        found = self.desk.departments_by_id.get(department)
        return found is not None and within_hours(self.desk, found.availability.get(way) or found.calendar, self.at)
