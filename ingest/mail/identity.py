"""Which mail is this: known from its own bytes, at acceptance, before anything is parsed."""

import re
from dataclasses import dataclass
from hashlib import sha256

from ingest.mail.headers import block_end, message_id, start

_FIELD = re.compile(
    rb"^(message-id|from|date|subject)[ \t]*+:((?:[^\n]*+)(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE | re.MULTILINE
)
_MAX_FIELDS = 50


@dataclass(frozen=True, slots=True)
class MailIdentity:
    """The Message-ID without angle brackets ("" if there is none) and the digest of what the sender wrote."""

    message_id: str
    digest: str


def identify(raw: bytes) -> MailIdentity:
    """Return the identity of a mail; linear in its size, never raises.

    The digest (sha-256, hex) is over the Message-ID, From, Date and Subject values and the body, not over what hops add
    (Received, Return-Path, …; RFC 5321, 4.4), nor over line ends: the same mail over another way has the same digest, and
    another mail with a stolen Message-ID has another.
    """
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    begin = start(raw)
    stop, body_at = block_end(raw, begin, len(raw))
    fields: list[bytes] = []
    own = ""
    for match in _FIELD.finditer(raw, begin, stop):
        name = match[1].lower()
        fields.append(name + b":" + b" ".join(match[2].split()))
        if name == b"message-id" and not own:
            own = message_id(match[2])
        if len(fields) >= _MAX_FIELDS:
            break
    body = raw[body_at:]
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    # Sorted, because some relays put headers in another order; no field can hold the line feed that ends it.
    digest = sha256(b"\n".join([*sorted(fields), b"", body.rstrip(b"\n")]))
    return MailIdentity(own, digest.hexdigest())
