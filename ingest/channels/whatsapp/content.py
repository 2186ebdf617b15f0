"""What a message of WhatsApp says, by its `type`.

Vendor's document: Meta, "Messages webhook reference"
(https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ingest.payload import Fields, geo, ident, part, parts, word
from tickets.message import Attachment, AttachmentType, Kind, clean

MOST_ANSWERS = 100
"""How many answers of a form are kept."""

_FILES: Mapping[str, tuple[AttachmentType, str]] = {
    "image": ("image", "image/jpeg"),
    "video": ("video", "video/mp4"),
    "audio": ("audio", "audio/ogg"),
    "voice": ("audio", "audio/ogg"),
    "document": ("file", "application/octet-stream"),
    "sticker": ("sticker", "image/webp"),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What was said; `about` is the message an edit, a deletion or a reaction is about."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    kind: Kind = "message"
    about: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def content(message: Fields) -> Content:
    """Return what a message says; of a type that is not known, or empty, that it is unsupported."""
    what = word(message, "type") or next((name for name in (*_READERS, *_FILES) if name in message), "")
    holder = part(message, what)
    found = _file(what, holder) if what in _FILES else _READERS.get(what, _unknown)(message, holder)
    if found.text or found.attachments or found.kind in ("delete", "reaction"):
        return found
    kind = "unsupported" if found.kind in ("message", "postback") else found.kind
    return replace(found, kind=kind, text=f"[unsupported: {_reason(message, what)[:100]}]")


def _text(_message: Fields, text: Fields) -> Content:
    return Content(word(text, "body"))


def _file(what: str, file: Fields) -> Content:
    kind, content_type = _FILES[what]
    number = clean(ident(file, "id"))
    if not number:
        return Content(word(file, "caption"))
    attachment = Attachment(
        filename=word(file, "filename"),
        content_type=word(file, "mime_type").partition(";")[0].strip() or content_type,
        type=kind,
        url=f"whatsapp:{number}",
    )
    return Content(word(file, "caption"), (attachment,))


def _location(_message: Fields, place: Fields) -> Content:
    text = "\n".join(filter(None, (word(place, "name"), word(place, "address"))))
    if (url := geo(place, "latitude", "longitude")) is None:
        return Content(text)
    return Content(
        text, (Attachment(filename=word(place, "name"), content_type="text/plain", type="location", url=url),)
    )


def _contacts(message: Fields, _holder: Fields) -> Content:
    lines, cards = [], []
    for contact in parts(message, "contacts"):
        name = word(part(contact, "name"), "formatted_name", "first_name")
        phones = [number for phone in parts(contact, "phones") if (number := word(phone, "phone", "wa_id"))]
        if name or phones:
            lines.append(" ".join(filter(None, (name, *phones))))
            url = f"tel:{''.join(phones[0].split())}" if phones else None
            cards.append(Attachment(filename=name, content_type="text/vcard", type="contact", url=url))
    return Content("\n".join(lines), tuple(cards))


def _button(_message: Fields, button: Fields) -> Content:
    payload = word(button, "payload")
    return Content(word(button, "text") or payload, kind="postback", fields=_facts(payload=payload))


def _interactive(_message: Fields, interactive: Fields) -> Content:
    """Return the choice of a button or a row, or the answers of a form (a Flow); of an echo, what was asked."""
    chosen = part(interactive, "button_reply") or part(interactive, "list_reply")
    if chosen:
        number = ident(chosen, "id")
        return Content(word(chosen, "title") or number, kind="postback", fields=_facts(payload=number))
    if form := part(interactive, "nfm_reply"):
        answers = _answers(form.get("response_json"))
        lines = [f"{name}: {value}" for name, value in answers.items()]
        return Content("\n".join(filter(None, (word(form, "body"), *lines))), fields=answers)
    return Content(word(part(interactive, "body"), "text"))


def _answers(said: Any) -> dict[str, str]:
    try:
        found = json.loads(said) if isinstance(said, str) else said
        if not isinstance(found, dict):
            return {}
        pairs = [(name, value) for name, value in found.items() if isinstance(name, str) and name != "flow_token"]
        return {
            clean(name)[:200]: clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for name, value in pairs[:MOST_ANSWERS]
            if value not in (None, "")
        }
    except (ValueError, RecursionError):
        return {}


def _order(_message: Fields, order: Fields) -> Content:
    lines = [word(order, "text")]
    for item in parts(order, "product_items"):
        price = " ".join(filter(None, (ident(item, "item_price") or _decimal(item), word(item, "currency"))))
        amount = ident(item, "quantity") or "?"
        lines.append(f"{amount} x {ident(item, 'product_retailer_id') or '?'}{f' ({price})' if price else ''}")
    return Content("\n".join(filter(None, lines)))


def _decimal(item: Fields) -> str:
    price = item.get("item_price")
    return f"{price:g}" if isinstance(price, float) else ""


def _reaction(_message: Fields, reaction: Fields) -> Content:
    """Return the emoji; without one the reaction was taken away."""
    return Content(word(reaction, "emoji"), kind="reaction", about=ident(reaction, "message_id"))


def _edit(_message: Fields, edit: Fields) -> Content:
    inner = part(edit, "message")
    new = content({name: value for name, value in inner.items() if "edit" not in (name, value)})
    return Content(new.text, new.attachments, "edit", ident(edit, "original_message_id"), new.fields)


def _revoke(_message: Fields, revoke: Fields) -> Content:
    return Content(kind="delete", about=ident(revoke, "original_message_id"))


def _system(_message: Fields, system: Fields) -> Content:
    """Return what happened to a person's number, id or phone."""
    words = f"[{word(system, 'type') or 'system'}] {word(system, 'body')}"
    return Content(words.strip(), kind="lifecycle")


def _welcome(_message: Fields, _holder: Fields) -> Content:
    return Content("[request_welcome]", kind="lifecycle")


def _template(_message: Fields, template: Fields) -> Content:
    return Content(f"[template: {word(template, 'name') or 'without a name'}]")


def _unknown(_message: Fields, _holder: Fields) -> Content:
    return Content()


def _reason(message: Fields, what: str) -> str:
    """Return what kind of message it is that Meta or we do not understand."""
    error = next(iter(parts(message, "errors")), {})
    told = word(error, "title", "message") or ident(error, "code") if what in ("unsupported", "unknown", "") else what
    return word(part(message, what), "type") or told or "unknown"


def _facts(**facts: str) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value}


_READERS: Mapping[str, Callable[[Fields, Fields], Content]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "button": _button,
    "interactive": _interactive,
    "order": _order,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "system": _system,
    "request_welcome": _welcome,
    "template": _template,
}
