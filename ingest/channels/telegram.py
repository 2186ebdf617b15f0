"""Telegram: a bot's updates, one per call of the webhook.

    POST /in/telegram-bot
    X-Telegram-Bot-Api-Secret-Token: <the secret given to setWebhook>

    {"update_id": 9001, "message": {"message_id": 12, "date": 1795348800, "text": "Hello",
     "from": {"id": 7, "is_bot": false, "first_name": "Ann"}, "chat": {"id": 7, "type": "private", "first_name": "Ann"}}}

    200 {}

Vendor's document: Telegram Bot API, "Update" and "setWebhook" (https://core.telegram.org/bots/api#update). Telegram repeats
an update until any 2xx, for 24 hours. Reactions come only when asked for in `allowed_updates`; files are fetched later by
their id, which stands in an attachment's `url` as `telegram:<file_id>`.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from config.desk import ChannelConfig
from config.model import MissingSecretError, Secret
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.first_line import first_line
from tickets.message import Attachment, AttachmentType, InboundMessage, Kind, Sender

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)

_MESSAGES: Mapping[str, Kind] = {
    "message": "message",
    "edited_message": "edit",
    "channel_post": "message",
    "edited_channel_post": "edit",
    "business_message": "message",
    "edited_business_message": "edit",
}
# What happens to a chat rather than in it; nobody waits for an answer to these.
_LIFECYCLE = frozenset({
    "my_chat_member", "chat_member", "chat_join_request", "chat_boost", "removed_chat_boost", "business_connection",
    "deleted_business_messages",
})  # fmt: skip
_SERVICE = frozenset({
    "new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo", "group_chat_created",
    "supergroup_chat_created", "channel_chat_created", "message_auto_delete_timer_changed", "migrate_to_chat_id",
    "migrate_from_chat_id", "pinned_message", "forum_topic_created", "forum_topic_edited", "forum_topic_closed",
    "forum_topic_reopened", "video_chat_started", "video_chat_ended", "video_chat_scheduled", "boost_added",
    "chat_background_set", "write_access_allowed", "connected_website", "proximity_alert_triggered",
})  # fmt: skip
# What every message has, so that what is left names the kind of content nobody knows yet.
_ENVELOPE = frozenset({
    "message_id", "date", "chat", "from", "sender_chat", "edit_date", "message_thread_id", "is_topic_message", "via_bot",
    "reply_to_message", "external_reply", "quote", "reply_markup", "entities", "caption_entities", "media_group_id",
    "business_connection_id", "sender_business_bot", "author_signature", "has_protected_content", "is_from_offline",
    "sender_boost_count", "link_preview_options", "show_caption_above_media", "has_media_spoiler", "effect_id",
    "is_automatic_forward", "sender_tag", "direct_messages_topic",
})  # fmt: skip
_FILES: Mapping[str, tuple[AttachmentType, str]] = {
    "video": ("video", "video/mp4"),
    "video_note": ("video", "video/mp4"),
    "animation": ("video", "video/mp4"),
    "audio": ("audio", "audio/mpeg"),
    "voice": ("audio", "audio/ogg"),
    "document": ("file", "application/octet-stream"),
}


class Config(ChannelConfig):
    """`type: telegram` — messages to a bot, delivered by Telegram's webhook."""

    type: Literal["telegram"] = "telegram"
    secret: Secret = Field(description="the secret_token given to setWebhook, as env:NAME or file:/path")


