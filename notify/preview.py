"""What a customer would be sent: a template of a department with samples, or with what stands in a ticket."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import select

from config.check import CUSTOMER
from config.desk import Department, Desk
from notify.letter import rendered
from notify.note import Note
from notify.template import ANSWER, LINKS, RATING, SAMPLE, Letter, replies, words_of
from notify.values import heard_in, known, quoted
from tickets.language import language_of
from tickets.reply import AUTO_ANSWER, RATING_ASKED
from tickets.schema import entries, tickets
from tickets.store import Store

_NO_KEY: Final = b"what is only shown proves nothing"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a template is shown with: the note it would be, the agent, what the customer wrote last, and the mail it answers."""

    note: Note
    agent: str
    heard: Any
    mail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def language(self) -> str | None:
        """The customer's language, where it is known."""
        return language_of(self.heard.facts, self.heard.reply_text or self.heard.text) if self.heard else None


def sample(desk: Desk, department: Department) -> Shown:
    """Return what stands in no ticket."""
    at = time.time()
    heard = SimpleNamespace(
        author=f"ann@{desk.desk.domain}", author_name=SAMPLE["customer"], text="Where is my parcel?", reply_text="",
        facts='{"language": "en"}', sent_at=at, created_at=at,
    )  # fmt: skip
    ticket = SimpleNamespace(
        id=SAMPLE["number"], subject=SAMPLE["subject"], contact_name=SAMPLE["customer"],
        contact_address="ann@customer.example", channel="mail", priority="normal", tags="[]",
    )  # fmt: skip
    return Shown(_note(desk, department, ticket, at), SAMPLE["agent"], heard)


def of_ticket(store: Store, desk: Desk, department: Department, number: int) -> Shown | None:
    """Return what stands in a ticket, as if it were in the department; nothing when there is no such ticket. Raises `Temporary`."""
    with store.read() as connection:
        ticket = connection.execute(select(tickets).where(tickets.c.id == number)).first()
        if ticket is None:
            return None
        newest = select(entries.c.id).where(entries.c.ticket_id == number).order_by(entries.c.id.desc()).limit(1)
        heard = heard_in(connection, number, (connection.scalar(newest) or 0) + 1)
    agent = desk.agents_by_id.get(ticket.agent or "")
    mail = {"in_reply_to": heard.external_id, "references": [heard.external_id]} if heard else {}
    return Shown(_note(desk, department, ticket, time.time()), agent.name if agent else SAMPLE["agent"], heard, mail)


def preview(desk: Desk, department: Department, name: str, shown: Shown, language: str | None = None) -> bytes:
    """Return the mail that a template would be, for a customer of that language, else of their own.

    Nothing in it is signed. Raises `OSError`, and `ValueError` with what is wrong in the template.
    """
    language = language or shown.language
    languages = [language] if language else ()
    automatic = name in replies(desk, department)
    if not automatic and name not in (ANSWER, RATING):
        raise ValueError(f"{department.id} has no template {name}")
    values = {**known(shown.note, shown.agent, department, language), "quote": "" if automatic else quoted(shown.heard)}
    if name == RATING:
        letter = words_of(desk, department, RATING, languages).filled({**values, **LINKS})
    else:
        subject, text = None, SAMPLE["text"]
        if automatic:
            made = words_of(desk, department, name, languages).filled({**dict.fromkeys(desk.variables, ""), **values})
            subject, text = made.subject, made.text.strip()
        letter = words_of(desk, department, ANSWER, languages).filled({**values, "text": text})
        letter = Letter(subject or letter.subject, letter.text)
    _, raw = rendered(_marked(shown.note, name), department, _NO_KEY, shown.mail, letter)
    return raw


def _marked(note: Note, name: str) -> Note:
    return note if name == ANSWER else replace(note, event=RATING_ASKED if name == RATING else AUTO_ANSWER)


def _note(desk: Desk, department: Department, ticket: Any, at: float) -> Note:
    return Note(
        id=0, key="preview", attempt=1, notifier="mail", event="ticket.answered", reason="", address=ticket.contact_address,
        recipient=CUSTOMER, recipient_name=ticket.contact_name, mine=False, number=ticket.id, subject=ticket.subject,
        department=department.name, department_id=department.id, agent=None, customer=ticket.contact_name,
        customer_address=ticket.contact_address, channel=ticket.channel, priority=ticket.priority,
        tags=tuple(json.loads(ticket.tags)), author="", by_agent=True, text="", desk=desk.desk.name,
        domain=desk.desk.domain, created_at=at, signed="n.0", root="t.0",
    )  # fmt: skip
