"""An answer that did not reach the customer: it stands in the ticket, and whoever is responsible is told."""

import json

from sqlalchemy import Connection, select, update

from config.check import CUSTOMER
from notify.note import Note
from router.book import Book, Shelf
from router.event import Change
from router.fall_back import failed, refused
from router.staff import staff_of
from router.state import state_of
from router.ticket import Pen
from router.turn import Turn
from tickets.presence import away_in
from tickets.reply import RATING_ASKED
from tickets.schema import entries, outbox, tickets
from tickets.schema_told import ratings


def undelivered(pen: Pen, book: Book, outbox_id: int, words: str) -> list[int]:
    """Note in its ticket that an answer failed, with all that follows, and return the outbox rows to ring for."""
    row = pen.connection.execute(
        select(outbox.c.ticket_id, outbox.c.entry_id, outbox.c.notifier, outbox.c.address).where(
            outbox.c.id == outbox_id
        )
    ).one()
    ticket = pen.connection.execute(select(tickets).where(tickets.c.id == row.ticket_id).with_for_update()).one()
    line = Change("delivery.failed", "desk", {"entry": row.entry_id, "by": row.notifier, "why": words})
    staff = staff_of(pen.connection, book.desk, pen.now, away_in(pen.connection))
    _, written = Turn(pen, book, staff, state_of(ticket)).take([line], entry=row.entry_id)
    return written.rings


def settled(shelf: Shelf, connection: Connection, note: Note, state: str, words: str, now: float) -> None:
    """Write what follows when an answer's way out has ended, in the same transaction: `sent` with its provider's id in `words`.

    A failure stands in the ticket and owes its notices; the sweep rings for them. What did not reach an agent goes by the next
    way, and one that is `refused` for good is paused.
    """
    if note.recipient != CUSTOMER:
        if state in ("failed", "refused", "paused"):
            pen, book = Pen(connection, None, now), shelf.book()
            if state == "refused":
                refused(pen, book, note, words)
            failed(pen, book, note, words)
        return
    if note.entry_id is None:
        return
    if state == "sent":
        named = update(entries).where(entries.c.id == note.entry_id, entries.c.external_id == "")
        connection.execute(named.values(external_id=words.strip("<>")))
    if state in ("sent", "failed"):
        here = update(entries).where(entries.c.id == note.entry_id, entries.c.state == "pending")
        connection.execute(here.values(state=state, trouble=words[:1000] if state == "failed" else None))
    if note.event == RATING_ASKED:
        _not_asked(connection, note.entry_id, state, words)
    elif state == "failed":
        undelivered(Pen(connection, None, now), shelf.book(), note.id, words)


def _not_asked(connection: Connection, entry: int, state: str, words: str) -> None:
    """Note that a customer was not asked how it was after all; nobody has to do anything about it."""
    if state == "sent":
        return
    facts = connection.scalar(select(entries.c.facts).where(entries.c.id == entry))
    connection.execute(update(ratings).where(ratings.c.id == json.loads(facts or "{}")["rating"]).values(asked_at=None))
    if state == "suppressed":
        connection.execute(update(entries).where(entries.c.id == entry).values(state=None, trouble=words[:1000]))
