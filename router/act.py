"""What a person does to a ticket: one way for the command line, the API, Slack and mail, one transaction for each act."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Self

from config.desk import Desk
from router import hand as hands
from router.book import Shelf
from router.hand import CannotActError
from router.opened import Acted, Opened, opened
from router.staff import staff_of
from router.ticket import Pen
from tickets.once import first
from tickets.presence import away_since
from tickets.store import Store

__all__ = ["Acted", "Acts", "DoneBeforeError"]


class DoneBeforeError(CannotActError):
    """The act was done before, when the same request came for the first time."""


class Acts:
    """The acts on the tickets of one store, by the desk of the moment. `clock` gives UTC seconds.

    Every act raises `CannotActError` with words when it may not or cannot be done, and `Temporary` when the database fails;
    then nothing was done. Of a ticket that was merged into another one, that one is acted on.
    """

    def __init__(
        self, store: Store, desk: Callable[[], Desk], clock: Callable[[], float] = time.time, once: str | None = None
    ) -> None:
        self._store = store
        self._desk = desk
        self._shelf = Shelf(desk, store)
        self._clock = clock
        self._once = once

    def once(self, key: str) -> Self:
        """Return the same acts, of which one may be done once for the key (of a request that may be repeated).

        The next one raises `DoneBeforeError`.
        """
        other = type(self)(self._store, self._desk, self._clock, key)
        other._shelf = self._shelf  # noqa: SLF001  # the book is compiled once
        return other

    def answer(self, number: int, agent: str, text: str, attached: Sequence[str] = ()) -> Acted:
        """Answer a ticket's customer as an agent, in the way the customer wrote last.

        `attached` are ids of `files` the agent has handed in. Whoever answers an unassigned ticket takes it. The answer is an
        entry and an outbox row when this returns; its delivery follows, and a failure stands in the ticket.
        """
        with self.open(number, agent) as ticket:
            return ticket.answer(text, attached)

    def note(self, number: int, agent: str, text: str) -> Acted:
        """Write a note for colleagues into a ticket; the customer never sees it."""
        with self.open(number, agent) as ticket:
            return ticket.note(text)

    def take(self, number: int, agent: str) -> Acted:
        """Take a ticket that nobody has."""
        return self._do(number, agent, hands.take)

    def assign(self, number: int, agent: str, to: str) -> Acted:
        """Give a ticket to an agent of its department who is at work, or back to the department (`nobody`)."""
        return self._do(number, agent, partial(hands.assign, agent=to))

    def transfer(self, number: int, agent: str, department: str) -> Acted:
        """Give a ticket to another department."""
        return self._do(number, agent, partial(hands.transfer, department=department))

    def status(self, number: int, agent: str, to: str) -> Acted:
        """Set a ticket's status: open, answered, resolved, closed or spam."""
        return self._do(number, agent, partial(hands.status, to=to))

    def postpone(self, number: int, agent: str, until: float) -> Acted:
        """Put a ticket off until a moment (UTC seconds)."""
        return self._do(number, agent, partial(hands.postpone, until=until))

    def priority(self, number: int, agent: str, to: str) -> Acted:
        """Set a ticket's priority."""
        return self._do(number, agent, partial(hands.priority, to=to))

    def tag(self, number: int, agent: str, added: Sequence[str] = (), removed: Sequence[str] = ()) -> Acted:
        """Add tags to a ticket, and take others off."""
        return self._do(number, agent, partial(hands.tag, added=added, removed=removed))

    def acknowledge(self, number: int, agent: str) -> Acted:
        """Stop a ticket's escalation, for as long as it says."""
        return self._do(number, agent, hands.acknowledge)

    def merge(self, number: int, agent: str, into: int) -> Acted:
        """Merge a ticket into another one that the agent may see: its entries, and whatever leads to it, are there then.

        Both may be of different contacts, for one customer may have two addresses; whoever took part in one takes part.
        """
        with self.open(number, agent, into) as ticket:
            return ticket.merge(into)

    def link(self, number: int, agent: str, to: int) -> Acted:
        """Link a ticket with another one that the agent may see, in the history of both."""
        with self.open(number, agent, to) as ticket:
            return ticket.link(to)

    def follow(self, number: int, agent: str) -> Acted:
        """Let an agent hear of a ticket that is not theirs."""
        with self.open(number, agent) as ticket:
            return ticket.follow()

    def unfollow(self, number: int, agent: str) -> Acted:
        """Let an agent hear of a ticket as if they had never followed it."""
        with self.open(number, agent) as ticket:
            return ticket.unfollow()

    @contextmanager
    def open(self, number: int, agent: str, *others: int) -> Iterator[Opened]:
        """Open a ticket for several acts that are done all or not at all; `others` are tickets they touch besides."""
        book, now, absent = self._shelf.book(), self._clock(), away_since(self._store)
        with self._store.write() as connection:
            if self._once is not None and not first(connection, self._once, now):
                raise DoneBeforeError("That was done already")
            staff = staff_of(connection, book.desk, now, absent)
            yield opened(Pen(connection, None, now), book, staff, number, agent, others)

    def _do(self, number: int, agent: str, act: hands.Act) -> Acted:
        with self.open(number, agent) as ticket:
            return ticket.do(act)
