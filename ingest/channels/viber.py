"""Viber: what people write to a bot, one event per call of the webhook, and the answers it sends.

    POST /in/viber-bot
    X-Viber-Content-Signature: <HMAC-SHA256 of the body with the bot's token, in hex>

    {"event": "message", "timestamp": 1795348800000, "message_token": 5741311803571721087,
     "sender": {"id": "01234567890A=", "name": "Ann"}, "message": {"type": "text", "text": "Hello"}}

    200 {}

Vendor's document: Viber REST API 7.3 (https://developers.viber.com/docs/api/rest-bot-api/). Viber repeats an event for an hour
until it hears 200. `set_webhook` posts the event `webhook`, which only wants 200. A message's token is larger than most
programs' numbers and is kept as a string. Viber answers a call with HTTP 200 also when it refuses it: `status` tells.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field

from config.desk import ChannelConfig
from config.model import Secrets
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.cutting import pieces
from ingest.first_line import first_line
from ingest.outbound import Answered, Outbound, revealed
from ingest.payload import Fields, count, digest, geo, ident, moment, opened, part, word
from ingest.proof import is_one_of
from ingest.proof import opened as secrets_of
from tickets.message import Attachment, AttachmentType, InboundMessage, Receipt, Sender
from tickets.reply import Reply
from tickets.trouble import FailureKind, Permanent, Temporary, failure

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)
LONGEST: Final = 7000

_RECEIPTS: Final[Mapping[str, Literal["delivered", "read", "failed"]]] = {
    "delivered": "delivered",
    "seen": "read",
    "failed": "failed",
}
_LIFECYCLE: Final = {"subscribed": "[subscribed]", "unsubscribed": "[blocked]", "conversation_started": "[started]"}
_MEDIA: Final[Mapping[str, tuple[AttachmentType, str]]] = {
    "picture": ("image", "image/jpeg"),
    "video": ("video", "video/mp4"),
    "file": ("file", "application/octet-stream"),
    "sticker": ("sticker", "image/png"),
}
_STATUS: Final[Mapping[int, tuple[FailureKind, str]]] = {
    2: ("auth", "Viber does not know the token of this channel; copy it again from the bot's settings"),
    3: ("invalid", "Viber does not take the message"),
    4: ("invalid", "Viber does not take the message"),
    5: ("not_found", "the customer has no Viber account any more"),
    6: ("blocked", "the customer has unsubscribed from the bot"),
    7: ("auth", "Viber has blocked the bot; ask Viber why"),
    8: ("auth", "Viber does not know the bot any more"),
    9: ("auth", "Viber has suspended the bot; ask Viber why"),
    10: ("auth", "the bot has no webhook; call set_webhook for it"),
    11: ("invalid", "the customer's device cannot show messages of a bot"),
    12: ("rate_limited", "Viber asks to wait"),
    13: ("invalid", "the customer's Viber is too old for the message"),
    14: ("invalid", "the customer's Viber is too old for the message"),
    15: ("auth", "Viber does not let the bot send; ask Viber why"),
    21: ("invalid", "the bot may not write into the customer's country"),
    23: ("window_expired", "the session is over and no free message is left; wait until the customer writes"),
    24: ("auth", "the bot's balance at Viber is used up; it goes on once there is some"),
}


class Config(ChannelConfig):
    """`type: viber` — messages to a bot, delivered by Viber's webhook."""

    type: Literal["viber"] = "viber"
    tokens: Secrets = Field(
        description="the bot's token, as env:NAME or file:/path; a list while it changes, the new one first"
    )
    sender: str = Field(
        default="Support", min_length=1, max_length=28, description="the name customers see above answers"
    )
    base_url: str = Field(default="https://chatapi.viber.com", description="only for a proxy or a test")


