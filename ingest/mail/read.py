"""A mail, as bytes, to an `InboundMessage`: everything readable is read, everything else is kept, nothing raises.

The standard library's `email` package only reads the date here: its parser ends the headers at a garbage line, raises on
mails people do send, copies every line of an attachment and needs half a second for 3,000 parts. What is accepted instead
is told where it happens: `headers`, `address`, `parts`, `charset`, `ingest.html`, `reply`, `kind`.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from ingest.mail import calendar
from ingest.mail.address import Mailbox, mailboxes
from ingest.mail.charset import decode
from ingest.mail.confirmation import confirmation
from ingest.mail.content import File, content_of, readable, undecoded
from ingest.mail.date import sent_at
from ingest.mail.forward import forwarded
from ingest.mail.headers import Headers, message_id, message_ids
from ingest.mail.kind import kind_of
from ingest.mail.parts import Leaf, leaves
from ingest.mail.reply.written import new_text
from ingest.mail.report import read_report
from ingest.mail.sealed import KeyRing
from ingest.mail.spam import spam_verdict
from ingest.mail.way import delivered_to, thread_index
from ingest.sniff import is_dangerous, other_than
from tickets.language import tag_of
from tickets.message import Attachment, AttachmentType, InboundMessage, Invitation, Sender

MAX_REFERENCES = 50
MAX_SUBJECT = 4000
MAX_CALENDAR = 1_000_000
MAX_CONTENT_ID = 500

_TYPES: dict[str, AttachmentType] = {"image": "image", "video": "video", "audio": "audio"}


def parse_mail(raw: bytes, ring: KeyRing | None = None) -> InboundMessage:
    """Return the message a mail is (RFC 5322, MIME); a pure function of the bytes that never raises.

    `external_id` is the Message-ID or `sha256:` and the digest of the bytes; `conversation` the first of References, else
    In-Reply-To, else the external id; `html` is as received and must go through `safe_html` before anybody sees it. With a
    `ring` of keys, what was encrypted for them is read too.
    """
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    try:
        return _parse(raw, ring)
    except Exception:  # noqa: BLE001  # a mail nobody foresaw must still become a ticket
        digest, text = sha256(raw).hexdigest(), decode(raw)
        own = f"sha256:{digest}"
        whole = Attachment(filename="unreadable.eml", content_type="message/rfc822", size=len(raw), sha256=digest)
        return InboundMessage(
            channel="smtp",
            external_id=own,
            conversation=own,
            sender=Sender(id=""),
            text=text,
            reply_text=text,
            attachments=(whole,),
        )


def attachment_bytes(raw: bytes, number: int, *inside: int, ring: KeyRing | None = None) -> bytes:
    """Return the content of the attachment at that place in `parse_mail(raw).attachments`; raises `IndexError`.

    Further numbers lead into `contains`: `attachment_bytes(raw, 0, 2)` is the third file inside the first attachment.
    """
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    file = content_of(leaves(raw)[1], ring).files[number]
    for place in inside:
        file = file.inside[place]
    return file.leaf.content()


def contents(raw: bytes, ring: KeyRing | None = None) -> list[bytes]:
    """Return the content of each of `parse_mail(raw).attachments`, in their order; never raises.

    A mail nobody can read is its own attachment, like there.
    """
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    try:
        return [file.leaf.content() for file in content_of(leaves(raw)[1], ring).files]
    except Exception:  # noqa: BLE001  # as in parse_mail
        return [raw]


def _parse(raw: bytes, ring: KeyRing | None = None) -> InboundMessage:
    headers, parts = leaves(raw)
    content = content_of(parts, ring)
    attachments = tuple(_attachment(file) for file in content.files)
    text, html = readable(content.bodies)
    if not text and not attachments:
        text = undecoded(parts)
    sender = _sender(headers)
    subject = headers.text("subject")[:MAX_SUBJECT]
    own = message_id(headers.raw("message-id")) or f"sha256:{sha256(raw).hexdigest()}"
    references = tuple(_references(headers))
    parent = message_id(headers.raw("in-reply-to")) or None
    kind = kind_of(headers, sender.address, subject, (leaf.content_type for leaf in parts), text)
    return InboundMessage(
        channel="smtp",
        external_id=own,
        conversation=references[0] if references else parent or own,
        sender=Sender(id=sender.address, name=sender.name),
        to=_addresses(headers, "to"),
        cc=_addresses(headers, "cc"),
        subject=subject,
        text=text,
        reply_text=new_text(text),
        html=html,
        attachments=attachments,
        kind=kind,
        in_reply_to=parent,
        references=references,
        sent_at=sent_at(headers.text("date")),
        delivered_to=delivered_to(headers),
        reply_to=_addresses(headers, "reply-to"),
        thread_index=thread_index(headers),
        report=read_report(kind, headers, parts, subject, text),
        forwarded=forwarded(kind, subject, text, parts),
        confirmation=confirmation(sender.address, subject, text, html),
        spam=spam_verdict(headers),
        invitation=_invitation(parts),
        sealed=tuple(content.sealed),
        language=_language(headers),
    )


def _sender(headers: Headers) -> Mailbox:
    """Return who wrote it: From, else Sender, else Return-Path; a From without an address by its words."""
    for name in ("from", "sender", "return-path"):
        value = headers.raw(name)
        if found := mailboxes(value, headers.hint if not value.isascii() else "", limit=1):
            return found[0]
    name, _, word = headers.text("from").rpartition("<")  # MAILER-DAEMON has no domain
    word = word.strip("> ")
    return Mailbox((word or name.strip(' "')).lower()[:320], name.strip(' "'))


def _language(headers: Headers) -> str | None:
    """Return what the writer reads: what the mail is written in or else what its writer accepts (RFC 3282)."""
    said = (headers.plain(name) for name in ("content-language", "accept-language") if name in headers)
    return next((tag for one in said if (tag := tag_of(one))), None)


def _addresses(headers: Headers, name: str) -> tuple[str, ...]:
    """Return the addresses of every header of that name: there should be one, and sometimes there are more."""
    found = dict.fromkeys(box.address for value in headers.every(name)[:20] for box in mailboxes(value))
    return tuple(found)[:500]


def _references(headers: Headers) -> Iterator[str]:
    """Yield the ids of References, the first and the last 49: RFC 5322 sets no limit and mail programs do not either."""
    ids = list(dict.fromkeys(message_ids(headers.raw("references")))) if "references" in headers else []
    yield from ids[:1]
    yield from ids[1:][1 - MAX_REFERENCES :]


def _invitation(parts: Sequence[Leaf]) -> Invitation | None:
    """Return the first invitation among the parts: programs send it twice, as another view and as a file."""
    for leaf in parts:
        if leaf.content_type in ("text/calendar", "application/ics") and leaf.end - leaf.begin <= MAX_CALENDAR:
            found = calendar.invitation(leaf.text(), leaf.parameters.get("method", ""))
            if found is not None:
                return found
    return None


def _attachment(file: File) -> Attachment:
    leaf = file.leaf
    data = leaf.content()
    sniffed = other_than(leaf.content_type, data)
    inline = leaf.disposition == "inline" or (leaf.disposition == "" and leaf.related and "content-id" in leaf.headers)
    return Attachment(
        filename=leaf.shown_name,
        content_type=leaf.content_type,
        size=len(data),
        sha256=sha256(data).hexdigest(),
        inline=inline,
        sniffed=sniffed,
        dangerous=is_dangerous(leaf.filename, leaf.content_type, sniffed),
        type=_TYPES.get(leaf.content_type.partition("/")[0], "file"),
        content_id=leaf.content_id[:MAX_CONTENT_ID] or None,
        contains=tuple(_attachment(one) for one in file.inside),
    )
