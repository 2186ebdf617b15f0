"""A mail at the door, whichever way it came: over SMTP, out of a mailbox, through a pipe or from a provider over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.arrival import Arrival
from ingest.mail.identity import MailIdentity, identify
from tickets.message import thread_key


@dataclass(frozen=True, slots=True)
class Way:
    """How a mail came: the channel's type, the envelope (RFC 5321) where there was one, and the peer's address and HELO.

    `more` is kept beside it in the row's `meta` (a mailbox and its UID, for one).
    """

    type: str
    mail_from: str = ""
    recipients: Sequence[str] = ()
    peer: str = ""
    helo: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


def arrival(channel: str, raw: bytes, way: Way, identity: MailIdentity | None = None) -> Arrival:
    """Return a mail as it is kept: one row, its bytes as they came, with its envelope beside them.

    `identity` is what `identify` says of it, from a caller who knows it already.
    """
    identity = identity or identify(raw)
    meta = {
        "type": way.type,
        "format": "mail",
        "mail_from": way.mail_from,
        "recipients": list(way.recipients),
        "peer": way.peer,
        "helo": way.helo,
        **way.more,
    }
    return Arrival(
        channel=channel,
        external_id=f"mail:{identity.digest}",
        conversation=thread_key("mid", identity.message_id or f"sha256:{identity.digest}"),
        topic=thread_key("tix", identity.topic) if identity.topic else None,
        raw=raw,
        meta=meta,
    )
