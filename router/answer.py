"""An agent's answer to a customer: its entry, what it changes of the ticket, and what is owed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from config.check import CUSTOMER
from config.desk import Agent
from router.conversation import said, taken
from router.event import Change
from router.files import belong
from router.hand import CannotActError
from router.tell import Intent
from router.ticket import Pen, spoken
from router.turn import Turn, Written
from router.way import Way
from tickets.message import clean
from tickets.schema import files

LONGEST = 100_000
"""Characters of an answer or a note."""
MOST_FILES = 20


def sayable(text: str, attached: Sequence[str]) -> str:
    """Return what is said as it is kept; raises `CannotActError` when it says nothing or too much."""
    text = clean(text).strip("\n")
    if not text.strip() and not attached:
        raise CannotActError("An answer without words or files was not sent")
    if len(text) > LONGEST or len(attached) > MOST_FILES:
        raise CannotActError(f"An answer has at most {LONGEST} characters and {MOST_FILES} files")
    return text


@dataclass(frozen=True, slots=True)
class Answer:
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
        row = spoken("answer", self._actor, self.agent.name, text) | {
            "attachments": json.dumps([_part(row) for row in sorted(rows, key=lambda row: attached.index(row.id))]),
            "facts": json.dumps({"goes": self.way.words, **mail}),
            "state": "pending",
        }
        entry = self.pen.write_entry(self.turn.before.number or 0, row, said(connection, key) if key else None)
        belong(connection, entry, self._actor, attached)
        return entry

    def take(self, text: str, entry: int) -> Written:
        """Change the ticket as an answer does, with what the rules make of it, and return what was written."""
        before, agent = self.turn.before, self.agent
        lines = [Change("ticket.answered", self._actor, {})]
        now = before._replace(messages=before.messages + 1, status="answered")
        if before.agent is None:
            lines.append(Change("ticket.assigned", self._actor, {"from": None, "to": agent.id, "reason": "answered"}))
            now = now._replace(agent=agent.id, unassigned_reason=None)
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
