"""An agent who cannot be told by one way, or has seen nothing of it, is told by the next one they have to fall back on.

What is refused because of the way itself (a mailbox, a member or a channel that is not there, a revoked token) pauses that way
to the agent or the place, and the administrators are told of it in the ticket where it came out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import Connection, bindparam, select, update

from config.desk import Agent, Desk
from notify.note import Note
from router.book import Book
from router.event import Change
from router.staff import staff_of
from router.state import state_of
from router.tell import Intent, next_way, ways_of
from router.ticket import Pen
from router.turn import Turn
from tickets.pauses import outdated, pause, resume, resuming
from tickets.preferences import Chosen, chosen_in
from tickets.presence import away_in
from tickets.schema import outbox, tickets
from tickets.store import Store

PAUSED: Final = "notices.paused"
MOST_WORDS: Final = 300

_ROWS: Final = select(outbox).where(outbox.c.id.in_(bindparam("rows", expanding=True))).order_by(outbox.c.id)
_SAME: Final = select(outbox.c.notifier, outbox.c.state).where(
    outbox.c.event_id == bindparam("event"), outbox.c.recipient == bindparam("who")
)
_TICKET: Final = select(tickets).where(tickets.c.id == bindparam("number")).with_for_update()
_UNSEEN: Final = select(outbox).where(outbox.c.look_at <= bindparam("now")).order_by(outbox.c.look_at, outbox.c.id)

log = structlog.get_logger()


def failed(pen: Pen, book: Book, note: Note, words: str) -> list[int]:
    """Owe by the next way what did not reach an agent, with all that went with it; return the rows to ring for."""
    rows = pen.connection.execute(_ROWS, {"rows": [one.id for one in note.all]}).all()
    chosen, why = chosen_in(pen.connection), f"{note.notifier} failed: {words[:MOST_WORDS]}"
    unseen = (row for row in rows if row.seen_at is None)
    return [ring for row in unseen for ring in _instead(pen, book.desk, chosen, row, why, told_is_enough=True)]


def refused(pen: Pen, book: Book, note: Note, words: str) -> list[int]:
    """Pause a way that takes nothing for an agent, or a place, any more, and tell the administrators; return the rows to ring for.

    Of what is wrong with the way to many, such as a token, they are told once.
    """
    why = words[:MOST_WORDS]
    if not pause(pen.connection, note.recipient, note.notifier, note.address, why, pen.now):
        return []
    desk = book.desk
    said = (
        f"{note.notifier} to {note.recipient_name} is paused: {why}; "
        f"when that is put right: {resuming(note.recipient, note.notifier)} ('*' for everybody)"
    )
    row = pen.connection.execute(_TICKET, {"number": note.number}).one()
    ticket = state_of(row)
    staff = staff_of(pen.connection, desk, pen.now, away_in(pen.connection))
    line = Change(PAUSED, "desk", {"agent": note.recipient, "way": note.notifier, "why": why})
    tell = [(f"agent:{one.id}", said) for one in administrators(desk, ticket.department, note.recipient)]
    _, written = Turn(pen, book, staff, ticket).take([line], only=frozenset(), tell=tell)
    return written.rings


def administrators(desk: Desk, department: str, agent: str) -> list[Agent]:
    """Return who is told that an agent cannot be: the administrators who may see the ticket, else who else may see it."""
    others = [one for one in desk.agents if one.id in desk.members(department) and one.id != agent]
    named = desk.members(desk.desk.administrators) if desk.desk.administrators else frozenset()
    return [one for one in others if one.id in named] or others


def look(store: Store, desk: Desk, now: float, most: int) -> Iterator[int]:
    """Owe by the next way what nobody has seen in time at `now` (UTC seconds), at most so many; yield the rows to ring for.

    Each notice once. Pauses of addresses that were changed meanwhile are ended. Raises `Temporary`.
    """
    with store.read() as connection:
        due = connection.execute(_UNSEEN.limit(1), {"now": now}).first() is not None
        gone = bool(outdated(connection, desk))
    if gone:
        with store.write() as connection:
            for one in outdated(connection, desk):
                resume(connection, one.agent, one.way)
                log.info("a way to an agent is used again, its address is another one", agent=one.agent, way=one.way)
    if due:
        yield from _looked(store, desk, now, most)


def _looked(store: Store, desk: Desk, now: float, most: int) -> Sequence[int]:
    with store.write() as connection:
        rows = connection.execute(_UNSEEN.limit(most).with_for_update(skip_locked=True), {"now": now}).all()
        connection.execute(update(outbox).where(outbox.c.id.in_([row.id for row in rows])).values(look_at=None))
        pen, chosen = Pen(connection, None, now), chosen_in(connection)
        unseen = [row for row in rows if row.seen_at is None and row.state == "sent"]
        return [
            ring
            for row in unseen
            for ring in _instead(pen, desk, chosen, row, f"nothing was seen of it by {row.notifier}")
        ]


def _instead(  # where, what, and why
    pen: Pen, desk: Desk, chosen: Chosen, row: Any, why: str, *, told_is_enough: bool = False
) -> list[int]:
    """Owe a row by the next way that is left to its agent; not when another one tells them, where that is enough."""
    agent = desk.agents_by_id.get(row.recipient)
    if agent is None:
        return []
    used = _used(pen.connection, row)
    told = [way for way, state in used.items() if state in ("pending", "sent") and way != row.notifier]
    way = next_way(desk, chosen, agent, used, told if told_is_enough else ())
    if way is None:
        return []
    address, reason = ways_of(desk, chosen, agent)[way], f"{row.reason}; by {way}, because {why}"
    intent = Intent(row.event_id, row.event, agent.id, way, address, reason, word=row.word, whose=row.whose)
    return pen.owe(row.ticket_id, row.entry_id, [intent])


def _used(connection: Connection, row: Any) -> Mapping[str, str]:
    """Return by which ways the agent was to be told of the event, and what became of that."""
    rows = connection.execute(_SAME, {"event": row.event_id, "who": row.recipient})
    return {one.notifier: one.state for one in rows}