def verify(config: Config, request: Request) -> None:
    """Return when Viber signed the body; raises `Refused`: 401 a wrong signature, 503 when our token is not there."""
    rights = [hmac.digest(token, request.raw, "sha256").hex().encode() for token in secrets_of(config.tokens)]
    if not is_one_of(request.headers.get("x-viber-content-signature", ""), rights):
        raise Refused(401, "X-Viber-Content-Signature is not the signature of this body with the bot's token")


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message an event is, none for `webhook`; raises `Unreadable` when it is no event.

    A message of a kind that is not known yet has the text `[unsupported: …]`; an event that is not known is `lifecycle`.
    """
    event = opened(raw)
    name = word(event, "event")
    if not name:
        raise Unreadable("event is missing")
    if name == "webhook":
        return []
    person = part(event, "sender") or part(event, "user")
    sender = Sender(id=ident(person, "id") or ident(event, "user_id"), name=word(person, "name"))
    token = ident(event, "message_token") or digest(raw)
    about = {
        "channel": "viber",
        "conversation": sender.id or f"token:{token}",
        "sender": sender,
        "sent_at": moment(event.get("timestamp")),
    }
    if name == "message":
        return [_message(about, token, part(event, "message"))]
    if name in _RECEIPTS:
        error = word(event, "desc") if name == "failed" else ""
        receipt = Receipt(state=_RECEIPTS[name], ids=(token,), error=error)
        return [InboundMessage(**about, external_id=f"{token}:{name}", kind="receipt", receipt=receipt)]
    context = word(event, "context")
    text = f"{_LIFECYCLE.get(name, f'[{name}]')} {context}".rstrip()
    return [InboundMessage(**about, external_id=token, kind="lifecycle", text=text, reply_text=text)]


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # what else stands in it would be a welcome message
    """Return 200 with nothing in it."""
    return Answer()


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send the text in messages of at most 7,000 characters and yield the token of each.

    Viber fetches files from public addresses and takes none from here, so an answer with files is refused as a whole.
    """
    if reply.attachments:
        raise failure("invalid", "Viber takes no files from here; write where the customer finds them instead")
    headers = {"X-Viber-Auth-Token": revealed(config.tokens[0])}
    for text in pieces(reply.text, LONGEST)[len(reply.done) :]:
        said = {
            "receiver": reply.to,
            "type": "text",
            "text": text,
            "sender": {"name": config.sender},
            "min_api_version": 1,
        }
        answered = out.call("POST", f"{config.base_url}/pa/send_message", headers=headers, json=said)
        if not answered.ok or answered.json.get("status") != 0:
            raise _failure(answered)
        yield ident(answered.json, "message_token")


def _message(about: Mapping[str, Any], token: str, message: Fields) -> InboundMessage:
    kind = word(message, "type")
    text, attachment = _text(kind, message), _attachment(kind, message)
    known = bool(text or attachment)
    text = text if known else f"[unsupported: {kind or 'message'}]"
    return InboundMessage(
        **about,
        external_id=token,
        subject=first_line(text),
        text=text,
        reply_text=text,
        attachments=(attachment,) if attachment else (),
        kind="message" if known else "unsupported",
    )


def _text(kind: str, message: Fields) -> str:
    """Return the words of a message; a link it shares, a person or a place are words too."""
    text = word(message, "text")
    if kind == "url":
        link = word(message, "media")
        return text if link in text else f"{text}\n{link}".strip()
    if kind == "contact":
        contact = part(message, "contact")
        return f"{word(contact, 'name')} {word(contact, 'phone_number')}".strip()
    return text or word(part(message, "location"), "address")


def _attachment(kind: str, message: Fields) -> Attachment | None:
    if kind == "location":
        where = geo(part(message, "location"), "lat", "lon")
        return Attachment(content_type="text/plain", type="location", url=where) if where else None
    if kind == "contact" and (contact := part(message, "contact")):
        phone = word(contact, "phone_number")
        url = f"tel:{phone}" if phone else None
        return Attachment(filename=word(contact, "name"), content_type="text/vcard", type="contact", url=url)
    media = word(message, "media")
    if kind not in _MEDIA or not (media or ident(message, "sticker_id")):
        return None
    shown, content_type = _MEDIA[kind]
    return Attachment(
        filename=word(message, "file_name"),
        content_type=content_type,
        size=count(message, "size") or count(message, "file_size") or None,
        type=shown,
        url=media if media.startswith("https://") else None,
    )


def _failure(answered: Answered) -> Temporary | Permanent:
    status = answered.json.get("status")
    if answered.status == 429:
        return failure("rate_limited", "Viber asks to wait", answered.retry_after)
    if answered.status >= 500:
        return failure("transient", f"Viber has trouble of its own (HTTP {answered.status})", answered.retry_after)
    if not isinstance(status, int):
        return failure("unknown", f"Viber did not say whether it took the message (HTTP {answered.status})")
    kind, meaning = _STATUS.get(status, ("unknown", "Viber does not take the message"))
    return failure(kind, f"{meaning} (status {status}: {word(answered.json, 'status_message')[:200]})")