def verify(config: Config, request: Request) -> None:
    """Return when Telegram sent it; raises `Refused`: 401 a wrong secret, 503 when ours is not there."""
    try:
        secret = config.secret.reveal()
    except (MissingSecretError, ValueError):
        # Ours to repair, so the update must come again; the reason names a file of ours and stays here.
        raise Refused(503, "the secret of this channel is not set; try again later", retry_after=60) from None
    given = request.headers.get("x-telegram-bot-api-secret-token", "")
    if not hmac.compare_digest(given.encode("utf-8", "backslashreplace"), secret.encode("utf-8", "backslashreplace")):
        raise Refused(401, "X-Telegram-Bot-Api-Secret-Token is not the secret given to setWebhook")


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message an update is; raises `Unreadable` when it is no update.

    What is not known yet is a message with the text `[unsupported: …]`, for a person said something. `/start` is the
    button that opens a chat: it is kept as `lifecycle`, and the first words that follow begin a ticket.
    """
    try:
        update: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {type(error).__name__}") from None
    if not isinstance(update, dict):
        raise Unreadable("not a JSON object")
    number = update.get("update_id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise Unreadable("update_id is missing or no integer")
    word = next((key for key in update if key != "update_id"), "")
    content = _object(update, word)
    if word in _MESSAGES:
        return [_message(str(number), word, content)]
    if word == "callback_query":
        return [_postback(str(number), content)]
    if word in ("message_reaction", "message_reaction_count"):
        return [_reaction(str(number), content)]
    return [_other(str(number), word, content)]


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # a method put in the answer would be carried out: none is
    """Return 200 with nothing in it, which is all Telegram wants to hear."""
    return Answer()


def _message(number: str, word: str, message: Mapping[str, Any]) -> InboundMessage:
    kind = _MESSAGES[word]
    text = _text(message)
    attachments = _attachments(message)
    chat, sender = _object(message, "chat"), _sender(message)
    happened = next((key for key in message if key in _SERVICE), None)
    if happened:
        kind, text = "lifecycle", text or f"[{happened}]"
    elif "business_message" in word and sender.id != _id(chat):
        kind = "echo"  # the owner of the account wrote it, in Telegram itself
    elif (
        kind == "message"
        and (text.split() or [""])[0].partition("@")[0] == "/start"
        and _word(chat, "type") == "private"
    ):
        kind = "lifecycle"
    elif not text and not attachments:
        unknown = next((key for key in message if key not in _ENVELOPE), word)
        kind, text = "unsupported" if kind == "message" else kind, f"[unsupported: {unknown}]"
    return InboundMessage(
        channel="telegram",
        external_id=number,
        conversation=_conversation(message) or f"update:{number}",
        sender=sender,
        subject=first_line(text),
        text=text,
        reply_text=text,
        attachments=attachments,
        kind=kind,
        in_reply_to=_message_id(_object(message, "reply_to_message"), chat),
        sent_at=_time(message.get("edit_date") if kind == "edit" else None) or _time(message.get("date")),
    )


def _postback(number: str, query: Mapping[str, Any]) -> InboundMessage:
    """Return the press on a button under one of our messages; when it was pressed Telegram does not tell."""
    under = _object(query, "message")
    sender = _sender(query)
    text = _word(query, "data") or _word(query, "game_short_name")
    return InboundMessage(
        channel="telegram",
        external_id=number,
        conversation=_conversation(under) or sender.id or f"update:{number}",
        sender=sender,
        subject=first_line(text),
        text=text,
        reply_text=text,
        kind="postback",
        in_reply_to=_message_id(under, _object(under, "chat")),
    )


def _reaction(number: str, reaction: Mapping[str, Any]) -> InboundMessage:
    """Return the emoji under a message; no text means it was taken away."""
    chosen = reaction.get("new_reaction") or reaction.get("reactions")
    kinds = [_object(one, "type") or one for one in chosen if isinstance(one, dict)] if isinstance(chosen, list) else []
    text = " ".join(_word(one, "emoji") or f"[{_word(one, 'type')}]" for one in kinds)
    return InboundMessage(
        channel="telegram",
        external_id=number,
        conversation=_conversation(reaction) or f"update:{number}",
        sender=_sender(reaction),
        text=text,
        reply_text=text,
        kind="reaction",
        in_reply_to=_message_id(reaction, _object(reaction, "chat")),
        sent_at=_time(reaction.get("date")),
    )


def _other(number: str, word: str, content: Mapping[str, Any]) -> InboundMessage:
    """Return what happened to a chat, or an update of a kind that is not known yet."""
    sender = _sender(content)
    text = f"[unsupported: {word or 'empty update'}]"
    if word in _LIFECYCLE:
        status = _word(_object(content, "new_chat_member"), "status")
        text = f"[{word}: {status}]" if status else f"[{word}]"
        if word == "my_chat_member" and _word(_object(content, "chat"), "type") == "private":
            text = "[blocked]" if status == "kicked" else "[unblocked]"
    return InboundMessage(
        channel="telegram",
        external_id=number,
        conversation=_conversation(content) or sender.id or f"update:{number}",
        sender=sender,
        text=text,
        reply_text=text,
        kind="lifecycle" if word in _LIFECYCLE else "unsupported",
        sent_at=_time(content.get("date")),
    )


def _object(holder: Any, name: str) -> Mapping[str, Any]:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def _word(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def _id(holder: Mapping[str, Any], name: str = "id") -> str:
    value = holder.get(name)
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _time(value: Any) -> datetime | None:
    """Return a Unix time as UTC; 0 is Telegram's word for "not known"."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _conversation(message: Mapping[str, Any]) -> str:
    """Return what Telegram keeps apart: the chat, the topic in it, the business account it belongs to."""
    chat = _id(_object(message, "chat"))
    topic = _id(message, "message_thread_id") if message.get("is_topic_message") is True else ""
    business = _id(message, "business_connection_id")
    parts = (chat, f"topic:{topic}" if topic else "", f"business:{business}" if business else "")
    return ":".join(part for part in parts if part) if chat else ""


