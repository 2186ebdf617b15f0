"""What the stories about who is not at work share: a desk whose agents come and go, and its tick."""

from pathlib import Path
from typing import Any

from config.desk import Desk
from router.book import Book, Shelf
from router.returns import Moved, returned
from router.route import Router
from tests.path.answering import Answering
from tests.responsibility.desks import MONDAY_NOON
from tickets.presence import set_away
from tickets.store import Store

MOST = 500


class Shift(Answering):
    """A front desk at noon of a Monday; who goes away is away at once, and the clock ticks when the story says so."""

    def __init__(self, store: Store, at: Desk, folder: Path) -> None:
        super().__init__(store, at, folder)
        self.now = MONDAY_NOON

    def away(self, agent: str) -> None:
        """Let an agent say that they are away."""
        self._say(agent, away=True)

    def back(self, agent: str) -> None:
        """Let an agent say that they are back."""
        self._say(agent, away=False)

    def _say(self, agent: str, *, away: bool) -> None:
        set_away(self.store, agent, away=away, now=self.now)
        self.router = Router(
            self.store, lambda: self.at, lambda: self.now
        )  # the old one may not know yet, for a second

    @property
    def book(self) -> Book:
        """The desk of the moment, compiled."""
        return Shelf(lambda: self.at).book()

    def tick(self, seconds: float = 1.0) -> list[Moved]:
        """Let time go by, and the clock tick once."""
        self.now += seconds
        return list(returned(self.store, self.book, self.now, MOST))

    def of(self, agent: str, *, department: str = "support", **said: Any) -> int:
        """Return a new ticket of an agent, who was given it by hand."""
        self._mails = getattr(self, "_mails", 0) + 1
        number = self.send(f"m{self._mails}@customer", to=f"{department}@acme.example", **said)
        self.set(number, agent=agent, unassigned_reason=None)
        return number

    def whose(self, number: int) -> str | None:
        """Return who has a ticket."""
        found: str | None = self.ticket(number)["agent"]
        return found

    def past(self, number: int) -> list[tuple[str, str, dict[str, Any]]]:
        """Return event, actor and data of the lines of a ticket's history about who has it."""
        about = ("ticket.assigned", "ticket.unassigned")
        lines = self.ticket(number)["history"]
        return [(one["event"], one["actor"], one["data"]) for one in lines if one["event"] in about]
