"""A mail that a person forwarded by hand: whose it was, as the block above its text or the attached mail tells it.

Programs agree on a line with the sender, and on one or two of date, recipient and subject beside it; how they are called is
in `ingest.mail.labels`. Whoever forwards can write there what he likes: it is believed as far as he is.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ingest.html.show import to_text
from ingest.mail.address import mailboxes
from ingest.mail.headers import message_id
from ingest.mail.labels import LABELS, Label
from ingest.mail.opening import ANSWERS, FORWARDS, opening
from ingest.mail.parts import Leaf, leaves
from tickets.message import Forwarded, Kind, Sender

MAX_LINES = 2000  # above the block
MAX_BLOCK = 40
MAX_VALUE = 2000

_MARK = re.compile(
    r"[\s>*_|]{0,12}(?:[-\u2013\u2014=_]{1,40}\s{0,3})?(?:begin )?forwarded (?:message|by\b|mail|e-?mail)"
    r"|[\s>]{0,9}[-\u2013\u2014=_]{4,40}\s{0,3}\w[\w\s'\u2019,.\-]{3,60}?\s{0,3}[-\u2013\u2014=_]{4,40}\s*$"
    r"|[\s>]{0,9}(?:anfang der weitergeleiteten|début du (?:message|courriel)|inicio del mensaje|inizio (?:del )?messaggio|begin doorgestuurd"
    r"|início da mensagem|začátek přeposílané|začiatok prepos|start på videresendt|välitetty viesti|továbbított levél|videresendt melding"
    r"|początek przekazywanej|vidarebefordrat mejl|ileti başlang|İleti başlang|начало пере|початок листа|započni proslije|începe mesajul)",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"[\s*_|\u200e\u200f]{0,12}([^\W\d_][^:\uff1a\n]{0,24}?)[\s*_|]{0,6}[:\uff1a][\s*_|\u200e\u200f]*(.*)"
)
_QUOTE = re.compile(r"\s{0,3}> ?")
_BARE = re.compile(r"(?<![^\s<>()\[\]:;,\"'=*])[^\s<>()\[\]:;,\"'=*@]++@(?:[\w-]++\.)++[\w-]{2,63}")
_CLOSED = re.compile(r"[<\[(](?:mailto:|smtp:)?[^\s<>()\[\]:;,\"'=@]++@(?:[\w-]++\.)++[\w-]{2,63}")
_WROTE = re.compile(r"[^\n<]{0,120}\d[^\n<]{0,200}<[^\s<>@]{1,64}@[^\s<>@]{1,255}>[^\n]{0,40}[:\uff1a]\s*$")
_LONG: tuple[Label, ...] = ("from", "to", "other")
_MAILS = ("message/rfc822", "message/global")


def forwarded(kind: Kind, subject: str, text: str, parts: Sequence[Leaf]) -> Forwarded | None:
    """Return the mail that this one forwards, None when it forwards none or its sender's address cannot be told for sure.

    Of several blocks the first counts: what the person who forwards had received. One without `Fwd:` in the subject counts
    only below a line that says so. `sent_at` is known where the block tells the zone. Never raises.
    """
    if kind not in ("message", "list"):
        return None
    word = opening(subject)
    named = word in FORWARDS
    if word in ANSWERS or not (named or "orwarded message" in text or not text.strip()):
        return None
    return _in_text(text, named) or (_attached(parts) if named or not text.strip() else None)


def _in_text(text: str, named: bool) -> Forwarded | None:
    lines = text.split("\n")
    marked = -MAX_BLOCK
    for at, line in enumerate(lines[:MAX_LINES]):
        if len(line) < 200 and _MARK.match(line) and (named or not line.lstrip().startswith(">")):
            marked = at
        near = at - marked <= 6
        if not (named or near) or not line.strip():
            continue
        if near and _WROTE.match(line[:500]):
            return _told(lines, at + 1, {"from": line.rpartition(", ")[2]})
        if ":" in line or "\uff1a" in line:
            fields, end = _block(lines, at)
            if "from" in fields and fields.keys() & {"date", "to", "subject"}:
                return _told(lines, end, fields)
    return None


def _block(lines: Sequence[str], begin: int) -> tuple[dict[Label, str], int]:
    """Return the labelled lines from there on, and where the text below them begins.

    A value goes on in lines without a label where it holds addresses, is long, or had none in its own line; HTML that
    became text has blank lines between the labels.
    """
    fields: dict[Label, str] = {}
    last: Label | None = None
    end = begin
    for at in range(begin, min(begin + MAX_BLOCK, len(lines))):
        line = _QUOTE.sub("", lines[at][:MAX_VALUE], count=1)
        label, value = _labelled(line)
        if label is not None and (label == "other" or label not in fields):
            last, end = label, at + 1
            fields[label] = value
        elif not line.strip():
            if not _goes_on(lines, at, fields):
                break
            last = None
        elif last is None or label is not None or not (last in _LONG or len(lines[at - 1]) >= 60 or not fields[last]):
            break
        else:
            fields[last] = f"{fields[last]} {line.strip()}"[:MAX_VALUE]
            end = at + 1
    return fields, end


def _labelled(line: str) -> tuple[Label | None, str]:
    match = _LABELLED.match(line)
    label = LABELS.get(match[1].strip().lower()) if match else None
    return label, match[2].strip(" *_\t") if match else ""


def _goes_on(lines: Sequence[str], at: int, fields: dict[Label, str]) -> bool:
    following = next((line for line in lines[at + 1 : at + 3] if _QUOTE.sub("", line, count=1).strip()), "")
    label, _ = _labelled(_QUOTE.sub("", following[:MAX_VALUE], count=1))
    return label is not None and label not in fields


def _told(lines: Sequence[str], begin: int, fields: dict[Label, str]) -> Forwarded | None:
    sender = _sender(fields["from"])
    if sender is None:
        return None
    below = lines[begin:]
    first = next((line for line in below if line.strip()), "")
    if _QUOTE.match(first):
        below = [_QUOTE.sub("", line, count=1) for line in below]
    return Forwarded(
        sender=sender,
        to=tuple(dict.fromkeys(found.lower() for found in _BARE.findall(fields.get("to", "")))),
        subject=" ".join(fields.get("subject", "").split()),
        text="\n".join(below).strip(),
        sent_at=_time(fields.get("date", "")),
        message_id=message_id(fields.get("id", "").encode("utf-8", "replace")) or None,
    )


def _sender(value: str) -> Sender | None:
    """Return who `Name <a@b>`, `Name [mailto:a@b]`, `"b@c" <a@b<mailto:a@b>>` or `a@b` is; None for several or none."""
    closed = {found[0].lstrip("<[(").rpartition(":")[2].lower() for found in _CLOSED.finditer(value)}
    found = closed or {address.lower() for address in _BARE.findall(value)}
    if len(found) != 1:
        return None
    (address,) = found
    at = value.lower().find(address)
    name = re.split(r"[<\[(]", value[:at])[0] if at > 0 else ""
    return Sender(id=address, name=" ".join(name.split()).strip(" \"'*"))


def _time(value: str) -> datetime | None:
    """Return a date that tells its zone, in UTC: without one it is of the forwarder's, whom nobody can ask."""
    try:
        when = parsedate_to_datetime(value[:100])
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None
    return when.astimezone(UTC) if when.tzinfo is not None else None


def _attached(parts: Sequence[Leaf]) -> Forwarded | None:
    """Return the one mail that is attached; among several nobody can tell which is meant."""
    mails = [leaf for leaf in parts if leaf.content_type in _MAILS or leaf.filename.lower().endswith(".eml")]
    if len(mails) != 1:
        return None
    headers, inner = leaves(mails[0].content())
    senders = mailboxes(headers.raw("from"), limit=2)
    if len(senders) != 1:
        return None
    return Forwarded(
        sender=Sender(id=senders[0].address, name=senders[0].name),
        to=tuple(box.address for box in mailboxes(headers.raw("to"))),
        subject=headers.text("subject")[:4000],
        text=next((text for text in _texts(inner) if text), ""),
        sent_at=_time(headers.plain("date")),
        message_id=message_id(headers.raw("message-id")) or None,
    )


def _texts(inner: Sequence[Leaf]) -> Iterator[str]:
    """Yield the readable bodies of an attached mail, plain ones first."""
    for content_type in ("text/plain", "text/html"):
        for leaf in inner:
            if leaf.content_type == content_type and not leaf.filename and leaf.disposition in ("", "inline"):
                text = leaf.text()
                yield (text if content_type == "text/plain" else to_text(text)).strip()
