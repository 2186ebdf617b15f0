"""What a bounce or a complaint is about: which mail, to whom, and why.

RFC 3464 (delivery status), RFC 6533 (its internationalised form), RFC 5965 (feedback reports); for mail servers that write
neither, what stands in the text above the returned mail. Their sentences are told in `ingest.mail.phrases`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from ingest.mail.address import mailboxes
from ingest.mail.headers import Headers, message_id, message_ids, split
from ingest.mail.notice import read_notice
from ingest.mail.parts import Leaf
from tickets.message import Kind, Report

MAX_RECIPIENTS = 50
MAX_GROUPS = 200
MAX_STATUS = 200_000  # characters of a delivery-status part
MAX_RETURNED = 200_000  # bytes or characters in which the returned mail's headers are looked for
MAX_DIAGNOSTIC = 300

_REPORTS = (
    "message/delivery-status", "message/global-delivery-status",
    "message/disposition-notification",  # a mailbox that refuses a mail (RFC 5429, 2.2)
)  # fmt: skip
_RETURNED = (
    "message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers",
)  # fmt: skip
_GROUP = re.compile(r"\n[ \t]*\n")
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]{0,60})[ \t]*:[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_TYPE = re.compile(r"^\s*[A-Za-z0-9-]{1,30}\s*;\s*")
_ADDRESS = re.compile(r"(?<![^\s<>()\[\],;:\"@])[^\s<>()\[\],;:\"@]+@[^\s<>()\[\],;:\"@]+")
_UTF8 = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_QUOTED_ID = re.compile(
    r"^[ \t>|]{0,10}(?:(?:X-)?Original-)?Message-ID[ \t]*:\s{0,5}(<[^<>\s]{1,500}>)", re.IGNORECASE | re.MULTILINE
)
_LATE = re.compile(r"\bdelay|warning: (?:could not|message)|verzöger|retard|差出遅延|配信遅延|延迟", re.IGNORECASE)
_WORST = ("failed", "delayed", "relayed", "expanded", "delivered")


def read_report(kind: Kind, headers: Headers, parts: Sequence[Leaf], subject: str, text: str) -> Report | None:
    """Return what a bounce or a feedback report says; None for a mail of another kind. Never raises.

    `recipients` are those the worst action holds for, as the lost mail named them (Original-Recipient before
    Final-Recipient). A feedback report's action is `complained`, its diagnostic the Feedback-Type.
    """
    if kind == "feedback_report":
        return _complaint(headers, parts, text)
    if kind != "bounce":
        return None
    returned = _returned(parts)
    found = next((told for leaf in parts if leaf.content_type in _REPORTS and (told := _status(leaf))), None)
    notice = (
        read_notice(text, {box.address for box in mailboxes(headers.raw("to"), limit=20)}) if _lacks(found) else None
    )
    action = found.action if found else "delayed" if _LATE.search(subject) or (notice and notice.late) else "failed"
    recipients = found.recipients if found else ()
    if not recipients:
        failed = tuple(box.address for box in mailboxes(headers.raw("x-failed-recipients"), limit=MAX_RECIPIENTS))
        recipients = failed or (notice.recipients if notice else ()) or _addressed(returned)
    diagnostic = (found.diagnostic if found else "") or (notice.diagnostic if notice else "")
    return Report(
        action=action,
        status=(found.status if found else "") or (notice.status if notice else ""),
        recipients=recipients,
        diagnostic=diagnostic[:MAX_DIAGNOSTIC],
        original=_original(headers, parts, returned, text),
    )


def _lacks(found: Report | None) -> bool:
    return found is None or not (found.recipients and found.status and found.diagnostic)


def _complaint(headers: Headers, parts: Sequence[Leaf], text: str) -> Report:
    returned = _returned(parts)
    fields: Mapping[str, str] = {}
    for leaf in parts:
        if leaf.content_type == "message/feedback-report":
            fields = _fields(leaf.text()[:MAX_STATUS])
            break
    recipient = _recipient(fields.get("original-rcpt-to", "")) or _recipient(fields.get("removal-recipient", ""))
    if not recipient and returned:
        recipient = _recipient(returned.plain("x-hmxmroriginalrecipient")[:1000])
    return Report(
        action="complained",
        recipients=(recipient,) if recipient else _addressed(returned),
        diagnostic=fields.get("feedback-type", "abuse")[:MAX_DIAGNOSTIC],
        original=_original(headers, parts, returned, text),
    )


# --- the part for machines --------------------------------------------------------------------------------------------


def _status(leaf: Leaf) -> Report | None:
    """Return what the groups of a delivery-status part say of recipients, None if nothing; the first is about the mail."""
    text = leaf.text()[:MAX_STATUS].strip("\n")
    groups = [_fields(group) for group in _GROUP.split(text, MAX_GROUPS)]
    told = [
        _Told(fields)
        for fields in groups
        if fields.keys() & {"final-recipient", "original-recipient", "action", "status"}
    ]
    if not told:
        return None
    worst = min((one.action for one in told), key=_WORST.index)
    those = [one for one in told if one.action == worst]
    recipients = dict.fromkeys(one.recipient for one in those if one.recipient)
    return Report(
        action=worst,
        status=next((one.status for one in those if one.status), ""),
        recipients=tuple(recipients)[:MAX_RECIPIENTS],
        diagnostic=next((one.diagnostic for one in those if one.diagnostic), ""),
    )


class _Told:
    """One group of fields: what became of the mail for one recipient."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        diagnostic = _TYPE.sub("", fields.get("diagnostic-code", ""))
        self.diagnostic = " ".join(diagnostic.split())[:MAX_DIAGNOSTIC]
        self.recipient = (
            _recipient(fields.get("original-recipient", ""))
            or _recipient(fields.get("final-recipient", ""))
            or _recipient(fields.get("x-actual-recipient", ""))
        )
        self.status = _exact(fields.get("status", ""), self.diagnostic)
        word = fields.get("action", "").split("(")[0].strip().lower()
        if word not in _WORST:
            word = {"2": "delivered", "4": "delayed"}.get(self.status[:1], "failed")
        self.action = word


