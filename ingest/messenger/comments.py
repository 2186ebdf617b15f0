"""Comments people write under the business's posts: each thread of them is a conversation of its own.

Vendor's document: Meta, "Webhooks Reference: Page, feed" (https://developers.facebook.com/docs/graph-api/webhooks/reference/page)
and "Webhooks Reference: Instagram, comments" (https://developers.facebook.com/docs/graph-api/webhooks/reference/instagram).
A comment is answered by one private message to its writer, see `ingest.messenger.answers`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from ingest.first_line import first_line
from ingest.messenger.content import https
from ingest.payload import Fields, digest, ident, part, word
from tickets.message import Attachment, InboundMessage, Kind, Sender, clean

COMMENTED = frozenset({"feed", "comments", "live_comments"})
"""The fields of changes that hold comments."""
_KINDS: Mapping[str, Kind] = {
    "": "message",
    "add": "message",
    "edit": "edit",
    "edited": "edit",
    "remove": "delete",
    "delete": "delete",
}
_POSTS = frozenset({"post", "status", "photo", "video"})


def commented(channel: str, account: str, value: Fields, at: datetime | None) -> Iterator[InboundMessage]:
    """Return the comment a change is, or the post a visitor wrote on the page; nothing for likes and what else happens."""
    item, writer = word(value, "item"), part(value, "from")
    kind = _KINDS.get(word(value, "verb"))
    own = account != "" and clean(ident(writer, "id")) == account
    if item and item != "comment" and (item not in _POSTS or own or not word(value, "message")):
        return
    name = "post_id" if item in _POSTS else "comment_id"
    number = clean(ident(value, name, "id"))
    if kind is None or not number:
        return
    text = word(value, "message", "text")
    files = tuple(_files(value))
    if kind == "message" and not (text or files):
        kind, text = "unsupported", "[unsupported: comment]"
    version = f"{number}:{digest(text, at)}" if kind == "edit" else number
    above = clean(ident(value, "parent_id"))
    # Of a comment right under a post Facebook calls the post its parent.
    thread = above if above and above != clean(ident(value, "post_id")) else number
    yield InboundMessage(
        channel=channel,
        account=account,
        external_id=version,
        conversation=f"comment:{thread}",
        sender=Sender(id=clean(ident(writer, "id")), name=word(writer, "name", "username")),
        subject=first_line(text),
        text=text,
        reply_text=text,
        attachments=files,
        kind="echo" if own and kind in ("message", "unsupported") else kind,
        in_reply_to=number if kind in ("edit", "delete") else thread if thread != number else None,
        sent_at=at,
        handle={} if own or kind in ("edit", "delete") else {name: number},
    )


def _files(value: Fields) -> Iterator[Attachment]:
    if photo := https(word(value, "photo") or (word(value, "link") if word(value, "item") == "photo" else "")):
        yield Attachment(content_type="image/jpeg", type="image", url=photo)
    if video := https(word(value, "video")):
        yield Attachment(content_type="video/mp4", type="video", url=video)
    if post := https(word(part(value, "post"), "permalink_url")):
        yield Attachment(filename="post", type="share", url=post)
