"""The question how it was, as a customer is sent it: with links that only it has, so that no agent rates their own ticket."""

import json
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from config.desk import Desk
from notify.note import Note
from notify.notifier import Needless
from notify.template import RATING, Letter, readable, speaks
from notify.values import heard_in, known
from tickets.language import language_of
from tickets.rating import rating_link
from tickets.schema import tickets
from tickets.schema_told import ratings
from tickets.trouble import Temporary

_ASKED: Final = (
    select(ratings, tickets.c.status, tickets.c.resolved_at.label("now_resolved_at"))
    .join(tickets, tickets.c.id == ratings.c.ticket_id)
    .where(ratings.c.id == bindparam("rating"))
)


def question(connection: Connection, desk: Desk, note: Note, entry: Any, key: bytes) -> Letter:
    """Return the question that an entry of the ticket stands for; `key` signs its links.

    Raises `Needless` when the customer has rated, or the ticket goes on, and `Temporary` while the template is wrong.
    """
    row = connection.execute(_ASKED, {"rating": json.loads(entry.facts)["rating"]}).one()
    if row.rated_at is not None:
        raise Needless("not sent: the customer has rated already")
    if row.status not in ("resolved", "closed") or row.now_resolved_at != row.resolved_at:
        raise Needless("not sent: the ticket is not resolved any more")
    if desk.desk.url is None:
        raise Needless("not sent: the desk file has no desk.url any more, so there is no link")
    department = desk.departments_by_id.get(note.department_id)
    heard = heard_in(connection, note.number, note.entry_id or 0) if speaks(desk, department, RATING) else None
    language = language_of(heard.facts, heard.reply_text or heard.text) if heard else None
    agent = desk.agents_by_id.get(row.agent or "")
    values = {
        **known(note, agent.name if agent else "", department, language),
        "text": "",
        "quote": "",
        "positive_url": rating_link(key, desk.desk.url, row.id, "positive"),
        "negative_url": rating_link(key, desk.desk.url, row.id, "negative"),
    }
    try:
        return readable(desk, department, RATING, [language] if language else ()).filled(values)
    except ValueError as error:
        raise Temporary(f"the template of {note.department} is wrong: {error}", 300) from error
