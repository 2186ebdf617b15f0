"""What the stories about who is not at work share: a desk whose agents come and go, and its tick."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.desk import Desk
from ingest.channels.chat.payload import kept
from ingest.channels.chat.tokens import Visitor
from router.book import Book, Shelf
from router.clocks.tick import tick
from router.comings import heard
from router.drain import drained
from router.returns import Moved, returned
from router.route import Router
from tests.path.answering import Answering
from tests.responsibility.desks import MONDAY_NOON, support, team
from tickets.presence import set_away
from tickets.store import Store

MOST = 500
THREE: dict[str, dict[str, Any]] = {"sona": {}, "luca": {}, "mia": {}}
OFFICE = {"id": "office", "hours": {"mon-fri": ["08:00-12:30", "13:30-17:00"]}}


class Shift(Answering):
    """A front desk at noon of a Monday; who goes away is away at once, and the clock ticks when the story says so."""

    def __init__(self, store: Store, at: Desk, folder: Path) -> None:
        super().__init__(store, at, folder)
        self.now, self.count = MONDAY_NOON, 0

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
        list(tick(self.store, self.book, self.now, MOST))
        return [moved for moves in (heard, returned, drained) for moved in moves(self.store, self.book, self.now, MOST)]

    def says(self, agents: Mapping[str, Mapping[str, Any]] | None = None, /, **department: Any) -> None:
        """Let the desk file say something else from now on, of three agents and their department."""
        people = {**THREE, **(agents or {})}
        self.at = team(people, calendars=[OFFICE], departments=support(**department))

    def of(self, agent: str, *, department: str = "support", **said: Any) -> int:
        """Return a new ticket of an agent, who was given it by hand."""
        number = self.mails_in(to=f"{department}@acme.example", **said)
        self.set(number, agent=agent, unassigned_reason=None)
        return number

    def mails_in(self, **said: Any) -> int:
        """Return a new ticket that the desk gives to whom it will."""
        self.count += 1
        return self.send(f"m{self.count}@customer", **said)

    def chats(self, visitor: str = "vera") -> int:
        """Let a visitor of the site write in its chat, and return the ticket."""
        self.count += 1
        frame = {"type": "message", "id": f"c{self.count}", "text": "Hello?"}
        number = self.payload("site", kept(Visitor(f"v.{visitor}", "", ""), frame, ())).ticket
        assert number is not None
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
