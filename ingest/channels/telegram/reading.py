"""From an update to messages: who said what in which conversation, and what it is about."""

from collections.abc import Mapping

from ingest.channel import Unreadable
from ingest.channels.telegram.place import conversation, name
from ingest.first_line import first_line
from ingest.payload import Fields, count, geo, ident, moment, opened, part, parts, word
from tickets.language import tag_of
from tickets.message import Attachment, AttachmentType, InboundMessage, Kind, Sender

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
    "poll", "poll_answer", "inline_query", "chosen_inline_result",
})  # fmt: skip
_REACTIONS = frozenset({"message_reaction", "message_reaction_count"})
_KNOWN = _LIFECYCLE | _REACTIONS | _MESSAGES.keys() | {"deleted_business_messages", "callback_query"}
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
    "is_automatic_forward", "sender_tag", "direct_messages_topic", "forward_origin", "forward_from", "forward_from_chat",
    "forward_from_message_id", "forward_sender_name", "forward_signature", "forward_date", "reply_to_story",
    "is_paid_post", "paid_star_count", "suggested_post_info",
})  # fmt: skip
_FILES: Mapping[str, tuple[AttachmentType, str]] = {
    "video": ("video", "video/mp4"),
    "video_note": ("video", "video/mp4"),
    "animation": ("video", "video/mp4"),
    "audio": ("audio", "audio/mpeg"),
    "voice": ("audio", "audio/ogg"),
    "document": ("file", "application/octet-stream"),
}


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message an update is, or one for each message it says was deleted; raises `Unreadable` when it is no update.

    What is not known yet is a message with the text `[unsupported: …]`, for a person said something. `/start` is the
    button that opens a chat: it is kept as `lifecycle`, and the first words that follow begin a ticket.
    """
    update = opened(raw)
    number = ident(update, "update_id")
    if not number.removeprefix("-").isdecimal():
        raise Unreadable("update_id is missing or no integer")
    kind = _kind(update)
    content = part(update, kind)
    if kind in _MESSAGES:
        return [_message(number, kind, content)]
    if kind == "deleted_business_messages":
        return _deleted(number, content)
    if kind == "callback_query":
        return [_postback(number, content)]
    if kind in _REACTIONS:
        return [_reaction(number, content)]
    return [_other(number, kind, content)]


def _kind(update: Fields) -> str:
    """Return what an update is of; a word nobody knows yet never hides one that is known."""
    names = [name for name in update if name != "update_id"]
    full = [name for name in names if isinstance(update[name], dict)]
    return next((name for name in full if name in _KNOWN), next(iter(full or names), ""))


def _message(number: str, word_for: str, message: Fields) -> InboundMessage:
    kind = _MESSAGES[word_for]
    text = _text(message)
    attachments = _attachments(message)
    chat, sender = part(message, "chat"), _sender(message)
    happened = next((key for key in message if key in _SERVICE), None)
    if happened:
        kind, text = "lifecycle", text or f"[{happened}]"
    elif word_for == "business_message" and sender.id != ident(chat, "id"):
        kind = "echo"  # the owner of the account wrote it, in Telegram itself
    elif kind == "message" and _is_start(text) and word(chat, "type") == "private":
        kind = "lifecycle"
    elif not text and not attachments:
        unknown = next((key for key in message if key not in _ENVELOPE), word_for)
        kind, text = "unsupported" if kind == "message" else kind, f"[unsupported: {unknown}]"
    edited, own = word_for.startswith("edited"), name(message)
    return InboundMessage(
        channel="telegram",
        external_id=own if kind == "echo" and own else number,
        conversation=conversation(message) or sender.id or f"update:{number}",
        sender=sender,
        subject=first_line(text),
        text=text,
        reply_text=text,
        attachments=attachments,
        kind=kind,
        in_reply_to=(own if edited else _answered(message)) or None,
        sent_at=moment(message.get("edit_date") if edited else None) or moment(message.get("date")),
        language=tag_of(word(part(message, "from"), "language_code")),
        handle={"id": own} if own and not edited and kind != "lifecycle" else {},
    )


def _answered(message: Fields) -> str:
    """Return the message it answers; all in a topic answer its first one, of which nobody thinks."""
    above = part(message, "reply_to_message")
    topic = message.get("is_topic_message") is True and ident(message, "message_thread_id")
    return "" if topic and ident(above, "message_id") == topic else name(above, message)


def _is_start(text: str) -> bool:
    return (text.split() or [""])[0].partition("@")[0] == "/start"


def _deleted(number: str, content: Fields) -> list[InboundMessage]:
    """Return one message for each that was deleted in the chat of a business account; by whom Telegram does not tell."""
    ids = content.get("message_ids")
    names = [name({"message_id": one}, content) for one in ids] if isinstance(ids, list) else []
    return [
        InboundMessage(
            channel="telegram",
            external_id=f"{number}:{deleted}",
            conversation=conversation(content) or f"update:{number}",
            sender=_sender(content),
            kind="delete",
            in_reply_to=deleted,
        )
        for deleted in dict.fromkeys(filter(None, names))
    ]


def _postback(number: str, query: Fields) -> InboundMessage:
    """Return the press on a button under one of our messages; when it was pressed Telegram does not tell."""
    under = part(query, "message")
    sender = _sender(query)
    text = word(query, "data", "game_short_name") or "[postback]"
    return InboundMessage(
        channel="telegram",
        external_id=number,
        conversation=conversation(under) or sender.id or f"update:{number}",
        sender=sender,
        subject=first_line(text),
        text=text,
        reply_text=text,
        kind="postback",
        in_reply_to=name(under) or None,
    )


def _reaction(number: str, reaction: Fields) -> InboundMessage:
    """Return the emoji under a message; no text means it was taken away."""
    chosen = parts(reaction, "new_reaction") or parts(reaction, "reactions")
    kinds = [part(one, "type") or one for one in chosen]
    text = " ".join(word(one, "emoji") or f"[{word(one, 'type')}]" for one in kinds)
    return InboundMessage(
        channel="telegram",
        external_id=number,
        conversation=conversation(reaction) or f"update:{number}",
        sender=_sender(reaction),
        text=text,
        reply_text=text,
        kind="reaction",
        in_reply_to=name(reaction) or None,
        sent_at=moment(reaction.get("date")),
    )


def _other(number: str, kind: str, content: Fields) -> InboundMessage:
    """Return what happened to a chat, or an update of a kind that is not known yet."""
    sender = _sender(content)
    text = f"[unsupported: {kind or 'empty update'}]"
    if kind in _LIFECYCLE:
        status = word(part(content, "new_chat_member"), "status")
        text = f"[{kind}: {status}]" if status else f"[{kind}]"
        if kind == "my_chat_member" and word(part(content, "chat"), "type") == "private":
            text = {"kicked": "[blocked]", "member": "[unblocked]"}.get(status, text)
    return InboundMessage(
        channel="telegram",
        external_id=number,
        conversation=conversation(content) or sender.id or f"update:{number}",
        sender=sender,
        text=text,
        reply_text=text,
        kind="lifecycle" if kind in _LIFECYCLE else "unsupported",
        sent_at=moment(content.get("date")),
    )


def _sender(holder: Fields) -> Sender:
    """Return who acted: a person, or the chat in whose name they did; by name, else by user name."""
    places = ("from", "user", "sender_chat", "actor_chat", "chat")
    who = next((found for place in places if (found := part(holder, place))), {})
    return Sender(id=ident(who, "id"), name=_full_name(who) or word(who, "title", "username"))


def _full_name(who: Fields) -> str:
    return " ".join(f"{word(who, 'first_name')} {word(who, 'last_name')}".split())


def _text(message: Fields) -> str:
    """Return the words of a message; links hidden behind words follow them, and things that are words become words."""
    text = word(message, "text", "caption")
    marks = parts(message, "entities") or parts(message, "caption_entities")
    if text:
        links = dict.fromkeys(word(mark, "url") for mark in marks)
        return "\n".join([text, *(link for link in links if link and link not in text)])
    venue, contact = part(message, "venue"), part(message, "contact")
    if venue:
        return f"{word(venue, 'title')}\n{word(venue, 'address')}".strip()
    if contact:
        return f"{_full_name(contact)} {word(contact, 'phone_number')}".strip()
    return word(part(message, "sticker"), "emoji")


def _attachments(message: Fields) -> tuple[Attachment, ...]:
    """Return what came with the words; an animation also fills `document` and counts once."""
    found = [_photo(parts(message, "photo"))]
    found += [
        _file(part(message, field), kind, content_type)
        for field, (kind, content_type) in _FILES.items()
        if part(message, field) and not (field == "document" and message.get("animation"))
    ]
    found.append(_sticker(part(message, "sticker")))
    venue, contact = part(message, "venue"), part(message, "contact")
    place = part(venue, "location") or part(message, "location")
    if where := geo(place, "latitude", "longitude"):
        found.append(Attachment(filename=word(venue, "title"), content_type="text/plain", type="location", url=where))
    if contact:
        phone = word(contact, "phone_number")
        url = f"tel:{phone}" if phone else None
        found.append(Attachment(filename=_full_name(contact), content_type="text/vcard", type="contact", url=url))
    return tuple(attachment for attachment in found if attachment is not None)


def _photo(sizes: list[Fields]) -> Attachment | None:
    """Return the largest of a photo's sizes; they come in no promised order."""
    if not sizes:
        return None
    largest = max(sizes, key=lambda size: (count(size, "width") * count(size, "height"), count(size, "file_size")))
    return _file(largest, "image", "image/jpeg")


def _sticker(sticker: Fields) -> Attachment | None:
    if not sticker:
        return None
    moving = "application/x-tgsticker" if sticker.get("is_animated") is True else "image/webp"
    return _file(sticker, "sticker", "video/webm" if sticker.get("is_video") is True else moving)


def _file(file: Fields, kind: AttachmentType, content_type: str) -> Attachment:
    mime, own = word(file, "mime_type") or content_type, word(file, "file_id")
    main: Mapping[str, AttachmentType] = {"image": "image", "video": "video", "audio": "audio"}
    return Attachment(
        filename=word(file, "file_name"),
        content_type=mime,
        size=count(file, "file_size") or None,
        type=main.get(mime.partition("/")[0], "file") if kind == "file" else kind,
        url=f"telegram:{own}" if own else None,
    )
