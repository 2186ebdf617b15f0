"""Answers through the Bot API, and the files behind the ids in updates.

The token stands in every URL, so no URL is ever told to anybody.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from ingest.channels.telegram.config import Config
from ingest.channels.telegram.place import name, parameters
from ingest.cutting import pieces
from ingest.outbound import Answered, File, Outbound, revealed
from ingest.payload import Fields, count, ident, part, word
from tickets.reply import Reply, Upload
from tickets.trouble import FailureKind, Permanent, Temporary, failure

LONGEST: Final = 4096
LARGEST_FILE: Final = 20 * 1024 * 1024
BUSINESS_WINDOW: Final = 86_400.0
"""A bot may write for a business account only into chats in which the customer wrote within so many seconds."""

_UPLOADS: Final = {
    "image/jpeg": ("sendPhoto", "photo"),
    "image/png": ("sendPhoto", "photo"),
    "image/gif": ("sendAnimation", "animation"),
    "video/mp4": ("sendVideo", "video"),
    "audio/mpeg": ("sendAudio", "audio"),
    "audio/mp4": ("sendAudio", "audio"),
    "audio/ogg": ("sendVoice", "voice"),
}
_DOCUMENT: Final = ("sendDocument", "document")
# Telegram has one code for every bad request; its words tell which.
_BAD: Final[tuple[tuple[str, FailureKind, str], ...]] = (
    ("chat not found", "not_found", "the chat is not there any more"),
    ("peer_id_invalid", "not_found", "the chat is not there any more"),
    ("thread not found", "not_found", "the topic of the conversation is not there any more"),
    ("business connection not found", "not_found", "the business account has taken the bot away"),
    ("peer_usage_missing", "window_expired", "the customer has not written to the business account for too long"),
    ("rights to send", "blocked", "the bot may not write in this chat"),
    ("is too long", "too_long", "the text is too long for one message"),
    ("file is too big", "too_long", "the file is larger than a bot may fetch"),
    ("file_id", "not_found", "the file is not there any more"),
    ("temporarily unavailable", "not_found", "the file is not there any more"),
)
_REFUSED: Final[Mapping[int, tuple[FailureKind, str]]] = {
    401: ("auth", "Telegram does not know the token of this channel; copy it again from @BotFather"),
    403: ("blocked", "the customer has blocked the bot or is gone from Telegram, or the group has removed it"),
    404: ("auth", "Telegram does not know the token of this channel; copy it again from @BotFather"),
    413: ("too_long", "the file is larger than a bot may send"),
}


def answer_until(config: Config, handle: Mapping[str, str], heard_at: float) -> float | None:  # noqa: ARG001  # the same for every bot
    """Return until when a customer of a business account may be answered; others may be for ever."""
    return heard_at + BUSINESS_WINDOW if "business" in handle.get("id", "").split(":") else None


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send the text in messages of at most 4096 UTF-16 units, then each file in one of its own, as Telegram shows its kind.

    In a group the first message answers the customer's own. A group that became a supergroup is followed to its new id.
    """
    to = parameters(reply.conversation)
    expired = reply.heard_at is not None and reply.now > reply.heard_at + BUSINESS_WINDOW
    if "business_connection_id" in to and expired:
        raise failure("window_expired", "a bot may write for a business account only within 24 hours of the customer")
    texts = pieces(reply.text, LONGEST, "utf16")
    for place in range(len(reply.done), len(texts) + len(reply.attachments)):
        said = {**to, **(_answering(reply, to["chat_id"]) if place == 0 else {})}
        if place < len(texts):
            sent, moved = _sent(config, out, ("sendMessage", {**said, "text": texts[place]}, None))
        else:
            sent, moved = _uploaded(config, out, said, reply.attachments[place - len(texts)])
        to["chat_id"] = moved
        yield name(sent, {"chat": {"id": moved}, **to})


