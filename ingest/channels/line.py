"""LINE: what people write to an official account, in batches, and the answers it sends.

    POST /in/line-bot
    X-Line-Signature: <HMAC-SHA256 of the body with the channel's secret, in base64>

    {"destination": "U0f5c", "events": [{"type": "message", "webhookEventId": "01HF0000000000000000000001",
     "timestamp": 1795348800000, "source": {"type": "user", "userId": "U4af4"}, "replyToken": "nHuy", "mode": "active",
     "deliveryContext": {"isRedelivery": false}, "message": {"id": "325708", "type": "text", "text": "Hello"}}]}

    200 {}

Vendor's document: LINE Messaging API (https://developers.line.biz/en/reference/messaging-api/) and line/line-openapi. The
console's "Verify" posts no events. What LINE sends again has the same webhookEventId. Files are fetched later by the id of their
message, which stands in an attachment's `url` as `line:<message id>`.
"""

import base64
import hmac
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import quote

from pydantic import Field

from config.desk import ChannelConfig
from config.model import Secret, Secrets
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.cutting import pieces
from ingest.first_line import first_line
from ingest.outbound import Answered, File, Outbound, revealed
from ingest.payload import Fields, count, digest, geo, ident, moment, opened, part, parts, word
from ingest.proof import is_one_of
from ingest.proof import opened as secrets_of
from tickets.message import Attachment, AttachmentType, InboundMessage, Sender
from tickets.reply import Reply
from tickets.trouble import Permanent, Temporary, failure

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)
LONGEST: Final = 5000
REPLY_SECONDS: Final = 50.0
"""A reply token lives about a minute."""
_QUOTA_SECONDS: Final = 3600.0
_RETRY_KEYS: Final = uuid.UUID("6f1a2a46-55a6-4f0d-9a55-0d4fd6b5c3b1")
_MEDIA: Final[Mapping[str, tuple[AttachmentType, str]]] = {
    "image": ("image", "image/jpeg"),
    "video": ("video", "video/mp4"),
    "audio": ("audio", "audio/mp4"),
    "file": ("file", "application/octet-stream"),
}


class Config(ChannelConfig):
    """`type: line` — messages to an official account, delivered by LINE's webhook."""

    type: Literal["line"] = "line"
    secrets: Secrets = Field(description="the channel secret, as env:NAME or file:/path; a list while it changes")
    token: Secret = Field(description="the channel access token; answers, files and names need it")
    base_url: str = Field(default="https://api.line.me", description="only for a proxy or a test")
    content_url: str = Field(
        default="https://api-data.line.me", description="where files lie; only for a proxy or a test"
    )


def origins(config: Config) -> list[str]:
    """Return what an operator may have written besides `base_url`."""
    return [config.content_url]


def verify(config: Config, request: Request) -> None:
    """Return when LINE signed the body; raises `Refused`: 401 a wrong signature, 503 when our secret is not there."""
    rights = [base64.b64encode(hmac.digest(one, request.raw, "sha256")) for one in secrets_of(config.secrets)]
    if not is_one_of(request.headers.get("x-line-signature", ""), rights):
        raise Refused(401, "X-Line-Signature is not the signature of this body with the channel's secret")