def _message_id(message: Mapping[str, Any], chat: Mapping[str, Any]) -> str | None:
    number = _id(message, "message_id")
    return f"{_id(_object(message, 'chat') or chat)}:{number}" if number else None


def _sender(holder: Mapping[str, Any]) -> Sender:
    """Return who acted: a person, or the chat in whose name they did; by name, else by user name."""
    who: Mapping[str, Any] = next(
        (found for name in ("from", "user", "sender_chat", "actor_chat", "chat") if (found := _object(holder, name))),
        {},
    )
    name = " ".join(f"{_word(who, 'first_name')} {_word(who, 'last_name')}".split())
    return Sender(id=_id(who), name=name or _word(who, "title") or _word(who, "username"))


def _text(message: Mapping[str, Any]) -> str:
    """Return the words of a message; links hidden behind words follow them, and things that are words become words."""
    text = _word(message, "text") or _word(message, "caption")
    marks = message.get("entities") or message.get("caption_entities")
    links = [_word(mark, "url") for mark in marks if isinstance(mark, dict)] if isinstance(marks, list) else []
    if text:
        return "\n".join([text, *(link for link in dict.fromkeys(links) if link and link not in text)])
    venue, contact = _object(message, "venue"), _object(message, "contact")
    if venue:
        return f"{_word(venue, 'title')}\n{_word(venue, 'address')}".strip()
    if contact:
        return f"{_name(contact)} {_word(contact, 'phone_number')}".strip()
    return _word(_object(message, "sticker"), "emoji")


def _attachments(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return what came with the words; an animation also fills `document` and counts once."""
    found = [_photo(message.get("photo"))]
    found += [
        _file(_object(message, name), kind, content_type)
        for name, (kind, content_type) in _FILES.items()
        if _object(message, name) and not (name == "document" and message.get("animation"))
    ]
    found.append(_sticker(_object(message, "sticker")))
    venue, contact = _object(message, "venue"), _object(message, "contact")
    if place := _object(venue, "location") or _object(message, "location"):
        degrees = [place.get(name) for name in ("latitude", "longitude")]
        if all(isinstance(one, int | float) for one in degrees):
            where = f"geo:{degrees[0]},{degrees[1]}"
            found.append(
                Attachment(filename=_word(venue, "title"), content_type="text/plain", type="location", url=where)
            )
    if contact:
        phone = f"tel:{_word(contact, 'phone_number')}"
        found.append(Attachment(filename=_name(contact), content_type="text/vcard", type="contact", url=phone))
    return tuple(attachment for attachment in found if attachment is not None)


def _name(contact: Mapping[str, Any]) -> str:
    return " ".join(f"{_word(contact, 'first_name')} {_word(contact, 'last_name')}".split())


def _photo(sizes: Any) -> Attachment | None:
    """Return the largest of a photo's sizes; they come in no promised order."""
    some = [size for size in sizes if isinstance(size, dict)] if isinstance(sizes, list) else []
    if not some:
        return None
    return _file(max(some, key=lambda size: _number(size, "width") * _number(size, "height")), "image", "image/jpeg")


def _sticker(sticker: Mapping[str, Any]) -> Attachment | None:
    if not sticker:
        return None
    moving = "application/x-tgsticker" if sticker.get("is_animated") is True else "image/webp"
    return _file(sticker, "sticker", "video/webm" if sticker.get("is_video") is True else moving)


def _file(file: Mapping[str, Any], kind: AttachmentType, content_type: str) -> Attachment:
    mime = _word(file, "mime_type") or content_type
    main: Mapping[str, AttachmentType] = {"image": "image", "video": "video", "audio": "audio"}
    return Attachment(
        filename=_word(file, "file_name"),
        content_type=mime,
        size=_number(file, "file_size") or None,
        type=main.get(mime.partition("/")[0], "file") if kind == "file" else kind,
        url=f"telegram:{_word(file, 'file_id')}",
    )


def _number(holder: Mapping[str, Any], name: str) -> int:
    value = holder.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53 else 0
