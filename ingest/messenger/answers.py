"""The way back: answers, private replies to comments, and names, by the Graph API.

Vendor's document: Meta, "Send API" (https://developers.facebook.com/docs/messenger-platform/reference/send-api), "Common Error
Codes" (https://developers.facebook.com/docs/messenger-platform/error-codes), "Private Replies"
(https://developers.facebook.com/docs/messenger-platform/instagram/features/private-replies) and "User Profile API"
(https://developers.facebook.com/docs/messenger-platform/identity/user-profile).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ingest import meta
from ingest.cutting import Unit, pieces
from ingest.messenger.settings import Settings
from ingest.outbound import Answered, Outbound
from ingest.payload import word
from tickets.reply import Reply, Upload
from tickets.trouble import failure

DAY = 86_400.0
FILE_BYTES = 26_214_400
_CLOSED: meta.Meaning = (
    "window_expired",
    "Meta lets us answer only for a while after the customer wrote; wait until they write again",
)
_ELSEWHERE: meta.Meaning = ("blocked", "another app has this conversation in hand; take it over in Meta's inbox first")
_GONE: meta.Meaning = ("not_found", "Meta knows no such person any more")
_REPLIED = "answer in the customer's own conversation, or under the comment in Meta's inbox"
_UNREACHABLE: meta.Meaning = ("blocked", "the customer takes no messages from us, or left; reach them another way")
_MEANINGS: Mapping[int, meta.Meaning] = {
    10: _CLOSED,
    33: _GONE,
    551: _UNREACHABLE,
    10900: ("invalid", f"the comment has had its one private reply; {_REPLIED}"),
    10901: ("window_expired", f"the comment is too old for a private reply; {_REPLIED}"),
    10902: ("not_found", f"the comment is gone, or takes no private reply; {_REPLIED}"),
    10903: ("blocked", f"the writer of the comment takes no private reply; {_REPLIED}"),
    1545041: _UNREACHABLE,
    1893063: ("auth", "Meta has restricted the page for a while; look into its Page Quality and Business Support Home"),
    2018001: _GONE,
    2018065: _CLOSED,
    2018108: ("auth", "the app is in development mode and may write to its own people only; publish it at Meta"),
    2018109: ("too_long", "the file is larger than Meta takes; send a link to it"),
    2018278: _CLOSED,
    2018300: _ELSEWHERE,
    2534014: _GONE,
    2534022: _CLOSED,
}
"""What codes and subcodes mean here; a subcode counts before its code."""
_INVALID = 100
_COMMENT = frozenset({"comment_id", "post_id"})
_NAMELESS = frozenset({33, 230, 9010, 2018218, 2018247})
"""Of somebody whose profile Meta does not show: a comment's writer, one who did not agree, one who left."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What Messenger and Instagram take: text in units, files by their kind up to so many bytes."""

    name: str
    text: int
    unit: Unit
    image_bytes: int = FILE_BYTES
    images: frozenset[str] | None = None
    files: frozenset[str] | None = None


def answer_until(config: Settings, handle: Mapping[str, str], heard_at: float) -> float:
    """Return until when a customer may be answered: a day after they wrote, or seven for a comment or a human agent."""
    return heard_at + (7 * DAY if config.human_agent or _COMMENT & handle.keys() else DAY)


def send(platform: Platform, config: Settings, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send an answer; see `ingest.channel.AnsweringChannel`.

    A comment is answered by one private message, which Meta takes once. Otherwise the first piece quotes the customer's
    newest message, or nothing when Meta does not take the quotation any more.
    """
    comment = {name: reply.handle[name] for name in _COMMENT & reply.handle.keys()}
    drafts = _drafts(platform, reply, alone=bool(comment))
    for number in range(len(reply.done), len(drafts)):
        message, upload = drafts[number]
        call = {"recipient": comment or {"id": reply.to}, **_permission(config, reply, comment=bool(comment))}
        quoted = {"reply_to": {"mid": reply.handle["mid"]}} if number == 0 and "mid" in reply.handle else {}
        answered = _post(config, reply.account, out, {**call, "message": message, **quoted}, upload)
        if quoted and meta.fault(answered)[0] == _INVALID:
            answered = _post(config, reply.account, out, {**call, "message": message}, upload)
        if not answered.ok or "error" in answered.json:
            raise meta.refusal(answered, _MEANINGS)
        if not answered.json:
            raise failure("unknown", "Meta did not say whether it took the answer; look into the conversation")
        yield word(answered.json, "message_id") or f"{reply.key}.{number}"


def name(config: Settings, account: str, sender: str, fields: Sequence[str], out: Outbound) -> str:
    """Return the first of the profile's `fields` that Meta tells, or ""; raises like `send`."""
    query = f"{config.graph}/{quote(sender, safe='')}?fields={','.join(fields)}"
    answered = out.call("GET", query, headers=meta.authorization(config, account))
    if answered.ok:
        return word(answered.json, *fields)
    if _NAMELESS & {*meta.fault(answered)}:
        return ""
    raise meta.refusal(answered, {})


def _permission(config: Settings, reply: Reply, *, comment: bool) -> Mapping[str, Any]:
    """Return by what right we write now; raises `Permanent` when the time is over."""
    silent = reply.now - reply.heard_at if reply.heard_at is not None else 0.0
    if comment and silent <= 7 * DAY:
        return {}
    if not comment and silent <= DAY:
        return {"messaging_type": "RESPONSE"}
    if not comment and config.human_agent and silent <= 7 * DAY:
        return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    raise failure(*_CLOSED)


def _drafts(platform: Platform, reply: Reply, *, alone: bool) -> list[tuple[Mapping[str, Any], Upload | None]]:
    """Return the messages of an answer with their files; raises `Permanent` for what the platform would not take."""
    texts = pieces(reply.text, platform.text, platform.unit)
    if alone and (reply.attachments or len(texts) > 1):
        units = "bytes" if platform.unit == "bytes" else "characters"
        words = f"a comment is answered by one private message of at most {platform.text} {units}, without files"
        raise failure("too_long", words)
    drafts: list[tuple[Mapping[str, Any], Upload | None]] = [({"text": text}, None) for text in texts]
    for upload in reply.attachments:
        kind = _kind(platform, upload)
        drafts.append(({"attachment": {"type": kind, "payload": {"is_reusable": False}}}, upload))
    return drafts


def _kind(platform: Platform, upload: Upload) -> str:
    main = upload.content_type.partition("/")[0]
    kind = main if main in ("image", "video", "audio") else "file"
    takes = {"image": platform.images, "file": platform.files}.get(kind)
    if takes is not None and upload.content_type not in takes:
        words = f"{platform.name} takes no {upload.content_type} ({upload.filename}); of {kind}s only {', '.join(sorted(takes))}"
        raise failure("invalid", words)
    most = platform.image_bytes if kind == "image" else FILE_BYTES
    if len(upload.data) > most:
        raise failure(
            "too_long", f"{upload.filename} is larger than the {most >> 20} MB {platform.name} takes; send a link"
        )
    return kind


def _post(config: Settings, account: str, out: Outbound, body: Mapping[str, Any], upload: Upload | None) -> Answered:
    url, headers = f"{config.graph}/me/messages", meta.authorization(config, account)
    if upload is None:
        return out.call("POST", url, headers=headers, json=body)
    form = {key: value if isinstance(value, str) else json.dumps(value) for key, value in body.items()}
    files = {"filedata": (upload.filename, upload.data, upload.content_type)}
    return out.call("POST", url, headers=headers, form=form, files=files)
