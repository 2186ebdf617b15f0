"""A mail, as bytes, to an `InboundMessage`: everything readable is read, everything else is kept, nothing raises.

The standard library's `email` package only reads the date here: its parser ends the headers at a garbage line, raises on
mails people do send, copies every line of an attachment and needs half a second for 3,000 parts. What is accepted instead
is told where it happens: `headers`, `address`, `parts`, `charset`, `ingest.html`, `reply`, `kind`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256

from ingest.html.show import to_text
from ingest.mail.address import Mailbox, mailboxes
from ingest.mail.charset import decode
from ingest.mail.headers import Headers, message_id, message_ids
from ingest.mail.kind import kind_of
from ingest.mail.parts import Leaf, leaves
from ingest.mail.reply import new_text
from ingest.sniff import is_dangerous, other_than
from tickets.message import Attachment, AttachmentType, InboundMessage, Sender

MAX_REFERENCES = 50
MAX_SUBJECT = 4000

_WORDS = re.compile(r"\w+")
_OTHER_VIEWS = frozenset({"text/x-amp-html", "text/watch-html"})
_TYPES: dict[str, AttachmentType] = {"image": "image", "video": "video", "audio": "audio"}


def parse_mail(raw: bytes) -> InboundMessage:
    """Return the message a mail is (RFC 5322, MIME); a pure function of the bytes that never raises.

    `external_id` is the Message-ID or `sha256:` and the digest of the bytes; `conversation` the first of References, else
    In-Reply-To, else the external id; `html` is as received and must go through `safe_html` before anybody sees it.
    """
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    try:
        return _parse(raw)
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


def attachment_bytes(raw: bytes, number: int) -> bytes:
    """Return the content of the attachment at that place in `parse_mail(raw).attachments`; raises `IndexError`."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    return _sorted_out(leaves(raw)[1]).files[number].content()


def contents(raw: bytes) -> Iterator[bytes]:
    """Yield the content of each of `parse_mail(raw).attachments`, in their order."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    for leaf in _sorted_out(leaves(raw)[1]).files:
        yield leaf.content()


def _parse(raw: bytes) -> InboundMessage:
    headers, parts = leaves(raw)
    content = _sorted_out(parts)
    attachments = tuple(_attachment(leaf) for leaf in content.files)
    text, html = _body(content.bodies)
    if not text and not attachments:
        text = _undecoded(parts)
    sender = _sender(headers)
    subject = headers.text("subject")[:MAX_SUBJECT]
    own = message_id(headers.raw("message-id")) or f"sha256:{sha256(raw).hexdigest()}"
    references = tuple(_references(headers))
    parent = message_id(headers.raw("in-reply-to")) or None
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
        kind=kind_of(headers, sender.address, subject, (leaf.content_type for leaf in parts)),
        in_reply_to=parent,
        references=references,
        sent_at=_sent_at(headers.plain("date")),
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


def _addresses(headers: Headers, name: str) -> tuple[str, ...]:
    """Return the addresses of every header of that name: there should be one, and sometimes there are more."""
    found = dict.fromkeys(box.address for value in headers.every(name)[:20] for box in mailboxes(value))
    return tuple(found)[:500]


def _references(headers: Headers) -> Iterator[str]:
    """Yield the ids of References, the first and the last 49: RFC 5322 sets no limit and mail programs do not either."""
    ids = list(dict.fromkeys(message_ids(headers.raw("references")))) if "references" in headers else []
    yield from ids[:1]
    yield from ids[1:][1 - MAX_REFERENCES :]


def _sent_at(value: str) -> datetime | None:
    """Return the Date in UTC, None when it is no date; one without a zone is taken as UTC (RFC 5322, 3.3)."""
    try:
        when = parsedate_to_datetime(value[:100])
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class _Content:
    bodies: list[Leaf]
    files: list[Leaf]


def _sorted_out(parts: Sequence[Leaf]) -> _Content:
    """Tell what is the body from what is attached; nothing is neither, except other views of an alternative."""
    bodies: list[Leaf] = []
    files: list[Leaf] = []
    for leaf in parts:
        undivided = leaf.content_type.startswith("multipart/")
        readable = leaf.content_type in ("text/plain", "text/html") and leaf.disposition in ("", "inline")
        if undivided or (readable and not leaf.filename):
            bodies.append(leaf)
        elif not (leaf.content_type in _OTHER_VIEWS and leaf.alternative and not leaf.disposition):
            files.append(leaf)
    if not bodies:  # a text that came with a name is still the text when there is no other
        bodies = [
            leaf for leaf in files if leaf.content_type.startswith("text/") and leaf.disposition in ("", "inline")
        ][:1]
    return _Content(bodies, files)


def _body(bodies: Sequence[Leaf]) -> tuple[str, str | None]:
    """Return the readable text of the body parts, and the HTML as it came, None if there is none."""
    read = [(leaf, leaf.text()) for leaf in bodies]
    plain = [(leaf, text) for leaf, text in read if leaf.content_type != "text/html" and text.strip()]
    covered = {leaf.alternative for leaf, _ in plain if leaf.alternative}
    texts: list[str] = []
    pages: list[str] = []
    for leaf, text in read:
        if leaf.content_type != "text/html":
            texts.append(text)
            continue
        if text.strip():
            pages.append(text)
        if leaf.alternative in covered or not text.strip():
            continue
        converted = to_text(text)
        if leaf.alternative or not _says_the_same(converted, [words for _, words in plain]):
            texts.append(converted)
    joined = "\n\n".join(stripped for text in texts if (stripped := text.rstrip().lstrip("\n")))
    return joined, "\n".join(pages) if pages else None


def _says_the_same(converted: str, plain: Sequence[str]) -> bool:
    """Tell whether the HTML repeats the plain text: programs that do not know multipart/alternative send both."""
    words = set(_WORDS.findall(converted))
    said = set(_WORDS.findall(" ".join(plain)))
    return bool(plain) and len(words & said) >= 0.9 * len(words)


def _undecoded(parts: Sequence[Leaf]) -> str:
    """Return the body as it came over the wire: what a person can still read when nothing else is left."""
    return decode(b"\n".join(leaf.raw[leaf.begin : leaf.end] for leaf in parts)).strip()


def _attachment(leaf: Leaf) -> Attachment:
    data = leaf.content()
    sniffed = other_than(leaf.content_type, data)
    inline = leaf.disposition == "inline" or (leaf.disposition == "" and leaf.related and "content-id" in leaf.headers)
    return Attachment(
        filename=leaf.filename,
        content_type=leaf.content_type,
        size=len(data),
        sha256=sha256(data).hexdigest(),
        inline=inline,
        sniffed=sniffed,
        dangerous=is_dangerous(leaf.filename, leaf.content_type, sniffed),
        type=_TYPES.get(leaf.content_type.partition("/")[0], "file"),
    )
