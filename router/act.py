"""What a person does to a ticket: one way for the command line, the API, Slack and mail, one transaction for each act."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from config.desk import Agent, Desk
from router import hand as hands
from router.answer import Answer, sayable
from router.book import Shelf
from router.conversation import taken
from router.effects.joining import take_in
from router.event import Change
from router.hand import CannotActError, Hand
from router.hold import hold, hold_conversations
from router.staff import staff_of
from router.state import OVER, state_of
from router.ticket import Pen, spoken
from router.turn import Turn
from router.way import way_of
from tickets.presence import away_since
from tickets.schema import tickets
from tickets.store import Store

MOST_HOPS = 10


@dataclass(frozen=True, slots=True)
class Acted:
    """What an act came to: the ticket, its new entry if there is one, the outbox rows to ring for, and in words what it did.

    `changed` is false when everything was so already; `goes` says where an answer goes; `conversation` is the key of what
    changed on a platform or in a chat, for whoever watches it.
    """

    ticket: int
    entry: int | None = None
    notices: tuple[int, ...] = ()
    goes: str = ""
    conversation: str | None = None
    changed: bool = True


@dataclass(frozen=True, slots=True)
class _Open:
    """An act under way: the ticket's row is held."""

    turn: Turn
    hand: Hand
    row: Any


class Acts:
    """The acts on the tickets of one store, by the desk of the moment. `clock` gives UTC seconds.

    Every act raises `CannotActError` with words when it may not or cannot be done, and `Temporary` when the database fails;
    then nothing was done. Of a ticket that was merged into another one, that one is acted on.
    """

    def __init__(self, store: Store, desk: Callable[[], Desk], clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._shelf = Shelf(desk)
        self._clock = clock

    def answer(self, number: int, agent: str, text: str, attached: Sequence[str] = ()) -> Acted:
        """Answer a ticket's customer as an agent, in the way the customer wrote last.

        `attached` are ids of `files` the agent has handed in. Whoever answers an unassigned ticket takes it. The answer is an
        entry and an outbox row when this returns; its delivery follows, and a failure stands in the ticket.
        """
        text = sayable(text, attached)
        with self._on(number, agent) as on:
            way = way_of(on.turn.pen.connection, on.hand.desk, on.row, on.hand.now)
            if way.why_not is not None:
                raise CannotActError(f"Ticket {on.row.id} was not answered: {way.why_not}")
            answer = Answer(on.turn.pen, on.turn, on.hand.agent, way)
            entry = answer.write(text, attached)
            notices = answer.owe(entry, answer.take(text, entry))
        return Acted(on.row.id, entry, tuple(notices), way.words, way.conversation)

    def note(self, number: int, agent: str, text: str) -> Acted:
        """Write a note for colleagues into a ticket; the customer never sees it."""
        text = sayable(text, ())
        with self._on(number, agent) as on:
            entry = on.turn.pen.write_entry(on.row.id, spoken("note", on.hand.actor, on.hand.agent.name, text))
            _, written = on.turn.take([Change("ticket.noted", on.hand.actor, {"entry": entry})], text=text, entry=entry)
        return Acted(on.row.id, entry, tuple(written.rings))

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
        with self._on(number, agent, into) as on:
            other = self._other(on, into)
            if other.status in OVER:
                raise CannotActError(
                    f"Ticket {other.id} is {other.status}. Open it first: frontdesk act status {other.id} open"
                )
            _, written = on.turn.take(*hands.merged(on.turn.before, on.hand, other.id))
            before = state_of(other)
            lines, now = take_in(on.turn.pen.connection, before, on.turn.before, on.hand.actor)
            _, more = Turn(on.turn.pen, on.turn.book, on.turn.staff, before).take(lines, now)
        return Acted(other.id, notices=(*written.rings, *more.rings))

    def link(self, number: int, agent: str, to: int) -> Acted:
        """Link a ticket with another one that the agent may see, in the history of both."""
        with self._on(number, agent, to) as on:
            other = self._other(on, to)
            because = f"{on.hand.agent.name} linked them"
            line, back = (
                Change("ticket.linked", on.hand.actor, {"ticket": one, "because": because})
                for one in (other.id, on.row.id)
            )
            _, written = on.turn.take([line])
            _, more = Turn(on.turn.pen, on.turn.book, on.turn.staff, state_of(other)).take([back])
        return Acted(on.row.id, notices=(*written.rings, *more.rings))

    @staticmethod
    def _other(on: _Open, number: int) -> Any:
        """Return the row of the other ticket of an act, held."""
        _, row = _permitted(on.turn.pen.connection, on.hand.desk, number, on.hand.agent.id)
        if row.id == on.row.id:
            raise CannotActError(f"Ticket {number} is the same ticket")
        return row

    def _do(self, number: int, agent: str, act: hands.Act) -> Acted:
        with self._on(number, agent) as on:
            lines, now = act(on.turn.before, on.hand)
            if not lines:
                return Acted(on.row.id, changed=False)
            _, written = on.turn.take(lines, now)
            if now.agent is not None and on.turn.before.agent is None:
                taken(on.turn.pen.connection, on.row.id)
        return Acted(on.row.id, notices=tuple(written.rings))

    @contextmanager
    def _on(self, number: int, agent_id: str, *others: int) -> Iterator[_Open]:
        book, now, absent = self._shelf.book(), self._clock(), away_since(self._store)
        with self._store.write() as connection:
            for one in (
                sorted((number, *others)) if others else ()
            ):  # in one order, so that two merges never wait for each other
                hold(connection, one)
            agent, row = _permitted(connection, book.desk, number, agent_id)
            staff = staff_of(connection, book.desk, now, absent)
            turn = Turn(Pen(connection, None, now), book, staff, state_of(row))
            yield _Open(turn, Hand(agent, book.desk, staff, now), row)


def _permitted(connection: Connection, desk: Desk, number: int, agent_id: str) -> tuple[Agent, Any]:
    """Return the agent and the ticket (or the one that took it in), locked; raises `CannotActError`."""
    agent = desk.agents_by_id.get(agent_id)
    if agent is None:
        raise CannotActError(f"No agent is called {agent_id!r}; the desk file has: {', '.join(desk.agents_by_id)}")
    hold_conversations(connection, number)
    for _ in range(MOST_HOPS):
        ticket = connection.execute(select(tickets).where(tickets.c.id == number).with_for_update()).first()
        if ticket is None or ticket.status != "merged" or ticket.merged_into is None:
            break
        number = ticket.merged_into
    # Whoever may not see a ticket does not learn whether there is one.
    if ticket is None or (agent.id not in desk.members(ticket.department) and len(desk.agents) > 1):
        raise CannotActError(f"There is no ticket {number} in a department of {agent.name}")
    return agent, ticket
