"""Mails to customers: an agent's answer in the customer's thread, or the transcript of a chat (RFC 5322, MIME)."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from html import escape
from typing import Any, Final

from sqlalchemy import Connection, select

from config.desk import Department, Desk
from notify.answers import files_of, uploads
from notify.mail import message_id
from notify.mime import MAX_NAME, MAX_SUBJECT, attached, bare, encoded, named, unstructured
from notify.note import Note, one_line
from notify.notifier import Needless, Post
from notify.question import question
from notify.template import ANSWER, Letter, readable, speaks
from notify.values import heard_in, known, quoted
from tickets.blobs import Blobs
from tickets.keys import signing_key
from tickets.language import language_of
from tickets.reply import AUTO_ANSWER, RATING_ASKED, TRANSCRIPT, Upload
from tickets.reply_address import host, reply_address
from tickets.schema import conversations, entries
from tickets.store import Store
from tickets.trouble import Temporary

_MOST_LINES: Final = 500
_HEAD: Final = """\
Date: {date}
From: {sender}
{reply_to}To: {to}
Subject: {subject}
Message-ID: <{message_id}>
{thread}X-Frontdesk-Ticket: {number}
{automatic}MIME-Version: 1.0
"""
_PART: Final = """\
Content-Type: text/{kind}; charset=utf-8
Content-Transfer-Encoding: quoted-printable

