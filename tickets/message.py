"""An inbound message: what a channel understood of the bytes it was given."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator

from config.model import Model

AttachmentType = Literal["image", "video", "audio", "file", "sticker", "location", "contact", "share", "story_mention"]
Kind = Literal[
    "message", "auto_reply", "bounce", "list", "feedback_report",
    "edit", "echo", "reaction", "receipt", "postback", "lifecycle", "unsupported",
]  # fmt: skip

SPEAKS: frozenset[str] = frozenset(
    {"message", "auto_reply", "bounce", "list", "feedback_report", "postback", "unsupported"}
)
"""The kinds that are said by somebody and so belong in a ticket even where none exists yet."""


def clean(value: str) -> str:
    """Return the text without what no database keeps: NUL and lone surrogates."""
    if value.isascii():
        return value.replace("\0", "")
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def thread_key(space: str, value: str) -> str:
    """Return the key a conversation is found by: short enough for an index, whatever a stranger sent as `value`."""
    key = f"{space}:{clean(value)}"
    if len(key) <= 240 and len(key.encode()) <= 240:
        return key
    return f"{space}:sha256:{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()}"


Clean = Annotated[str, BeforeValidator(clean)]


class Sender(Model):
    """Who sent it: `id` is an address in lower case or the platform's own id."""

    id: Clean
    name: Clean = ""


class Attachment(Model):
    """A part of a message that is not its text. `size` in bytes; `url` or a platform file id where it must be fetched."""

    filename: Clean = ""
    content_type: Clean = "application/octet-stream"
    size: int | None = None
    sha256: Clean | None = None
    inline: bool = False
    type: AttachmentType = "file"
    url: Clean | None = None


class InboundMessage(Model):
    """One message from the outside, in the words every stage shares.

    `external_id` is the sender's own id for it (Message-ID without angle brackets, update id, client message id);
    `conversation` is what the channel threads by; `text` is the whole readable body and `reply_text` the part that is
    newly written; `html` is as received, never safe to show; addresses are bare and in lower case; times are UTC.
    """

    channel: Clean
    account: Clean = ""
    external_id: Clean
    conversation: Clean
    sender: Sender
    to: tuple[Clean, ...] = ()
    cc: tuple[Clean, ...] = ()
    subject: Clean = ""
    text: Clean = ""
    reply_text: Clean = ""
    html: Clean | None = None
    attachments: tuple[Attachment, ...] = ()
    kind: Kind = "message"
    in_reply_to: Clean | None = None
    references: tuple[Clean, ...] = ()
    sent_at: datetime | None = None
    department: Clean | None = None
