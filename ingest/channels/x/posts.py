"""Posts on X that mention, answer or quote the account, in the newer form (API v2) and in the older one (API v1.1).

All that one author posts to the account is one conversation, whichever thread it is in: the older form does not tell the thread,
and a deleted post not even what it answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ingest.channels.x.content import attachment, message, names, time_of, words
from ingest.payload import Fields, digest, ident, iso_moment, moment, part, parts, word
from tickets.message import Attachment, InboundMessage, Kind, Sender


@dataclass(frozen=True, slots=True)
class Post:
    """A post, whatever form it came in.

    `to` is whom it answers, `parent` the post it answers or quotes, `first` the id it had before it was edited; a `repost` has
    no words of its own.
    """

    number: str
    author: Sender
    text: str
    files: tuple[Attachment, ...]
    to: str
    parent: str
    first: str
    repost: bool
    sent_at: datetime | None


def newer(said: Fields, people: Mapping[str, str], includes: Fields) -> Post:
    """Return a post of API v2; one longer than 280 characters has all its text in `note_tweet`."""
    number, author = ident(said, "id") or digest(said), ident(said, "author_id")
    long = part(said, "note_tweet")
    entities = part(long, "entities") or part(said, "entities")
    about = {word(one, "type"): ident(one, "id") for one in parts(said, "referenced_tweets")}
    keys = part(said, "attachments").get("media_keys")
    media = [one for one in parts(includes, "media") if isinstance(keys, list) and word(one, "media_key") in keys]
    versions = said.get("edit_history_tweet_ids")
    first = versions[0] if isinstance(versions, list) and versions and isinstance(versions[0], str) else number
    links = [*parts(entities, "urls"), *(parts(part(said, "entities"), "urls") if long else ())]
    return Post(
        number=number,
        author=Sender(id=author, name=people.get(author, "")),
        text=words(word(long, "text") or word(said, "text"), links),
        files=tuple(attachment(one) for one in media),
        to=ident(said, "in_reply_to_user_id") or _answered(about.get("replied_to", ""), includes),
        parent=about.get("replied_to", "") or about.get("quoted", ""),
        first=first,
        repost="retweeted" in about,
        sent_at=iso_moment(said.get("created_at")) or time_of(number),
    )


def older(said: Fields) -> Post:
    """Return a post of API v1.1, whose numbers are too long for some programs: only its strings count where there are any."""
    number = ident(said, "id_str", "id") or digest(said)
    long = part(said, "extended_tweet")
    whole = long or said
    entities = part(whole, "entities")
    media = parts(part(whole, "extended_entities") or entities, "media")
    author = ident(part(said, "user"), "id_str", "id")
    return Post(
        number=number,
        author=Sender(id=author, name=names([part(said, "user")]).get(author, "")),
        text=words(word(long, "full_text") or word(said, "full_text", "text"), parts(entities, "urls"), media),
        files=tuple(attachment(one) for one in media),
        to=ident(said, "in_reply_to_user_id_str", "in_reply_to_user_id"),
        parent=ident(
            said, "in_reply_to_status_id_str", "in_reply_to_status_id", "quoted_status_id_str", "quoted_status_id"
        ),
        first=number,
        repost=bool(part(said, "retweeted_status")),
        sent_at=moment(said.get("timestamp_ms")) or time_of(number),
    )


def posted(account: str, post: Post) -> InboundMessage | None:
    """Return what was said to the account, or what it answered somebody; nothing for its other posts and for reposts."""
    ours = post.author.id == account != ""
    if post.repost or (ours and post.to in ("", account)):
        return None
    edited = post.first != post.number
    kind: Kind = "echo" if ours else "edit" if edited else "message"
    text = post.text
    if not (text or post.files):
        kind, text = "unsupported" if kind == "message" else kind, "[unsupported: empty post]"
    customer = (post.to if ours else post.author.id) or post.number
    return message(
        account,
        kind,
        post.number,
        f"post:{customer}",
        post.author,
        text,
        attachments=post.files,
        in_reply_to=(post.first if edited else post.parent) or None,
        sent_at=post.sent_at,
        handle={} if ours else {"post": post.number},
    )


def deleted(account: str, number: str, author: str, sent_at: datetime | None) -> InboundMessage | None:
    """Return that an author took a post back; of the account's own posts X does not tell whom they answered."""
    if not number or author in ("", account):
        return None
    return message(
        account,
        "delete",
        f"{number}:deleted",
        f"post:{author}",
        Sender(id=author),
        "",
        in_reply_to=number,
        sent_at=sent_at,
    )


def liked(account: str, people: Mapping[str, str], like: Fields) -> InboundMessage | None:
    """Return a like of API v2, which does not name who it is from: that is whoever else is among the people."""
    who = next((one for one in people if one != account), "")
    target = ident(like, "liked_tweet_id") if ident(like, "liked_tweet_author_id") == account else ""
    return _like(account, Sender(id=who, name=people.get(who, "")), target, like)


def favourite(account: str, people: Mapping[str, str], like: Fields) -> InboundMessage | None:  # noqa: ARG001  # it names who
    """Return a like of API v1.1."""
    user, post = part(like, "user"), part(like, "favorited_status")
    who = ident(user, "id_str", "id")
    target = ident(post, "id_str", "id") if ident(part(post, "user"), "id_str", "id") == account else ""
    return _like(account, Sender(id=who, name=names([user]).get(who, "")), target, like)


def _like(account: str, who: Sender, target: str, like: Fields) -> InboundMessage | None:
    """Return that somebody liked a post of the account; X does not tell when that is taken back."""
    if not target or who.id in ("", account):
        return None
    when, number = moment(like.get("timestamp_ms")), ident(like, "id") or digest(like)
    return message(account, "reaction", number, f"post:{who.id}", who, "❤", in_reply_to=target, sent_at=when)


def _answered(parent: str, includes: Fields) -> str:
    return next(
        (ident(one, "author_id") for one in parts(includes, "tweets") if parent and ident(one, "id") == parent), ""
    )
