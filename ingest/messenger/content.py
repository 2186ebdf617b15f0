"""What a message of the Messenger Platform holds besides its ids: words, files, places, what it answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingest.payload import Fields, geo, ident, part, parts, word
from tickets.message import Attachment, AttachmentType

_FILES: Mapping[str, tuple[AttachmentType, str]] = {
    "image": ("image", "image/jpeg"),
    "animated_image": ("image", "image/gif"),
    "video": ("video", "video/mp4"),
    "audio": ("audio", "audio/mp4"),
    "file": ("file", "application/octet-stream"),
    "story_mention": ("story_mention", "application/octet-stream"),
}
_SHARES = frozenset({"fallback", "share", "post", "ig_post", "reel", "ig_reel"})
_SAME = ("sticker_id", "ig_post_media_id", "reel_video_id")
# What every message may have, so that what is left names the kind of content nobody knows yet.
_ENVELOPE = frozenset({
    "mid", "seq", "text", "attachments", "quick_reply", "reply_to", "referral", "is_echo", "is_self", "is_unsupported",
    "is_deleted", "app_id", "metadata", "nlp", "tags", "sticker_id", "traits", "detected_entities",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """The words as they were written, the files, and what else is told: the `story` it answers, the `referral` it came by.

    `unknown` names what is not known yet; it is everything there was when `text` and `attachments` are empty.
    """

    text: str
    attachments: tuple[Attachment, ...]
    fields: Mapping[str, str]
    unknown: tuple[str, ...]


def content(message: Fields) -> Content:
    """Return what a `message` object holds."""
    sent = parts(message, "attachments")
    words = [line for one in sent if word(one, "type") == "template" for line in _template(part(one, "payload"))]
    if any(word(one, "type") == "like_heart" for one in sent):
        words.append("\u2764\ufe0f")
    pressed = word(part(message, "quick_reply"), "payload")
    text = "\n".join(one for one in (word(message, "text") or pressed, *words) if one)
    attachments = tuple(_attachments(sent))
    story = part(message, "reply_to", "story")
    unknown = [kind for one in sent if not _known(one) and (kind := word(one, "type") or "attachment")]
    if message.get("is_unsupported") is True:
        unknown = ["message"]
    elif not (text or attachments or unknown or story):
        unknown = [next((key for key in message if key not in _ENVELOPE), "message")]
    fields = {"referral": referred(part(message, "referral"))}
    if story:
        fields["story"] = ident(story, "id") or "yes"
        attachments += (Attachment(filename="story", type="story_mention", url=https(word(story, "url"))),)
    told = {name: value for name, value in fields.items() if value}
    return Content(text, attachments, told, tuple(dict.fromkeys(unknown)))


def referred(referral: Fields) -> str:
    """Return in words what led a person here: an advertisement, a link with a word of ours in it; "" for nothing."""
    title = word(part(referral, "ads_context_data"), "ad_title")
    return " ".join(dict.fromkeys(one for one in (title, word(referral, "ref"), word(referral, "source")) if one))


def https(url: str) -> str | None:
    """Return a URL that may be shown or fetched, or nothing."""
    return url if url.startswith("https://") else None


def _attachments(sent: list[Fields]) -> Iterator[Attachment]:
    """Return the files, links and places; a sticker that also came as an image, or a post as a share, counts once."""
    stickers = {_link(one) for one in sent if _is_sticker(one)} - {None}
    shown: set[str] = set()
    for one in sent:
        kind, payload, url = word(one, "type"), part(one, "payload"), _link(one)
        title = word(one, "title") or word(payload, "title")
        if kind in _SHARES or _is_sticker(one):
            names = {f"{field}:{own}" for field in _SAME if (own := ident(payload, field))} | {url or ""} - {""}
            if names & shown:
                continue
            shown |= names
        if _is_sticker(one):
            yield Attachment(content_type="image/png", type="sticker", url=url)
        elif kind in _FILES and url not in stickers:
            what, content_type = _FILES[kind]
            yield Attachment(filename=title, content_type=content_type, type=what, url=url)
        elif kind == "ig_story":  # somebody else's, and gone after a day: not to be copied either
            yield Attachment(filename=title or "story", type="story_mention", url=url)
        elif kind in _SHARES and (url or title):
            yield Attachment(filename=title, type="share", url=url)
        elif kind == "location" and (where := geo(part(payload, "coordinates"), "lat", "long")):
            yield Attachment(filename=title, content_type="text/plain", type="location", url=where)


def _known(one: Fields) -> bool:
    kind, payload = word(one, "type"), part(one, "payload")
    if kind == "template":
        return bool(_template(payload))
    return kind == "like_heart" or any(_attachments([one]))


def _link(one: Fields) -> str | None:
    return https(word(part(one, "payload"), "url") or word(one, "url"))


def _is_sticker(one: Fields) -> bool:
    return word(one, "type") == "sticker" or ident(part(one, "payload"), "sticker_id") != ""


def _template(payload: Fields) -> list[str]:
    """Return the words of a card with buttons, or of the products somebody shared."""
    lists = (payload, part(payload, "generic"), part(payload, "product"))
    elements = [one for holder in lists for one in parts(holder, "elements")]
    named = [" \u2013 ".join(said for name in ("title", "subtitle") if (said := word(one, name))) for one in elements]
    return [line for line in (word(payload, "text"), *named) if line]
