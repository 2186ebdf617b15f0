"""Who is at work and what they have: what responsibility goes by when a rule or a strategy chooses an agent."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from config.desk import Desk
from router.state import State


@dataclass(frozen=True, slots=True)
class Pick:
    """Whom a strategy chose, or why nobody (a word of DESIGN 5), and why each of the others was passed over."""

    agent: str | None
    reason: str | None
    strategy: str
    passed_over: tuple[tuple[str, str], ...] = ()


class Staff:
    """The agents of a desk at a moment (UTC seconds); `away` are the ids of those who said so."""

    def __init__(self, desk: Desk, at: float, away: Collection[str] = ()) -> None:
        self.desk = desk
        self.at = at
        self._away = frozenset(away)

    def absent(self, agent: str) -> str | None:
        """Return why an agent is not at work, in words, or nothing when they are."""
        return "away" if agent in self._away else None

    def pick(self, ticket: State, strategy: str | None = None) -> Pick:
        """Choose an agent of the ticket's department, by its own strategy or this one."""
        raise NotImplementedError(f"no strategy {strategy} for {ticket.department} yet")


def staff_of(connection: Connection, desk: Desk, at: float, away: Collection[str]) -> Staff:
    """Return the staff of a desk at a moment, with what they have in the database, in an open transaction."""
    del connection
    return Staff(desk, at, away)
