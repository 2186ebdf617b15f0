"""What the stories of the clocks share: a desk whose time stands still until it is told to go on."""

from typing import Any

from sqlalchemy import select

from config.desk import Desk
from router.book import Shelf
from router.clocks.rewind import rewind
from router.clocks.tick import Ticked, tick
from router.route import Router
from router.state import State, state_of
from tests.path.stories import Front
from tickets import look
from tickets.schema import outbox, tickets
from tickets.store import Store

BEGIN = 1_800_000_000.0
"""A Friday, 2027-01-15, 08:00 UTC."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


class Desktop(Front):
    """A desk with its store and its time, `now` (UTC seconds); another desk file is put in by setting `at`."""

    def __init__(self, store: Store, at: Desk) -> None:
        super().__init__(store, at)
        self.now = BEGIN
        self.router = Router(store, lambda: self.at, clock=lambda: self.now)
        self.shelf = Shelf(lambda: self.at)

    def later(self, seconds: float) -> list[Ticked]:
        """Let time go by, and then tick."""
        self.now += seconds
        return self.tick()

    def tick(self, store: Store | None = None) -> list[Ticked]:
        """Tick once, as one process does."""
        return list(tick(store or self.store, self.shelf.book(), self.now, 500))

    def rewind(self) -> int:
        """Wind every ticket that another desk has wound, and return how many there were."""
        wound = 0
        while some := rewind(self.store, self.shelf.book(), self.now):
            wound += some
        return wound

    def state(self, number: int) -> State:
        """Return a ticket as it is."""
        with self.store.read() as connection:
            return state_of(connection.execute(select(tickets).where(tickets.c.id == number)).one())

    def history(self, number: int) -> list[tuple[str, str, dict[str, Any]]]:
        """Return a ticket's history: event, actor, data."""
        found = look.ticket(self.store, number)
        assert found is not None
        return [(one["event"], one["actor"], one["data"]) for one in found["history"]]

    def told(self, number: int) -> list[tuple[str, str, str]]:
        """Return who is told of a ticket, of which event and why, without those who are not told after all."""
        rows = select(outbox).where(outbox.c.ticket_id == number, outbox.c.state == "pending").order_by(outbox.c.id)
        with self.store.read() as connection:
            return [(row.recipient, row.event, row.reason) for row in connection.execute(rows)]
