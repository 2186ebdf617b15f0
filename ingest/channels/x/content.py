"""What is in a message or a post on X: its text, its media, when it was written and by whom; in the older and in the newer form."""

import html
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ingest.first_line import first_line
from ingest.payload import Fields, count, ident, moment, part, parts, word
from tickets.message import Attachment, AttachmentType, InboundMessage, Kind, Sender

_SHORT = re.compile(r"https?://t\.co/\w+")
_MEDIA_PAGE = re.compile(r"/(?:photo|video)/\d+$|/messages/media/\d+$")
_PICTURES = {"png": "image/png", "gif": "image/gif", "webp": "image/webp"}
_EPOCH_MS = 1_288_834_974_657
"""When X began to count the milliseconds that are in its ids (https://docs.x.com/fundamentals/x-ids)."""


def message(
    account: str, kind: Kind, number: str, conversation: str, sender: Sender, text: str, **more: Any
) -> InboundMessage:
    """Return a message of this channel."""
    return InboundMessage(
        channel="x",
        account=account,
        external_id=number,
        conversation=conversation,
        sender=sender,
        subject=first_line(text) if kind in ("message", "postback", "edit", "unsupported") else "",
        text=text,
        reply_text=text,
        kind=kind,
        **more,
    )


def words(text: str, urls: Iterable[Fields], media: Iterable[Fields] = ()) -> str:
    """Return the text as it was typed: entities as signs, t.co as what it leads to, and without the links to its own media."""
    known: dict[str, str] = {}
    for one in urls:
        leads = word(one, "expanded_url")
        known[word(one, "url")] = (
            "" if ident(one, "media_key") or _MEDIA_PAGE.search(leads[-100:]) else leads or word(one, "url")
        )
    known.update((word(one, "url"), "") for one in media)
    return _SHORT.sub(lambda found: known.get(found[0], found[0]), html.unescape(text)).strip()


def attachment(media: Fields) -> Attachment:
    """Return a video at its best, or else a picture, if only the first one of a video."""
    kind: AttachmentType
    films = [one for one in _variants(media) if word(one, "content_type") == "video/mp4" and word(one, "url")]
    if films:
        best = max(films, key=lambda one: count(one, "bitrate") or count(one, "bit_rate"))
        kind, url, content_type = "video", word(best, "url"), "video/mp4"
    else:
        kind, url = "image", word(media, "media_url_https", "url", "preview_image_url")
        content_type = _PICTURES.get(url.rpartition(".")[2].lower(), "image/jpeg")
    return Attachment(
        filename=url.partition("?")[0].rpartition("/")[2],
        content_type=content_type,
        type=kind,
        url=url if url.startswith("https://") else None,
    )


def time_of(number: str) -> datetime | None:
    """Return when something with this id was made; ids of before November 2010 do not tell."""
    if not (number.isascii() and number.isdigit() and 14 < len(number) < 20):
        return None
    return moment((int(number) >> 22) + _EPOCH_MS)


def names(*holders: Any) -> dict[str, str]:
    """Return what the users of a payload are called, by their ids: from a list, or from a mapping by id."""
    found = {}
    for holder in holders:
        users = holder.values() if isinstance(holder, dict) else holder if isinstance(holder, list) else ()
        for one in users:
            user = bare(one)
            if number := ident(user, "id_str", "id"):
                found[number] = word(user, "name", "screen_name", "username")
    return found


def bare(user: Any) -> Fields:
    """Return a user, who may be wrapped into `data`."""
    return part(user, "data") or (user if isinstance(user, dict) else {})


def _variants(media: Fields) -> list[Fields]:
    return parts(part(media, "video_info"), "variants") or parts(media, "variants")
