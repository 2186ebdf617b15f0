"""Which mail is this: known from its own bytes, at acceptance, before anything is parsed."""

import binascii
import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

from ingest.mail.headers import block_end, message_id, start

_FIELD = re.compile(
    rb"^(message-id|from|date|subject|thread-index)[ \t]*+:((?:[^\n]*+)(?:\n[ \t][^\n]*+)*+)",
    re.IGNORECASE | re.MULTILINE,
)
_MAX_FIELDS = 50
_KEEPS_THE_LOCK = 2047
"""Bytes; hashlib gives up the lock for more (its documentation says so)."""
_SMALL = 256 * 1024


@dataclass(frozen=True, slots=True)
class MailIdentity:
    """The Message-ID without angle brackets ("" if there is none), the digest of what the sender wrote, and the topic.

    The topic is what Thread-Index has for a whole conversation: its first 22 bytes in base64 (MS-OXOMSG, 2.2.1.3), or nothing.
    """

    message_id: str
    digest: str
    topic: str | None = None


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
    own, topic = "", None
    for match in _FIELD.finditer(raw, begin, stop):
        name = match[1].lower()
        if name == b"thread-index":  # servers on the way may change it, so it is not in the digest
            topic = topic or topic_of(match[2])
            continue
        fields.append(name + b":" + b" ".join(match[2].split()))
        if name == b"message-id" and not own:
            own = message_id(match[2])
        if len(fields) >= _MAX_FIELDS:
            break
    body = raw[body_at:]
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    # Sorted, because some relays put headers in another order; no field can hold the line feed that ends it.
    digest = _sha256(b"\n".join([*sorted(fields), b"", body.rstrip(b"\n")]))
    return MailIdentity(own, digest, topic)


def _sha256(data: bytes) -> str:
    """Return the digest in hex. Small mails go in by pieces that are too short for hashlib to give up the interpreter lock.

    Getting the lock back from a busy thread takes three times as long as the hashing of such a mail.
    """
    piece = _KEEPS_THE_LOCK if len(data) < _SMALL else len(data)
    digest = sha256()
    view = memoryview(data)
    for at in range(0, len(data), piece):
        digest.update(view[at : at + piece])
    return digest.hexdigest()


def topic_of(value: bytes) -> str | None:
    """Return the topic that a Thread-Index names, or nothing when it is none."""
    try:
        data = binascii.a2b_base64(b"".join(value[:8000].split()), strict_mode=True)
    except binascii.Error:
        return None
    return b64encode(data[:22]).decode() if len(data) >= 22 else None
