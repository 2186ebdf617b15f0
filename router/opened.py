"""A ticket opened for an act: its row is held, the agent may act in it, and what is done is written in the open transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from config.desk import Agent
from router import hand as hands
from router.answer import Answer, sayable
from router.book import Book
from router.conversation import taken
from router.effects.joining import take_in
from router.event import Change
from router.followers import follow, unfollow
from router.hand import CannotActError, Hand
from router.hold import hold, hold_conversations
from router.staff import Staff
from router.state import OVER, state_of
from router.ticket import Pen, spoken
from router.turn import Turn
from router.way import way_of
from tickets.schema import tickets
from tickets.seen import seen

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


@dataclass(slots=True)
class Opened:
    """An act, or several one after the other, in one ticket; `row` and `turn` are how it stands after the last one.

    What is done raises `CannotActError` when it cannot be; then the transaction is to be undone.
    """

    turn: Turn
    hand: Hand
    row: Any

    def answer(self, text: str, attached: Sequence[str] = ()) -> Acted:
        """Answer the customer, in the way the customer wrote last; `attached` are ids of `files` the agent has handed in."""
        text = sayable(text, attached)
        way = way_of(self.turn.pen.connection, self.hand.desk, self.row, self.hand.now)
        if way.why_not is not None:
            raise CannotActError(f"Ticket {self.row.id} was not answered: {way.why_not}")
        answer = Answer(self.turn.pen, self.turn, self.hand.agent, way)
        entry = answer.write(text, attached)
        notices = answer.owe(entry, answer.take(text, entry))
        return self._done(Acted(self.row.id, entry, tuple(notices), way.words, way.conversation))

    def note(self, text: str) -> Acted:
        """Write a note for colleagues; the customer never sees it."""
        text = sayable(text, ())
        entry = self.turn.pen.write_entry(self.row.id, spoken("note", self.hand.actor, self.hand.agent.name, text))
        _, written = self.turn.take([Change("ticket.noted", self.hand.actor, {"entry": entry})], text=text, entry=entry)
        return self._done(Acted(self.row.id, entry, tuple(written.rings)))

    def do(self, act: hands.Act) -> Acted:
        """Do what a hand does."""
        lines, now = act(self.turn.before, self.hand)
        if not lines:
            return Acted(self.row.id, changed=False)
        _, written = self.turn.take(lines, now)
        if now.agent is not None and self.turn.before.agent is None:
            taken(self.turn.pen.connection, self.row.id)
        return self._done(Acted(self.row.id, notices=tuple(written.rings)))

    def merge(self, into: int) -> Acted:
        """Merge it into another ticket that the agent may see."""
        other = self._other(into)
        if other.status in OVER:
            raise CannotActError(f"Ticket {other.id} is {other.status}. Open it first")
        _, written = self.turn.take(*hands.merged(self.turn.before, self.hand, other.id))
        before = state_of(other)
        lines, now = take_in(self.turn.pen.connection, before, self.turn.before, self.hand.actor)
        _, more = Turn(self.turn.pen, self.turn.book, self.turn.staff, before).take(lines, now)
        return self._done(Acted(other.id, notices=(*written.rings, *more.rings)))

    def link(self, to: int) -> Acted:
        """Link it with another ticket that the agent may see, in the history of both."""
        other = self._other(to)
        because = f"{self.hand.agent.name} linked them"
        line, back = (
            Change("ticket.linked", self.hand.actor, {"ticket": one, "because": because})
            for one in (other.id, self.row.id)
        )
        _, written = self.turn.take([line])
        _, more = Turn(self.turn.pen, self.turn.book, self.turn.staff, state_of(other)).take([back])
        return self._done(Acted(self.row.id, notices=(*written.rings, *more.rings)))

    def follow(self) -> Acted:
        """Let the agent hear of it though it is not theirs."""
        pen = self.turn.pen
        return Acted(self.row.id, changed=follow(pen.connection, self.row.id, self.hand.agent.id, pen.now))

    def unfollow(self) -> Acted:
        """Let the agent hear of it as if they had never followed it."""
        return Acted(self.row.id, changed=unfollow(self.turn.pen.connection, self.row.id, self.hand.agent.id))

    def _other(self, number: int) -> Any:
        """Return the row of the other ticket of an act, held."""
        _, row = permitted(self.turn.pen, self.turn.book, number, self.hand.agent.id)
        if row.id == self.row.id:
            raise CannotActError(f"Ticket {number} is the same ticket")
        return row

    def _done(self, acted: Acted) -> Acted:
        """Return what was done, and look at the ticket as it is now: the next act finds it so."""
        pen = self.turn.pen
        self.row = pen.connection.execute(select(tickets).where(tickets.c.id == self.row.id)).one()
        self.turn = Turn(pen, self.turn.book, self.turn.staff, state_of(self.row))
        return acted


def opened(pen: Pen, book: Book, staff: Staff, number: int, agent_id: str, others: Sequence[int] = ()) -> Opened:
    """Open a ticket for an agent's act, in the open transaction; `others` are tickets it will touch besides.

    Of a ticket that was merged into another one, that one is opened. Raises `CannotActError` when the agent may not.
    """
    for one in (
        sorted({number, *others}) if others else ()
    ):  # in one order, so that two merges never wait for each other
        hold(pen.connection, one)
    agent, row = permitted(pen, book, number, agent_id)
    seen(pen.connection, agent.id, row.id, pen.now)
    turn = Turn(pen, book, staff, state_of(row))
    return Opened(turn, Hand(agent, book.desk, staff, pen.now), row)


def permitted(pen: Pen, book: Book, number: int, agent_id: str) -> tuple[Agent, Any]:
    """Return the agent and the ticket (or the one that took it in), locked; raises `CannotActError`."""
    connection, desk = pen.connection, book.desk
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
