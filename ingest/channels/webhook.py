"""Any program: messages it posts and signs, as Standard Webhooks 1.0 says, and answers that are posted back the same way.

    POST /in/shop
    webhook-id: msg_2KWPBgLlAfxdpx2AI54pPJ85f4W
    webhook-timestamp: 1795348800
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=

    {"id": "m-1", "conversation": "order-7", "sender": {"id": "u-7", "name": "Ann"}, "text": "Where is my order?",
     "sent_at": "2026-11-24T20:00:00Z", "fields": {"order": "7"}}

    200 {}

Vendor's document: ours, docs/channels.md; the signature is Standard Webhooks 1.0
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).

A payload is one message or `{"messages": [...]}`. A repetition is told by a message's `id`, not by webhook-id: what is kept is
the body alone. A message without an id is told by all that stands in it.
"""

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self, TypeVar, cast, get_args
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from config.desk import ChannelConfig
from config.model import Address, Model, Secret
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Request, Unreadable
from ingest.first_line import first_line
from ingest.html.show import to_text
from ingest.outbound import Answered, Outbound
from ingest.payload import Fields, count, digest, ident, iso_moment, moment, opened, part, parts, word
from ingest.standard_webhooks import PublicKey, signed_headers
from ingest.standard_webhooks import verify as verify_signature
from tickets.message import Attachment, AttachmentType, Call, InboundMessage, Kind, Rating, Receipt, Sender, clean
from tickets.reply import Reply
from tickets.trouble import FailureKind, failure

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)
MOST_FILE_BYTES = 10_485_760
"""How many bytes of files may go along with one answer."""
MOST_FIELDS = 50

_KINDS = frozenset(get_args(Kind)) - {"bounce", "list", "feedback_report", "unsupported"}
_TYPES = frozenset(get_args(AttachmentType))
_NAMES = ("id", "conversation", "sender", "text", "html", "attachments", "kind", "fields")
_VERSIONS = frozenset({"edit", "delete", "reaction"})
_WORDS: Mapping[FailureKind, str] = {
    "auth": "does not accept our signature; compare reply_secrets with the secrets it knows",
    "not_found": "knows the conversation no more, or reply_url is wrong; reach the customer in another way",
    "rate_limited": "asks us to wait",
    "too_long": "takes no answer of this size; shorten it or leave files out",
    "transient": "has trouble of its own; the answer goes out again later",
    "invalid": "does not take the answer; its log should say why",
}


M = TypeVar("M", bound=Model)


class Config(ChannelConfig):
    """`type: webhook` — messages any program posts, signed as Standard Webhooks says."""

    type: Literal["webhook"] = "webhook"
    secrets: tuple[Secret, ...] = Field(
        default=(), description="what the program signs with (whsec_…), as env:NAME or file:/path; these or public_keys"
    )
    public_keys: tuple[PublicKey, ...] = Field(
        default=(), description="the ed25519 keys the program's signatures are checked with (whpk_…)"
    )
    reply_url: str | None = Field(
        default=None, description="where agents' answers are posted, https:// or your own http://; without it none are"
    )
    reply_secrets: tuple[Secret, ...] = Field(
        default=(), description="what answers are signed with (whsec_…), each makes a signature; needed with reply_url"
    )

    @field_validator("reply_url")
    @classmethod
    def _a_url(cls, value: str | None) -> str | None:
        where = urlsplit(value or "https://none")
        if where.scheme not in ("https", "http") or not where.hostname or where.username or where.fragment:
            raise ValueError("write it as https://host/path, without a user or password in it")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not (self.secrets or self.public_keys):
            raise ValueError("write secrets or public_keys: without one nothing can be told from a forgery")
        if (self.reply_url is None) != (not self.reply_secrets):
            raise ValueError("reply_url and reply_secrets go together")
        return self


def origins(config: Config) -> tuple[str, ...]:
    """Return where the operator's own program takes answers."""
    return (config.reply_url,) if config.reply_url else ()


def verify(config: Config, request: Request) -> None:
    """Return when the program signed it within five minutes; raises `Refused`: 401, or 503 when a secret is not there."""
    verify_signature(config.secrets, config.public_keys, request)


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # the row's number means nothing to the sender
    """Return 200 with nothing in it."""
    return Answer()


def parse(raw: bytes) -> list[InboundMessage]:
    """Return every message of the payload; raises `Unreadable` for one that has nothing of what is documented."""
    said = opened(raw)
    if "messages" in said:
        if not isinstance(said["messages"], list):
            raise Unreadable("messages is no list")
        every = parts(said, "messages")
    elif any(name in said for name in _NAMES):
        every = [said]
    else:
        raise Unreadable(f"none of {', '.join(_NAMES)} is there; docs/channels.md tells the form of a message")
    try:
        forms = [json.dumps(one, sort_keys=True) for one in every]
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    seen: Counter[str] = Counter()
    found = []
    for one, form in zip(every, forms, strict=True):
        seen[form] += 1
        found.append(_message(one, digest(form, seen[form])))
    return [message for message in found if message is not None]