def parse(raw: bytes) -> list[InboundMessage]:
    """Return one message for each event, none for the console's "Verify"; raises `Unreadable`.

    A message of a kind that is not known yet has the text `[unsupported: …]`; an event that is not known is `lifecycle`.
    """
    said = opened(raw)
    if not isinstance(said.get("events"), list):
        raise Unreadable("events is missing or no list")
    account = word(said, "destination")
    try:
        return [_event(account, event) for event in parts(said, "events")]
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # LINE wants no more than success
    """Return 200 with nothing in it."""
    return Answer()


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send the text in messages of at most 5,000 UTF-16 units and yield LINE's id of each.

    The first goes with the reply token, which costs nothing, where that is young enough; the others are pushed with a key by
    which LINE knows a repetition. LINE fetches files from public addresses and takes none from here, so an answer with files
    is refused as a whole.
    """
    if reply.attachments:
        raise failure("invalid", "LINE takes no files from here; write where the customer finds them instead")
    headers = {"Authorization": f"Bearer {revealed(config.token)}"}
    texts = pieces(reply.text, LONGEST, "utf16")
    for place in range(len(reply.done), len(texts)):
        messages = [{"type": "text", "text": texts[place]}]
        answered = _replied(config, reply, out, headers, messages) if place == 0 else None
        if answered is None:
            key = {"X-Line-Retry-Key": str(uuid.uuid5(_RETRY_KEYS, f"{reply.key}:{place}"))}
            said = {"to": reply.conversation, "messages": messages}
            answered = out.call("POST", f"{config.base_url}/v2/bot/message/push", headers={**headers, **key}, json=said)
        if not answered.ok and answered.status != 409:  # 409: an earlier attempt with this key was accepted
            raise _failure(answered)
        if not answered.body.lstrip().startswith(b"{") and answered.ok:
            raise failure("unknown", "LINE did not say whether it took the message; look into the chat")
        sent = parts(answered.json, "sentMessages")
        yield ident(sent[0], "id") if sent else answered.headers.get("x-line-accepted-request-id", "")


def fetch(config: Config, account: str, url: str, out: Outbound) -> File:  # noqa: ARG001  # the token is of one account
    """Return the file behind `line:<message id>`, or at an address outside of LINE; raises like `send`."""
    if not url.startswith("line:"):
        return out.file(url)
    where = f"{config.content_url}/v2/bot/message/{quote(url.removeprefix('line:'), safe='')}/content"
    return out.file(where, headers={"Authorization": f"Bearer {revealed(config.token)}"})


def name(config: Config, account: str, sender: str, out: Outbound) -> str:  # noqa: ARG001  # the token is of one account
    """Return what a person or a group is called; "" for who is known in a group only. Raises like `send`."""
    kind, called = {"U": ("profile/{}", "displayName"), "C": ("group/{}/summary", "groupName")}.get(
        sender[:1], ("", "")
    )
    if not kind:
        return ""
    url = f"{config.base_url}/v2/bot/{kind.format(quote(sender, safe=''))}"
    answered = out.call("GET", url, headers={"Authorization": f"Bearer {revealed(config.token)}"})
    if answered.status == 404:
        return ""
    if not answered.ok:
        raise _failure(answered)
    return word(answered.json, called)


def _event(account: str, event: Fields) -> InboundMessage:
    source, message = part(event, "source"), part(event, "message")
    external_id = ident(event, "webhookEventId") or ident(message, "id") or _serial(event)
    conversation = ident(source, "groupId", "roomId", "userId")
    about: dict[str, Any] = {
        "channel": "line",
        "account": account,
        "external_id": external_id,
        "conversation": conversation or f"event:{external_id}",
        "sender": Sender(id=ident(source, "userId") or conversation),
        "sent_at": moment(event.get("timestamp")),
    }
    token = word(event, "replyToken")
    handle = {"reply_token": token} if token else {}
    kind = word(event, "type") or ("message" if message else "")
    if kind == "message":
        return _message(about, handle, message)
    if kind == "unsend":
        unsent = ident(part(event, "unsend"), "messageId")
        return InboundMessage(**about, kind="delete", in_reply_to=unsent or None)
    if kind == "postback":
        pressed = part(event, "postback")
        text = " ".join(filter(None, [word(pressed, "data"), *_params(part(pressed, "params"))])) or "[postback]"
        return InboundMessage(
            **about, kind="postback", subject=first_line(text), text=text, reply_text=text, handle=handle
        )
    text = _happened(kind, event)
    return InboundMessage(**about, kind="lifecycle", text=text, reply_text=text)


def _serial(event: Fields) -> str:
    """Return an id for an event of old, which has none: the same when it is sent again."""
    return digest(
        json.dumps({name: value for name, value in event.items() if name != "deliveryContext"}, sort_keys=True)
    )


def _params(params: Fields) -> Iterator[str]:
    """Yield what was picked besides: a date, a time, a page of the menu."""
    return (word(params, one) for one in ("date", "time", "datetime", "newRichMenuAliasId"))


def _happened(kind: str, event: Fields) -> str:
    if kind == "unfollow":
        return "[blocked]"
    if kind == "follow" and part(event, "follow").get("isUnblocked") is True:
        return "[unblocked]"
    return f"[{kind or 'empty event'}]"


def _message(about: Mapping[str, Any], handle: Mapping[str, str], message: Fields) -> InboundMessage:
    kind, own = word(message, "type"), ident(message, "id")
    attachment = _attachment(kind, own, message)
    text = word(message, "text") or "\n".join(filter(None, [word(message, "title"), word(message, "address")]))
    known = bool(text or attachment)
    text = text if known else f"[unsupported: {kind or 'message'}]"
    return InboundMessage(
        **about,
        subject=first_line(text),
        text=text,
        reply_text=text,
        attachments=(attachment,) if attachment else (),
        kind="message" if known else "unsupported",
        in_reply_to=ident(message, "quotedMessageId") or None,
        handle={**handle, **({"id": own} if own else {})},
    )


def _attachment(kind: str, own: str, message: Fields) -> Attachment | None:
    if kind == "location":
        where = geo(message, "latitude", "longitude")
        title = word(message, "title")
        return Attachment(filename=title, content_type="text/plain", type="location", url=where) if where else None
    if kind == "sticker":
        known = message.get("keywords")
        words = [one for one in known if isinstance(one, str)] if isinstance(known, list) else []
        return Attachment(filename=", ".join(words[:5]), content_type="image/png", type="sticker")
    if kind not in _MEDIA:
        return None
    shown, content_type = _MEDIA[kind]
    provider = part(message, "contentProvider")
    if word(provider, "type") == "external":
        where = word(provider, "originalContentUrl")
        url = where if where.startswith("https://") else None
    else:
        url = f"line:{own}" if own else None
    return Attachment(
        filename=word(message, "fileName"),
        content_type=content_type,
        size=count(message, "fileSize") or None,
        type=shown,
        url=url,
    )


def _replied(
    config: Config, reply: Reply, out: Outbound, headers: Mapping[str, str], messages: list[dict[str, str]]
) -> Answered | None:
    """Use the reply token and return what LINE answered; nothing when it is too old, was used, or there is none."""
    token = reply.handle.get("reply_token")
    if not token or reply.heard_at is None or reply.now - reply.heard_at >= REPLY_SECONDS:
        return None
    said = {"replyToken": token, "messages": messages}
    answered = out.call("POST", f"{config.base_url}/v2/bot/message/reply", headers=headers, json=said)
    return None if answered.status == 400 else answered


def _failure(answered: Answered) -> Temporary | Permanent:
    words = word(answered.json, "message")[:200] or f"HTTP {answered.status}"
    if answered.status == 429 and "monthly" in words:
        return failure(
            "rate_limited", "the account's messages of this month are used up; buy more at LINE", _QUOTA_SECONDS
        )
    if answered.status == 429:
        return failure("rate_limited", f"LINE asks to wait ({words})", answered.retry_after)
    if answered.status in (401, 403):
        return failure("auth", f"LINE does not accept the token of this channel; issue another one ({words})")
    if answered.status >= 500:
        return failure("transient", f"LINE has trouble of its own ({words})", answered.retry_after)
    if words == "Failed to send messages":
        return failure("not_found", "LINE does not know the customer or the group, or the account has left it")
    return failure("invalid", f"LINE does not take the message ({words})")
