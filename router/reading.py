"""Reading a row before its transaction: what the bytes say, and how far they can be believed.

This is the slow and the outside part of routing: parsing, questions to DNS. Nothing is written here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from config.desk import Agent, ChannelConfig, Desk, MailConfig, TrustConfig
from ingest import channel as channels
from ingest.channel import Unreadable
from ingest.mail.read import parse_mail
from ingest.mail.sealed import key_ring
from ingest.mail.trust import judge
from ingest.mail.verify import Verifier
from ingest.virus import Scanner, scanned
from tickets.message import InboundMessage
from tickets.trust import Trust

PATIENCE = 3
"""How often a mail waits for a name server that does not answer before it goes on unproven."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as it is routed, with what stands around it.

    `meta` is what the inbox kept beside the bytes; `trust` is nothing for a channel that proves its senders itself; `agent`
    wrote it or forwarded it, and that is proven; `words` tell how sure that is where it matters.
    """

    message: InboundMessage
    meta: Mapping[str, Any]
    trust: Trust | None = None
    agent: Agent | None = None
    forwarded: bool = False
    words: str = ""

    @property
    def forged(self) -> bool:
        """Whether the sender's domain says that this mail is not from there."""
        return self.trust is not None and self.trust.authentic is False

    @property
    def archived(self) -> bool:
        """Whether it is history that is brought in: nobody is told of it and nothing is to be done."""
        return bool(self.meta.get("archive"))

    def when(self, now: float) -> float:
        """Return when it stands in the history, UTC seconds: now, but history that is brought in when it was sent."""
        sent = self.message.sent_at
        return min(now, sent.timestamp()) if self.archived and sent else now


class NotYet(Exception):  # noqa: N818  # a state of the world outside, not a defect
    """Something outside must be asked again before this row can be routed."""


def read(row: Any, desk: Desk, verifier: Verifier) -> Reading:
    """Return the message a row holds; raises `Unreadable` when its channel does not find it there, or `NotYet`."""
    message, meta = parsed(row, desk)
    if meta.get("format") != "mail":
        return Reading(message, meta)
    trust = judge(row.raw, meta, _trust_config(desk.channels_by_name.get(row.channel)), verifier)
    if trust is not None and "temperror" in (trust.dkim, trust.dmarc, trust.spf) and row.attempts < PATIENCE:
        raise NotYet(trust.because)
    return believed(message, meta, trust, desk)


def parsed(row: Any, desk: Desk) -> tuple[InboundMessage, dict[str, Any]]:
    """Return what a row's bytes say, and what was kept beside them; raises `Unreadable`. The desk only has the keys."""
    meta: dict[str, Any] = json.loads(row.meta)
    if meta.get("format") != "mail":
        return _platform_message(row, meta), meta
    return parse_mail(row.raw, key_ring(desk.desk.decryption)), meta


def scan(reading: Reading, scanner: Scanner, raw: bytes, desk: Desk, waited: float) -> Reading:
    """Return it with what the scanner says of its files; raises `Temporary`. `waited` is since when it is kept, in seconds."""
    ring = key_ring(desk.desk.decryption)
    return replace(reading, message=scanned(scanner, reading.message, raw, reading.meta, waited, ring))


def believed(message: InboundMessage, meta: Mapping[str, Any], trust: Trust | None, desk: Desk) -> Reading:
    """Return the mail with who it is from: an agent only when that is proven; a mail an agent forwards is its writer's."""
    named = desk.agents_by_address.get(message.sender.id)
    if named is None:
        return Reading(message, meta, trust)
    if trust is None or trust.authentic is not True:
        why = trust.because if trust else "its channel has no `trust`, so nobody knows"
        words = (
            f"{message.sender.id} is {named.name}'s address, but that is not proven ({why}); it counts as a customer's"
        )
        return Reading(message, meta, trust, words=words)
    if message.forwarded is None or message.in_reply_to or message.kind != "message":
        return Reading(message, meta, trust, agent=named)
    original = message.forwarded
    kept = {
        "sender": original.sender,
        "subject": original.subject or message.subject,
        "reply_text": original.text or message.reply_text,
    }
    words = f"{named.name} forwarded it; it is {original.sender.id}'s"
    return Reading(message.model_copy(update=kept), meta, trust, agent=named, forwarded=True, words=words)


def _platform_message(row: Any, meta: Mapping[str, Any]) -> InboundMessage:
    messages = channels.find(meta["type"]).parse(row.raw)
    part: int = row.part
    if part >= len(messages):
        raise Unreadable(f"the payload holds {len(messages)} messages, this is number {part + 1}")
    return messages[part]


def _trust_config(config: ChannelConfig | None) -> TrustConfig | None:
    return config.trust if isinstance(config, MailConfig) else None