def _exact(status: str, diagnostic: str) -> str:
    """Return the status code; one that says nothing but its class gives way to what the remote server answered."""
    match, said = _STATUS.search(status), _STATUS.search(diagnostic)
    if match and (not match[1].endswith(".0.0") or said is None or said[1][0] != match[1][0]):
        return match[1]
    return said[1] if said else ""


def _fields(group: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for match in _FIELD.finditer(group):
        fields.setdefault(match[1].lower(), " ".join(match[2].split()))
    return fields


def _recipient(value: str) -> str:
    r"""Return the address of `rfc822; <a@b>`, `utf-8; \x{e4}@b` (RFC 6533, 3) or `a@b`, "" for an X.400 or other name."""
    bare = _UTF8.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), _TYPE.sub("", value[:1000]))
    match = _ADDRESS.search(bare)
    return match[0].strip(".'").lower() if match else ""


# --- the returned mail ------------------------------------------------------------------------------------------------


def _returned(parts: Sequence[Leaf]) -> Headers | None:
    """Return the headers of the first attached mail that has any."""
    for leaf in parts:
        if leaf.content_type in _RETURNED:
            data = leaf.content()[:MAX_RETURNED].lstrip(b"\r\n \t")
            headers, _ = split(data, 0, len(data))
            if headers.fields:
                return headers
    return None


def _addressed(returned: Headers | None) -> tuple[str, ...]:
    """Return whom the returned mail was for, when that was one person: among several nobody can tell who is meant."""
    boxes = mailboxes(returned.raw("to"), limit=2) if returned else []
    return (boxes[0].address,) if len(boxes) == 1 else ()


def _original(headers: Headers, parts: Sequence[Leaf], returned: Headers | None, text: str) -> str | None:
    return next((found for found in _ids(headers, parts, returned, text) if found), None)


def _ids(headers: Headers, parts: Sequence[Leaf], returned: Headers | None, text: str) -> Iterator[str]:
    if returned:
        yield message_id(returned.raw("message-id"))
    own = message_id(headers.raw("message-id"))
    for match in _QUOTED_ID.finditer(text[:MAX_RETURNED]):
        if match[1][1:-1] != own:
            yield match[1][1:-1]
            break
    for leaf in parts:
        if leaf.content_type in _REPORTS and (said := _QUOTED_ID.search(leaf.text()[:MAX_STATUS])):
            yield said[1][1:-1]
    yield message_id(headers.raw("in-reply-to"))  # Exchange and Gmail thread their bounces
    yield from message_ids(headers.raw("references")[-20_000:])[-1:]
