"""What templates are filled with: facts of one line each, and what the customer wrote last."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from config.desk import Department
from notify.mime import MAX_NAME, MAX_SUBJECT
from notify.note import Note, one_line, quotable
from notify.template import first_name
from tickets.schema import entries


def known(note: Note, agent: str, department: Department | None, language: str | None) -> dict[str, Any]:
    """Return what every template of a department is filled with: names and a subject of one line each."""
    return {
        "agent": one_line(agent),
        "agent_first_name": first_name(agent),
        "department": note.department,
        "desk": note.desk,
        "customer": one_line(note.customer)[:MAX_NAME],
        "first_name": first_name(note.customer),
        "number": note.number,
        "subject": one_line(note.subject)[:MAX_SUBJECT],
        "signature": department.signature.strip() if department else "",
        "language": language or "",
    }


def heard_in(connection: Connection, ticket: int, before: int) -> Any | None:
    """Return what the customer wrote last in a ticket before an entry."""
    earlier = select(entries).where(
        entries.c.ticket_id == ticket,  # a merged ticket's entries stand in the one that took it in
        entries.c.id < before,
        entries.c.inbox_id.is_not(None),
        entries.c.author.not_like("agent:%"),
    )
    return connection.execute(earlier.order_by(entries.c.id.desc()).limit(1)).first()


def quoted(said: Any | None) -> str:
    """Return an entry quoted under a line that says who and when; nothing where nothing was said."""
    text = quotable(((said.reply_text or "").strip() or said.text) if said else "")
    if said is None or not text:
        return ""
    at = datetime.fromtimestamp(said.sent_at or said.created_at, UTC)
    who = one_line(said.author_name) or one_line(said.author)
    lines = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
    return f"On {at:%Y-%m-%d %H:%M} UTC, {who} wrote:\n{lines}"
