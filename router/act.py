"""What a person does to a ticket: one way for the command line, the API, Slack and mail, one transaction for each act."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from config.check import CUSTOMER
from config.desk import Agent, Desk
from router.book import Shelf
from router.conversation import said, taken
from router.event import Change
from router.files import belong
from router.staff import staff_of
from router.state import state_of
from router.tell import Intent
from router.thread import lock
from router.ticket import Pen
from router.turn import Turn, Written
from router.way import Way, way_of
from tickets.message import clean
from tickets.presence import away
from tickets.schema import conversations, files, tickets
from tickets.store import Store

LONGEST_ANSWER = 100_000
"""Characters of an answer."""
MOST_FILES = 20
MOST_HOPS = 10


class CannotActError(Exception):
    """The act was not done, and nothing was changed; the message tells a person why and what to do."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What an act came to: the ticket, the new entry, the outbox rows to ring for, and in words where it goes.

    `conversation` is the key of what changed on a platform or in a chat, for whoever watches it.
    """

    ticket: int
    entry: int
    notices: tuple[int, ...]
    goes: str
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class Acts:
    """The acts on the tickets of one store, by the desk of the moment. `clock` gives UTC seconds."""

    store: Store
    desk: Callable[[], Desk]
    clock: Callable[[], float] = time.time

    def answer(self, number: int, agent_id: str, text: str, attached: Sequence[str] = ()) -> Acted:
        """Answer a ticket's customer as an agent, in the way the customer wrote last.

        `attached` are ids of `files` the agent has handed in. Whoever answers an unassigned ticket takes it. The answer is an
        entry and an outbox row when this returns; its delivery follows, and a failure stands in the ticket. Raises
        `CannotActError`, and `Temporary` when the database fails; then nothing was done.
        """
        book, now, absent = Shelf(self.desk).book(), self.clock(), frozenset(away(self.store))
        desk, text = book.desk, _sayable(text, attached)
        with self.store.write() as connection:
            agent, ticket = _permitted(connection, desk, number, agent_id)
            way = way_of(connection, desk, ticket, now)
            if way.why_not is not None:
                raise CannotActError(f"Ticket {ticket.id} was not answered: {way.why_not}")
            pen = Pen(connection, None, now)
            turn = Turn(pen, book, staff_of(connection, desk, now, absent), state_of(ticket))
            answer = _Answer(pen, turn, agent, way)
            entry = answer.write(text, attached)
            notices = answer.owe(entry, answer.take(text, entry))
        return Acted(ticket.id, entry, tuple(notices), way.words, way.conversation)


def _sayable(text: str, attached: Sequence[str]) -> str:
    text = clean(text).strip("\n")
    if not text.strip() and not attached:
        raise CannotActError("An answer without words or files was not sent. Use --text or --attach")
    if len(text) > LONGEST_ANSWER or len(attached) > MOST_FILES:
        raise CannotActError(f"An answer has at most {LONGEST_ANSWER} characters and {MOST_FILES} files")
    return text


def _permitted(connection: Connection, desk: Desk, number: int, agent_id: str) -> tuple[Agent, Any]:
    """Return the agent and the ticket (or the one that took it in), locked; raises `CannotActError`."""
    agent = desk.agents_by_id.get(agent_id)
    if agent is None:
        raise CannotActError(f"No agent is called {agent_id!r}; the desk file has: {', '.join(desk.agents_by_id)}")
    keys = select(conversations.c.key).where(conversations.c.ticket_id == number)
    lock(connection, list(connection.scalars(keys)))
    for _ in range(MOST_HOPS):
        ticket = connection.execute(select(tickets).where(tickets.c.id == number).with_for_update()).first()
        if ticket is None or ticket.status != "merged" or ticket.merged_into is None:
            break
        number = ticket.merged_into
    # Whoever may not see a ticket does not learn whether there is one.
    if ticket is None or (agent.id not in desk.members(ticket.department) and len(desk.agents) > 1):
        raise CannotActError(f"There is no ticket {number} in a department of {agent.name}")
    return agent, ticket


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer being written: everything of it in one transaction."""

    pen: Pen
    turn: Turn
    agent: Agent
    way: Way

    @property
    def _actor(self) -> str:
        return f"agent:{self.agent.id}"

    def write(self, text: str, attached: Sequence[str]) -> int:
        """Insert the answer as an entry, with its files, and return its id."""
        connection, key = self.pen.connection, self.way.conversation
        mine = files.c.owner == self._actor
        rows = connection.execute(select(files).where(files.c.id.in_(attached), mine, files.c.entry_id.is_(None))).all()
        if len(rows) != len(set(attached)):
            raise CannotActError("A file of the answer is not there any more; attach it again")
        mail = {"mail": self.way.mail} if self.way.mail else {}
        row = {
            "kind": "answer",
            "author": self._actor,
            "author_name": self.agent.name,
            "external_id": "",
            "text": text,
            "reply_text": text,
            "attachments": json.dumps([_part(row) for row in sorted(rows, key=lambda row: attached.index(row.id))]),
            "facts": json.dumps({"goes": self.way.words, **mail}),
            "sent_at": None,
            "state": "pending",
        }
        entry = self.pen.write_entry(self.turn.before.number or 0, row, said(connection, key) if key else None)
        belong(connection, entry, self._actor, attached)
        return entry

    def take(self, text: str, entry: int) -> Written:
        """Change the ticket as an answer does, with what the rules make of it, and return what was written."""
        before, agent = self.turn.before, self.agent
        lines = [Change("ticket.answered", self._actor, {})]
        now = replace(before, messages=before.messages + 1, status="answered")
        if before.agent is None:
            lines.append(Change("ticket.assigned", self._actor, {"from": None, "to": agent.id, "reason": "answered"}))
            now = replace(now, agent=agent.id, unassigned_reason=None)
        if before.status != "answered":
            lines.append(Change("ticket.status_changed", self._actor, {"from": before.status, "to": "answered"}))
        taken(self.pen.connection, before.number or 0)
        return self.turn.take(lines, now, text=text, entry=entry)[1]

    def owe(self, entry: int, written: Written) -> list[int]:
        """Owe the answer to the customer; return all outbox rows to ring for."""
        number, way = self.turn.before.number or 0, self.way
        owed = [
            Intent(written.events[0], "ticket.answered", CUSTOMER, one.notifier, one.address, one.reason)
            for one in way.deliveries
        ]
        if way.mail_to:
            self.pen.remember(number, (), [way.mail_to])
        later = {one.notifier: one.after for one in way.deliveries if one.after}
        return written.rings + self.pen.owe(number, entry, owed, later)


def _part(row: Any) -> dict[str, Any]:
    """Return a file as it stands in an entry's attachments."""
    known = {"filename": row.filename, "content_type": row.content_type, "size": row.size}
    return {**known, "sha256": row.stored, "inline": False, "type": "file", "file": row.id}