def fetch(config: Config, account: str, url: str, out: Outbound) -> File:  # noqa: ARG001  # an update does not name the bot
    """Return the file behind `telegram:<file_id>`, of at most 20 MB; raises like `send`."""
    found = _asked(config, out, "getFile", {"file_id": url.removeprefix("telegram:")}, None)
    path = word(found, "file_path")
    if not path:
        raise failure("not_found", "Telegram does not say where the file is")
    file = out.file(f"{config.base_url}/file/bot{_token(config)}/{quote(path)}", most=LARGEST_FILE)
    return File(file.data, file.content_type, file.filename or PurePosixPath(path).name)


def _answering(reply: Reply, chat: Any) -> Fields:
    """Return the message of a group that is answered; in a chat of two that would only repeat it."""
    number = (reply.answers or "").rpartition(":")[2]
    if not (isinstance(chat, int) and chat < 0 and ":" in (reply.answers or "") and number.isdecimal()):
        return {}
    return {"reply_parameters": {"message_id": int(number), "allow_sending_without_reply": True}}


def _uploaded(config: Config, out: Outbound, said: Fields, upload: Upload) -> tuple[Fields, Any]:
    """Send a file; what Telegram cannot show (a picture too large, a film it does not know) goes as a document."""
    method, field = _UPLOADS.get(upload.content_type, _DOCUMENT)
    file = (upload.filename, upload.data, upload.content_type)
    try:
        return _sent(config, out, (method, said, {field: file}))
    except Permanent as error:
        if error.kind != "invalid" or method == _DOCUMENT[0]:
            raise
    return _sent(config, out, (_DOCUMENT[0], said, {_DOCUMENT[1]: file}))


Call = tuple[str, Fields, dict[str, tuple[str, bytes, str]] | None]


def _sent(config: Config, out: Outbound, call: Call) -> tuple[Fields, Any]:
    """Make a call and return the message it became, and the chat it went to."""
    method, said, files = call
    try:
        return _asked(config, out, method, said, files), said["chat_id"]
    except _MovedError as moved:
        said = {**said, "chat_id": moved.chat}
        return _asked(config, out, method, said, files), moved.chat


class _MovedError(Permanent):
    """The group has become a supergroup with another id."""

    def __init__(self, chat: int) -> None:
        super().__init__("the group has become another one", "not_found")
        self.chat = chat


def _asked(
    config: Config, out: Outbound, method: str, said: Fields, files: dict[str, tuple[str, bytes, str]] | None
) -> Fields:
    url = f"{config.base_url}/bot{_token(config)}/{method}"
    if files is None:
        answered = out.call("POST", url, json=said)
    else:
        form = {key: value if isinstance(value, str) else json.dumps(value) for key, value in said.items()}
        answered = out.call("POST", url, form=form, files=files)
    if answered.ok and answered.json.get("ok") is True:
        return part(answered.json, "result")
    raise _failure(answered)


def _token(config: Config) -> str:
    if config.token is None:
        raise failure("auth", "this channel has no `token` in the desk file; with the bot's own it can answer")
    return quote(revealed(config.token), safe=":")


def _failure(answered: Answered) -> Temporary | Permanent:
    told, status = answered.json, answered.status
    asked = part(told, "parameters")
    words = word(told, "description")[:200] or f"HTTP {status}"
    if (chat := ident(asked, "migrate_to_chat_id").lstrip("-")).isdecimal():
        return _MovedError(-int(chat))
    if status == 429:
        return failure("rate_limited", "Telegram asks to wait", count(asked, "retry_after") or answered.retry_after)
    if status >= 500:
        return failure("transient", f"Telegram has trouble of its own ({words})", answered.retry_after)
    if status == 400:
        known = ((kind, meaning) for mark, kind, meaning in _BAD if mark in words.lower())
        kind, meaning = next(known, ("invalid", "Telegram does not take it"))
    else:
        kind, meaning = _REFUSED.get(status, ("unknown", "Telegram did not say whether it took it; look into the chat"))
    return failure(kind, f"{meaning} ({words})")
