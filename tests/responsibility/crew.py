"""What the stories about a crew share: mails that come, agents who act, and what everybody has."""

from collections import Counter
from collections.abc import Collection

from sqlalchemy import select

from config.desk import Desk
from router.act import Acts
from router.route import Router
from tests.path.stories import Front
from tests.responsibility.desks import MONDAY_NOON
from tickets import presence
from tickets.schema import tickets, turns, working
from tickets.store import Store


class Crew(Front):
    """A front desk on a Monday at noon, whose time stands still until somebody moves it."""

    def __init__(self, store: Store, at: Desk) -> None:
        super().__init__(store, at)
        self.now = MONDAY_NOON
        self.router = Router(store, lambda: self.at, lambda: self.now)
        self.acts = Acts(store, lambda: self.at, lambda: self.now)

    def comes(self, count: int = 1, **said: str) -> list[int]:
        """Let mails of different customers come, one after the other, and return their tickets."""
        seen = len(self.all())
        return [self.send(f"m{n}@example.com", sender=f"c{n}@example.com", **said) for n in range(seen, seen + count)]

    def all(self) -> dict[int, str | None]:
        """Return who has each ticket."""
        with self.store.read() as connection:
            rows = connection.execute(select(tickets.c.id, tickets.c.agent).order_by(tickets.c.id)).all()
        return {row.id: row.agent for row in rows}

    def have(self, numbers: Collection[int] | None = None) -> list[str | None]:
        """Return who has the tickets, in their order."""
        found = self.all()
        return [found[number] for number in (found if numbers is None else sorted(numbers))]

    def held(self) -> Counter[str]:
        """Return how many new and open tickets each agent has, all at one moment."""
        with self.store.read() as connection:
            return Counter(
                connection.scalars(select(tickets.c.agent).where(working, tickets.c.agent.is_not(None))).all()
            )

    def reason(self, number: int) -> str | None:
        """Return why nobody has a ticket."""
        with self.store.read() as connection:
            found: str | None = connection.scalar(select(tickets.c.unassigned_reason).where(tickets.c.id == number))
        return found

    def turns(self) -> list[tuple[str, str]]:
        """Return the department and agent of each turn, oldest first."""
        with self.store.read() as connection:
            rows = connection.execute(select(turns.c.department, turns.c.agent).order_by(turns.c.at)).all()
        return [(row.department, row.agent) for row in rows]

    def goes(self, agent: str, *, away: bool = True) -> None:
        """Let an agent go, or come back."""
        presence.set_away(self.store, agent, away, self.now)
        self.router = Router(self.store, lambda: self.at, lambda: self.now)  # which asks who is there once a second
