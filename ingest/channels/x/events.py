"""X's two forms of delivery: one event of the X Activity API, or the lists of the older Account Activity API.

Both carry the same ids, so what comes in both is the same message.
"""

from collections.abc import Callable, Mapping

from ingest.channel import Unreadable
from ingest.channels.x import dms, posts
from ingest.channels.x.content import bare, message, names
from ingest.payload import Fields, digest, ident, moment, opened, part, parts, word
from tickets.message import InboundMessage, Sender

People = Mapping[str, str]

# What X tells of an account and its surroundings, in which nobody speaks to it.
_SILENT = ("post.repost.", "profile.", "spaces.", "news.", "mute.", "broadcast.", "subscriptions.")
_LIFECYCLE = ("follow.", "block.", "oauth.", "chat.conversation", "chat.update")


def parse(raw: bytes) -> list[InboundMessage]:
    """Return every message of a delivery; raises `Unreadable`."""
    body = opened(raw)
    data = body.get("data")
    if data is not None:
        events = [one for one in (data if isinstance(data, list) else [data]) if isinstance(one, dict)]
        if not events:
            raise Unreadable("data holds no event")
        found = [message for event in events for message in _activity(event)]
    elif (
        "for_user_id" in body or "replay_job_status" in body or any(key.endswith(("_event", "_events")) for key in body)
    ):
        found = _older(ident(body, "for_user_id"), names(body.get("users")), body)
    else:
        raise Unreadable("neither an event of the X Activity API nor of the Account Activity API")
    once: dict[tuple[str, str], InboundMessage] = {}
    for one in found:
        once.setdefault((one.kind, one.external_id), one)
    return list(once.values())


def _activity(event: Fields) -> list[InboundMessage]:
    """Return what one event of the X Activity API says; direct messages lie in it in the older form."""
    account, kind = ident(part(event, "filter"), "user_id"), word(event, "event_type")
    payload, includes = part(event, "payload"), part(event, "includes") or part(event, "payload", "includes")
    people = names(includes.get("users"), payload.get("users"))
    older = _older(account, people, payload)
    if older or not kind or kind.startswith(_SILENT):
        return older
    found = _said(account, people, kind, event, includes)
    return [] if found is None else [found]


def _said(account: str, people: People, kind: str, event: Fields, includes: Fields) -> InboundMessage | None:
    payload, number = part(event, "payload"), ident(event, "event_uuid") or digest(event)
    if kind.startswith(("post.", "like.")):
        return _in_public(account, people, kind, payload, includes)
    if kind.startswith(_LIFECYCLE):
        return _happened(account, kind, payload, number)
    if kind in ("chat.received", "chat.sent"):
        return dms.encrypted(account, people, payload, number)
    if kind in ("dm.received", "dm.sent"):
        return dms.flat(account, people, payload if ident(payload, "id") else {**payload, "id": number}, includes)
    sender = ident(payload, "sender_id")
    if sender in ("", account):
        return None
    who = Sender(id=sender, name=people.get(sender, ""))
    return message(account, "unsupported", number, f"dm:{sender}", who, f"[unsupported: {kind}]")


def _in_public(account: str, people: People, kind: str, payload: Fields, includes: Fields) -> InboundMessage | None:
    if kind == "post.delete":
        return posts.deleted(account, ident(payload, "id"), ident(payload, "author_id"), None)
    if kind == "like.create":
        return posts.liked(account, people, payload)
    return posts.posted(account, posts.newer(payload, people, includes))


def _older(account: str, people: People, body: Fields) -> list[InboundMessage]:
    """Return what the lists of the Account Activity API say, and those inside an event of the X Activity API."""
    found = [read(account, people, one) for name, read in _LISTS.items() for one in parts(body, name)]
    found.append(_revoked(account, part(body, "user_event", "revoke")))
    return [one for one in found if one is not None]


def _revoked(account: str, revoke: Fields) -> InboundMessage | None:
    who = ident(part(revoke, "source"), "user_id")
    if not revoke:
        return None
    return message(account or who, "lifecycle", digest(revoke), f"account:{who}", Sender(id=who), "[revoke]")


def _tweet(account: str, people: People, tweet: Fields) -> InboundMessage | None:  # noqa: ARG001  # it says who wrote it
    return posts.posted(account, posts.older(tweet))


def _deleted(account: str, people: People, event: Fields) -> InboundMessage | None:  # noqa: ARG001  # and this only the id
    status = part(event, "status")
    number, author = ident(status, "id_str", "id"), ident(status, "user_id_str", "user_id")
    return posts.deleted(account, number, author, moment(event.get("timestamp_ms")))


def _related(account: str, people: People, event: Fields) -> InboundMessage | None:  # noqa: ARG001  # both are in it
    return _happened(account, word(event, "type"), event, digest(event))


def _happened(account: str, kind: str, about: Fields, number: str) -> InboundMessage | None:
    """Return what somebody did about the account: followed or blocked it, joined a chat; what it did itself is no news."""
    user = bare(about.get("source"))
    who = ident(user, "id_str", "id") or ident(about, "sender_id", "user_id")
    if not who or (who == account and user):
        return None
    sender = Sender(id=who, name=word(user, "name", "screen_name", "username"))
    when = moment(about.get("created_timestamp"))
    return message(account, "lifecycle", number, f"account:{who}", sender, f"[{kind or 'event'}]", sent_at=when)


_LISTS: Mapping[str, Callable[[str, People, Fields], InboundMessage | None]] = {
    "direct_message_events": dms.written,
    "tweet_create_events": _tweet,
    "tweet_delete_events": _deleted,
    "favorite_events": posts.favourite,
    "direct_message_mark_read_events": dms.read,
    "direct_message_indicate_typing_events": dms.typing,
    "follow_events": _related,
    "block_events": _related,
}