"""
_PAGE: Final = """\
<!DOCTYPE html>
<html><body style="font-family:sans-serif;white-space:pre-wrap">{text}</body></html>
"""


_AUTOMATIC: Final = {
    TRANSCRIPT: "Auto-Submitted: auto-generated\n",
    AUTO_ANSWER: "Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\n",
    RATING_ASKED: "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n",
}
"""What marks a mail that no person has written (RFC 3834, 5; MS-OXCMAIL), by its event."""


@dataclass(frozen=True, slots=True)
class Letters:
    """The way `mail` of the outbox: through `post`, the relay or the outbox folder. `clock` gives UTC seconds."""

    store: Store
    desk: Desk
    blobs: Blobs
    post: Post
    clock: Callable[[], float] = time.time

    def send(self, note: Note) -> str:
        """Send the mail that a row owes and return its Message-ID; raises like every notifier, and `Needless`."""
        key = signing_key(self.store)
        department = self.desk.departments_by_id.get(note.department_id)
        with self.store.read() as connection:
            if note.event == TRANSCRIPT:
                letter, facts, rows = Letter(None, _transcript(connection, note)), dict[str, Any](), list[Any]()
            else:
                entry = connection.execute(select(entries).where(entries.c.id == note.entry_id)).one()
                _still_wanted(connection, entry)
                letter = self._letter(connection, note, entry, department, key)
                facts, rows = json.loads(entry.facts or "{}"), [*files_of(connection, note.entry_id)]
        letter = Letter(facts.get("subject") or letter.subject, letter.text, letter.language)
        sender, raw = rendered(note, department, key, facts.get("mail", {}), letter, uploads(self.blobs, rows))
        self.post.post(f"{note.number}-{note.key}", sender, note.address, raw, note.domain)
        return f"<{message_id(note)}>"

    def describe(self) -> str:
        """Return in a few words where it sends."""
        return "answers by mail → as email"

    def close(self) -> None:
        """Nothing is kept open here."""

    def _letter(
        self, connection: Connection, note: Note, entry: Any, department: Department | None, key: bytes
    ) -> Letter:
        if note.event == RATING_ASKED:
            return question(connection, self.desk, note, entry, key)
        heard = heard_in(connection, entry.ticket_id, entry.id)
        language = None
        if heard is not None and speaks(self.desk, department, ANSWER):
            language = language_of(heard.facts, heard.reply_text or heard.text)
        values = {
            **known(note, entry.author_name, department, language),
            "text": entry.text,
            # A stranger's words must not reach whomever they named in Reply-To by an answer that nobody has looked at.
            "quote": "" if note.event == AUTO_ANSWER else quoted(heard),
        }
        try:
            return readable(self.desk, department, ANSWER, [language] if language else ()).filled(values)
        except ValueError as error:
            raise Temporary(f"the template of {note.department} is wrong: {error}", 300) from error


@dataclass(frozen=True, slots=True)
class From:
    """Who a mail is from: a name and a bare address."""

    name: str
    address: str


def _still_wanted(connection: Connection, entry: Any) -> None:
    """Raise `Needless` when the answer was seen in the chat, which its mail only stands in for."""
    if entry.conversation is None:
        return
    row = connection.execute(select(conversations).where(conversations.c.key == entry.conversation)).one()
    if not row.mail_only and entry.seq is not None and row.seen >= entry.seq:
        raise Needless("not sent: the visitor has seen it in the chat")


def _transcript(connection: Connection, note: Note) -> str:
    rows = connection.execute(
        select(entries)
        .where(entries.c.ticket_id == note.number, entries.c.seq.is_not(None), entries.c.deleted_at.is_(None))
        .order_by(entries.c.seq)
        .limit(_MOST_LINES)
    ).all()
    lines = []
    for row in rows:
        at = datetime.fromtimestamp(row.sent_at or row.created_at, UTC)
        names = [one_line(part.get("filename") or "file") for part in json.loads(row.attachments)]
        said = "\n".join([row.text, *(f"[{name}]" for name in names)]).strip()
        lines.append(f"{at:%Y-%m-%d %H:%M} UTC  {one_line(row.author_name) or 'Visitor'}:\n{said}")
    return f"{note.desk}: your chat, ticket {note.number}\n\n" + "\n\n".join(lines)


def rendered(  # what a mail is made of
    note: Note,
    department: Department | None,
    key: bytes,
    mail: Mapping[str, Any],
    letter: Letter,
    attachments: Sequence[Upload] = (),
) -> tuple[str, bytes]:
    """Return the sender of a mail to a customer and the mail; `key` signs where an answer to it goes.

    Raises `Permanent` when an address cannot stand in one.
    """
    address = next(iter(department.addresses), None) if department else None
    sender = address or f"desk@{host(note.domain)}"
    from_ = From(department.name if department else note.desk, sender)
    reply_to = None if address else reply_address(key, note.number, note.domain)
    return sender, _rendered(note, from_, reply_to, mail, letter, attachments)


def _rendered(  # what a mail is made of
    note: Note,
    sender: From,
    reply_to: str | None,
    mail: Mapping[str, Any],
    letter: Letter,
    attachments: Sequence[Upload],
) -> bytes:
    """Return the mail as it goes over the wire, lines ended by CRLF. Raises `Permanent` when an address cannot stand in one."""
    boundary = f"=_{hashlib.sha256(note.key.encode('utf-8', 'replace')).hexdigest()[:24]}"  # no encoded line has `=_`
    references = [one for one in mail.get("references", ()) if _sound(one)]
    answered = mail.get("in_reply_to") if _sound(mail.get("in_reply_to") or "") else None
    thread = f"In-Reply-To: <{answered}>\n" if answered else ""
    thread += (
        f"References: {' '.join(f'<{one}>' for one in references)}\n".replace("> <", ">\n <") if references else ""
    )
    head = _HEAD.format(
        date=formatdate(note.created_at),
        sender=named(one_line(sender.name)[:MAX_NAME], bare(sender.address)),
        reply_to=f"Reply-To: {named(one_line(sender.name)[:MAX_NAME], bare(reply_to))}\n" if reply_to else "",
        to=named(
            one_line(note.customer)[:MAX_NAME] if note.address == note.customer_address else "", bare(note.address)
        ),
        subject=unstructured(_subject(note, letter.subject)),
        message_id=message_id(note),
        thread=thread,
        number=note.number,
        automatic=_AUTOMATIC.get(note.event, ""),
    )
    plain = _PART.format(kind="plain").replace("\n", "\r\n").encode() + encoded(letter.text)
    page = _PART.format(kind="html").replace("\n", "\r\n").encode() + encoded(_PAGE.format(text=escape(letter.text)))
    body = _joined("alternative", f"{boundary}a", [plain, page])
    if attachments:
        body = _joined("mixed", f"{boundary}m", [body, *(attached(one) for one in attachments)])
    return head.replace("\n", "\r\n").encode("ascii") + body


def _subject(note: Note, own: str | None) -> str:
    """Return the subject: the template's own, else the ticket's; the ticket's number leads an answer back to it."""
    if own is not None:
        return own if f"[#{note.number}]" in own else f"{own} [#{note.number}]"
    subject = one_line(note.subject) or "(no subject)"
    again = "" if subject.lower().startswith("re:") or note.event == TRANSCRIPT else "Re: "
    return f"{again}{subject[:MAX_SUBJECT]} [#{note.number}]"


def _joined(kind: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'
    whole = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return head.encode() + whole + f"--{boundary}--\r\n".encode()


def _sound(name: str) -> bool:
    """Tell whether a stranger's Message-ID can stand in a header as it is."""
    return 0 < len(name) <= 900 and name.isascii() and name.isprintable() and not set(name) & set(" <>")
