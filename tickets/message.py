"""An inbound message: what a channel understood of the bytes it was given."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from config.model import Model
from tickets.trouble import FailureKind

AttachmentType = Literal["image", "video", "audio", "file", "sticker", "location", "contact", "share", "story_mention"]
Kind = Literal[
    "message", "auto_reply", "bounce", "list", "feedback_report",
    "edit", "delete", "echo", "reaction", "receipt", "postback", "lifecycle", "typing", "call", "rating", "unsupported",
]  # fmt: skip

SPEAKS: frozenset[str] = frozenset(
    {"message", "auto_reply", "bounce", "list", "feedback_report", "postback", "call", "unsupported"}
)
"""The kinds that are said by somebody and so belong in a ticket even where none exists yet."""

CONCERNS: frozenset[str] = frozenset({"edit", "delete", "echo", "reaction", "receipt", "rating"})
"""The kinds that are about what stands in a ticket already; without one they are ignored."""


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


def identity(sender: str) -> str:
    """Return what a sender's id is kept as: short enough for an index."""
    return thread_key("id", sender).removeprefix("id:")


Clean = Annotated[str, BeforeValidator(clean)]


class Sender(Model):
    """Who sent it: `id` is an address in lower case or the platform's own id."""

    id: Clean
    name: Clean = ""


class Attachment(Model):
    """A part of a message that is not its text. `size` in bytes; `url` or a platform file id where it must be fetched.

    `content_id` is what an HTML body calls it by (`cid:`, RFC 2392); `contains` are the files found inside it: those of an
    attached mail or of a winmail.dat. `sniffed` is what the bytes are, where that is not what `content_type` says;
    `dangerous` that it may do something when it is opened (a program, a script, HTML): it is never shown in a page; `virus`
    what a scanner found in it.
    """

    filename: Clean = ""
    content_type: Clean = "application/octet-stream"
    size: int | None = None
    sha256: Clean | None = None
    inline: bool = False
    type: AttachmentType = "file"
    url: Clean | None = None
    content_id: Clean | None = None
    contains: tuple["Attachment", ...] = ()
    sniffed: Clean | None = None
    dangerous: bool = False
    virus: Clean | None = None


class Report(Model):
    """What a mail server says became of a mail (RFC 3464): `action` is failed, delayed, delivered, relayed or expanded.

    It is `complained` in a feedback report (RFC 5965): a reader called the mail spam. `status` is an enhanced status code
    (RFC 3463) such as 5.1.1, "" where none is said; `original` the Message-ID of the mail it is about, without angle brackets.
    """

    action: Clean = "failed"
    status: Clean = ""
    recipients: tuple[Clean, ...] = ()
    diagnostic: Clean = ""
    original: Clean | None = None


class Forwarded(Model):
    """The mail a person forwarded by hand, as the block in the text or the attached mail tells it."""

    sender: Sender
    to: tuple[Clean, ...] = ()
    subject: Clean = ""
    text: Clean = ""
    sent_at: datetime | None = None
    message_id: Clean | None = None


class Confirmation(Model):
    """A provider asks whether mail may be forwarded to us: follow `link` or type `code` there. `address` is the mailbox."""

    provider: Clean
    address: Clean = ""
    link: Clean | None = None
    code: Clean | None = None


class SpamVerdict(Model):
    """What a spam filter in front of us wrote into the headers; `spam` is nothing where it only gave a score."""

    by: Clean
    spam: bool | None = None
    score: float | None = None


class VirusVerdict(Model):
    """What the scanner says about the attachments of a message: `unknown` when it could not look, and `words` why."""

    verdict: Literal["found", "clean", "unknown"]
    names: tuple[Clean, ...] = ()
    words: Clean = ""


class Invitation(Model):
    """A calendar invitation (RFC 5546): `method` is REQUEST, REPLY, CANCEL …; times are UTC, or nothing where unreadable."""

    method: Clean = ""
    uid: Clean = ""
    summary: Clean = ""
    location: Clean = ""
    organizer: Clean = ""
    begins: datetime | None = None
    ends: datetime | None = None


class Receipt(Model):
    """What a platform tells of messages of ours: of those in `ids`, or of all that were sent until `until` (UTC).

    `error` are the platform's code and words for a failed one, `failure` what that means.
    """

    state: Literal["sent", "delivered", "read", "failed"]
    ids: tuple[Clean, ...] = ()
    until: datetime | None = None
    error: Clean = ""
    failure: FailureKind | None = None


class Call(Model):
    """A phone call: `outcome` is missed (nobody took it), finished, voicemail or ringing; `seconds` were talked.

    `agent` is the id of the agent who took it, where that is known.
    """

    outcome: Literal["ringing", "missed", "finished", "voicemail"]
    seconds: int = 0
    agent: Clean | None = None


class Rating(Model):
    """What a customer thinks of how a ticket was handled."""

    score: Literal["good", "bad"]
    comment: Clean = ""


Sealing = Literal["smime_signed", "smime_encrypted", "pgp_signed", "pgp_encrypted"]


class InboundMessage(Model):
    """One message from the outside, in the words every stage shares.

    `external_id` is the sender's own id for it (Message-ID without angle brackets, update id, client message id);
    `conversation` is what the channel threads by; `text` is the whole readable body and `reply_text` the part that is
    newly written; `html` is as received, never safe to show; addresses are bare and in lower case; times are UTC.

    Only mail has what follows `department`: `delivered_to` are the addresses that the way it took names (Delivered-To,
    X-Original-To, X-Forwarded-To/For, Resent-To …), the nearest first; `thread_index` the first 22 bytes of Thread-Index in
    base64 (MS-OXOMSG: the same in a whole conversation); `sealed` how it is signed or encrypted; `virus` what the scanner says
    where there is one. `language` is what the message says the writer reads, as BCP 47 writes it.

    Only platforms have `handle` (what an answer to it needs besides: a reply token, a service's URL; `id` is what the
    platform calls the message where that is not its `external_id`), `receipt`, `call` and
    `rating`, each with its kind. An edit, delete or reaction names the message it is about in `in_reply_to`, and has an
    `external_id` of its own for every version; a reaction without text was taken away. Of an echo, which the business wrote
    outside of the desk, `conversation` is the customer's. `mail_address` is an address the visitor typed: it proves nothing,
    and answers go there when the conversation cannot be reached any more (with `mail_only`, always). `fields` are what a form
    asked besides. `aliases` are other ids the platform knows the sender by, where the conversation is theirs alone.
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
    delivered_to: tuple[Clean, ...] = ()
    reply_to: tuple[Clean, ...] = ()
    thread_index: Clean | None = None
    report: Report | None = None
    forwarded: Forwarded | None = None
    confirmation: Confirmation | None = None
    spam: SpamVerdict | None = None
    invitation: Invitation | None = None
    sealed: tuple[Sealing, ...] = ()
    virus: VirusVerdict | None = None
    language: Clean | None = None
    handle: Mapping[str, Clean] = Field(default_factory=dict)  # `= {}` would be copied deeply for every message
    receipt: Receipt | None = None
    call: Call | None = None
    rating: Rating | None = None
    mail_address: Clean | None = None
    mail_only: bool = False
    fields: Mapping[str, Clean] = Field(default_factory=dict)
    aliases: tuple[Clean, ...] = ()
