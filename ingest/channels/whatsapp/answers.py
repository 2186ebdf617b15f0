"""The way back: answers with their files, and the files customers sent.

Vendor's document: Meta, "Send messages" (https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages)
and "Media" (https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media). WhatsApp
has no idempotency keys.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ingest import meta
from ingest.channels.whatsapp.config import Config
from ingest.channels.whatsapp.errors import CLOSED, MEANINGS
from ingest.cutting import pieces
from ingest.outbound import Answered, File, Outbound, origin
from ingest.payload import ident, parts, word
from tickets.reply import Reply, Upload
from tickets.trouble import failure

LONGEST_TEXT = 4096
WINDOW_SECONDS = 24 * 3600.0
MEGABYTE = 1_048_576

# What is shown as itself, up to so many bytes; everything else goes as a document.
_SHOWN: Mapping[str, tuple[str, int]] = {
    "image/jpeg": ("image", 5 * MEGABYTE),
    "image/png": ("image", 5 * MEGABYTE),
    **dict.fromkeys(("video/mp4", "video/3gpp"), ("video", 16 * MEGABYTE)),
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), ("audio", 16 * MEGABYTE)),
}
_USER_ID = re.compile(r"[A-Z]{2}\..+")
_INVALID = (100, 131009)
_META = re.compile(r"https://[a-z0-9.-]+\.(facebook\.com|fbsbx\.com|fbcdn\.net|whatsapp\.net)")


def answer_until(config: Config, handle: Mapping[str, str], heard_at: float) -> float:  # noqa: ARG001  # the same for all
    """Return until when a customer may be answered freely: 24 hours after they wrote."""
    return heard_at + WINDOW_SECONDS


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send an answer; see `ingest.channel.AnsweringChannel`.

    The first piece quotes the customer's newest message, or nothing when WhatsApp does not take the quotation.
    """
    if reply.heard_at is not None and reply.now > answer_until(config, reply.handle, reply.heard_at):
        raise failure(*CLOSED)
    steps: list[str | Upload] = [*pieces(reply.text, LONGEST_TEXT), *reply.attachments]
    for number in range(len(reply.done), len(steps)):
        step = steps[number]
        said = _text(step) if isinstance(step, str) else _uploaded(config, reply.account, step, out)
        message = {"messaging_product": "whatsapp", **_to(reply), **said}
        quoted = {"context": {"message_id": reply.answers}} if number == 0 and _quotable(reply.answers) else {}
        answered = _call(config, reply.account, "messages", out, json={**message, **quoted})
        if quoted and meta.fault(answered)[0] in _INVALID:
            answered = _call(config, reply.account, "messages", out, json=message)
        if not answered.ok:
            raise meta.refusal(answered, MEANINGS)
        yield next((word(one, "id") for one in parts(answered.json, "messages")), "")


def fetch(config: Config, account: str, url: str, out: Outbound) -> File:
    """Return the file behind `whatsapp:<media id>`: asked for by its id, then fetched where Meta says; raises like `send`.

    The access token goes to Meta's own hosts and to `base_url` only.
    """
    scheme, _, number = url.partition(":")
    if scheme != "whatsapp":
        return out.file(url)
    token = meta.authorization(config, account)
    query = f"{quote(number, safe='')}?phone_number_id={quote(account, safe='')}"
    answered = out.call("GET", f"{config.graph}/{query}", headers=token)
    if not answered.ok:
        raise meta.refusal(answered, MEANINGS)
    where = word(answered.json, "url")
    place = origin(where)
    if place != origin(config.base_url) and _META.fullmatch(place) is None:
        raise failure("invalid", f"WhatsApp names a place for the file that is not Meta's: {place or 'nowhere'}")
    return out.file(where, headers=token)


def _text(text: str) -> Mapping[str, Any]:
    return {"type": "text", "text": {"body": text, "preview_url": False}}


def _to(reply: Reply) -> Mapping[str, str]:
    """Return whom it goes to: a group, a phone number, or a user id where there is no number."""
    if group := reply.handle.get("group_id"):
        return {"recipient_type": "group", "to": group}
    return {"recipient_type": "individual", "recipient" if _USER_ID.fullmatch(reply.to) else "to": reply.to}


def _quotable(answers: str | None) -> bool:
    return answers is not None and answers.startswith("wamid.")  # a call cannot be quoted


def _uploaded(config: Config, account: str, file: Upload, out: Outbound) -> Mapping[str, Any]:
    """Give Meta a file and return the message that shows it."""
    kind, most = _SHOWN.get(file.content_type, ("document", 0))
    shown = kind if len(file.data) <= most else "document"
    form = {"messaging_product": "whatsapp", "type": file.content_type}
    files = {"file": (file.filename, file.data, file.content_type)}
    answered = _call(config, account, "media", out, form=form, files=files)
    if not answered.ok:
        raise meta.refusal(answered, MEANINGS)
    number = ident(answered.json, "id")
    if not number:
        raise failure("transient", f"WhatsApp took {file.filename} but gave it no id; it is tried again")
    named = {"filename": file.filename} if shown == "document" else {}
    return {"type": shown, shown: {"id": number, **named}}


def _call(config: Config, account: str, what: str, out: Outbound, **body: Any) -> Answered:
    headers = meta.authorization(config, account)
    return out.call("POST", f"{config.graph}/{quote(account, safe='')}/{what}", headers=headers, **body)