def _message(said: Fields, name: str) -> InboundMessage | None:
    """Return a message, `name` is its id if it has none; nothing for a receipt or rating that says nothing."""
    kind, text = _kind_and_text(said)
    own, target = ident(said, "id"), ident(said, "in_reply_to") or None
    if kind in _VERSIONS and (target is None or own == target):
        own, target = "", own or None  # its id is that of the message it is about
    sender = part(said, "sender")
    about = (target if kind in _VERSIONS else None) or own or name
    who = ident(sender, "id") or ident(said, "sender", "conversation") or about
    receipt, rating = _receipt(part(said, "receipt")), _rating(part(said, "rating"))
    if (kind == "receipt" and receipt is None) or (kind == "rating" and rating is None):
        return None
    address = _address(said.get("mail_address"))
    return InboundMessage(
        channel="webhook",
        account=ident(said, "account"),
        external_id=own or name,
        conversation=ident(said, "conversation") or who,
        sender=Sender(id=who, name=word(sender, "name")),
        subject=word(said, "subject") or first_line(text),
        text=text,
        reply_text=text,
        html=word(said, "html") or None,
        attachments=tuple(_attachment(one) for one in parts(said, "attachments") if word(one, "url", "filename")),
        kind=kind,
        in_reply_to=target,
        sent_at=iso_moment(said.get("sent_at")) or moment(said.get("sent_at")),
        department=word(said, "department") or None,
        handle=_strings(part(said, "handle")),
        receipt=receipt if kind == "receipt" else None,
        call=_call(part(said, "call")) if kind == "call" else None,
        rating=rating if kind == "rating" else None,
        mail_address=address,
        mail_only=said.get("mail_only") is True and address is not None,
        fields=_strings(part(said, "fields")),
    )


def _kind_and_text(said: Fields) -> tuple[Kind, str]:
    text = word(said, "text") or (to_text(html) if (html := word(said, "html")) else "")
    wanted = said.get("kind") or "message"
    if not isinstance(wanted, str) or wanted not in _KINDS:
        unknown = wanted[:80] if isinstance(wanted, str) else "unknown kind"
        return "unsupported", f"[unsupported: {unknown}]\n{text}".strip()
    if wanted == "message" and not (text or parts(said, "attachments") or part(said, "fields")):
        return "unsupported", "[unsupported: empty message]"
    return cast(Kind, wanted), text


def _attachment(said: Fields) -> Attachment:
    mime = word(said, "content_type") or "application/octet-stream"
    main, kind, url = mime.partition("/")[0], word(said, "type"), word(said, "url")
    if kind not in _TYPES:
        kind = main if main in ("image", "video", "audio") else "file"
    return Attachment(
        filename=word(said, "filename"),
        content_type=mime,
        size=count(said, "size") or None,
        type=cast(AttachmentType, kind),
        url=url if url.startswith(("https://", "geo:", "tel:")) else None,
    )


def _receipt(said: Fields) -> Receipt | None:
    ids = said.get("ids")
    return _valid(Receipt, {
        "state": said.get("state"),
        "ids": [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else (),
        "until": iso_moment(said.get("until")) or moment(said.get("until")),
        "error": word(said, "error"),
    })  # fmt: skip


def _call(said: Fields) -> Call | None:
    seconds, agent = count(said, "seconds"), word(said, "agent") or None
    return _valid(Call, {"outcome": said.get("outcome"), "seconds": seconds, "agent": agent})


def _rating(said: Fields) -> Rating | None:
    return _valid(Rating, {"score": said.get("score"), "comment": word(said, "comment")})


def _valid(model: type[M], said: Fields) -> M | None:
    try:
        return model.model_validate(said)
    except ValidationError:
        return None


def _address(value: Any) -> str | None:
    try:
        return TypeAdapter(Address).validate_python(value)
    except ValidationError:
        return None


def _strings(said: Fields) -> Mapping[str, str]:
    """Return the fields that are words, numbers or yes and no, as words."""
    plain = [(name, value) for name, value in said.items() if isinstance(value, str | int | float)][:MOST_FIELDS]
    return {clean(name): value if isinstance(value, str) else json.dumps(value) for name, value in plain}


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Post an answer with its files in one delivery; raises `Temporary` or `Permanent`, each with its kind.

    webhook-id is the same for every attempt, so that a program that took it knows a repetition. What is yielded is the `id`
    in the program's answer, else the webhook-id.
    """
    if reply.done:
        return
    if config.reply_url is None:
        raise failure("invalid", "this channel has no reply_url in the desk file, so no answer can go out through it")
    if sum(len(one.data) for one in reply.attachments) > MOST_FILE_BYTES:
        raise failure("too_long", f"the files are larger than {MOST_FILE_BYTES // 2**20} MB together; leave some out")
    name = f"msg_{digest(reply.key)}"
    files = [
        {"filename": one.filename, "content_type": one.content_type, "size": len(one.data),
         "content": b64encode(one.data).decode()}
        for one in reply.attachments
    ]  # fmt: skip
    said = {
        "id": name, "account": reply.account, "conversation": reply.conversation, "to": reply.to,
        "in_reply_to": reply.answers, "text": reply.text, "attachments": files, "handle": dict(reply.handle),
    }  # fmt: skip
    body = json.dumps(said).encode()
    headers = signed_headers(config.reply_secrets, name, int(reply.now), body)
    heard = out.call("POST", config.reply_url, headers=headers, content=body)
    if not heard.ok:
        raise _failed(heard, urlsplit(config.reply_url).hostname or "")
    yield ident(heard.json, "id") or name


def _failed(heard: Answered, host: str) -> Exception:
    return failure(heard.kind, f"{host} {_WORDS[heard.kind]} (HTTP {heard.status})", heard.retry_after)
