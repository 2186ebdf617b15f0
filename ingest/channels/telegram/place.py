"""What Telegram keeps apart: the chat, the topic in it, the business account it belongs to; and the names of messages there."""

from typing import Any

from ingest.payload import Fields, ident, part

_PARAMETERS = {
    "topic": "message_thread_id",
    "direct": "direct_messages_topic_id",
    "business": "business_connection_id",
}


def conversation(message: Fields) -> str:
    """Return the conversation a message stands in; "" where there is no chat.

    In the direct messages of a channel every person has a topic of their own.
    """
    chat = ident(part(message, "chat"), "id")
    if not chat:
        return ""
    said = {
        "topic": ident(message, "message_thread_id") if message.get("is_topic_message") is True else "",
        "direct": ident(part(message, "direct_messages_topic"), "topic_id"),
        "business": ident(message, "business_connection_id"),
    }
    return ":".join([chat, *(f"{name}:{value}" for name, value in said.items() if value)])


def parameters(of: str) -> dict[str, Any]:
    """Return what the Bot API must be told to send into a conversation."""
    chat, *rest = of.split(":")
    told = {_PARAMETERS[name]: value for name, value in zip(rest[::2], rest[1::2], strict=False) if name in _PARAMETERS}
    return {
        name: int(value) if value.removeprefix("-").isdecimal() else value
        for name, value in {"chat_id": chat, **told}.items()
    }


def name(message: Fields, holder: Fields | None = None) -> str:
    """Return what a message is called in its chat; "" where it has no number or no chat.

    `holder` is the message or update it stands in, which knows the chat and business account it leaves out.
    """
    number = ident(message, "message_id")
    around = holder or {}
    chat = ident(part(message, "chat"), "id") or ident(part(around, "chat"), "id")
    business = ident(message, "business_connection_id") or ident(around, "business_connection_id")
    return ":".join([chat, *(["business", business] if business else []), number]) if number and chat else ""
