"""What Slack's events say, as messages.

A message in a channel that is not in a thread begins a conversation of its own, and its thread is that conversation; all that is
said in a direct message to the app is one conversation. In a channel shared with another company whoever belongs to the app's own
workspace speaks for the desk: what they write is an echo. Everywhere else everybody but the app is a customer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest.channel import Unreadable
from ingest.channels.slack.words import plain
from ingest.first_line import first_line
from ingest.payload import Fields, count, digest, ident, moment, opened, part, parts, word
from tickets.message import Attachment, AttachmentType, InboundMessage, Kind, Sender

_SAID = frozenset({"", "file_share", "thread_broadcast", "me_message"})
# What Slack itself writes into a channel when something happens to it.
_SILENT = frozenset({
    "assistant_app_thread", "bot_add", "bot_disable", "bot_enable", "bot_message", "bot_remove", "channel_archive",
    "channel_canvas_updated", "channel_convert_to_private", "channel_convert_to_public", "channel_join", "channel_leave",
    "channel_name", "channel_posting_permissions", "channel_purpose", "channel_topic", "channel_unarchive", "document_mention",
    "ekm_access_denied", "file_mention", "group_archive", "group_join", "group_leave", "group_name", "group_purpose", "group_topic",
    "group_unarchive", "huddle_thread", "joiner_notification", "joiner_notification_for_inviter", "message_replied", "pinned_item",
    "reminder_add", "reply_broadcast", "sh_room_created", "slackbot_response", "tombstone", "unpinned_item",
})  # fmt: skip
_LIFECYCLE = frozenset({
    "app_home_opened", "app_uninstalled", "channel_archive", "channel_deleted", "channel_shared", "channel_unarchive",
    "channel_unshared", "group_archive", "group_deleted", "group_unarchive", "member_joined_channel", "member_left_channel",
    "tokens_revoked",
})  # fmt: skip
_GONE = frozenset({"tombstone", "hidden_by_limit"})
_MAIN: Mapping[str, AttachmentType] = {"image": "image", "video": "video", "audio": "audio"}
# A recorded clip's content type may be video/mp4 though there is only sound in it.
_CLIPS: Mapping[str, AttachmentType] = {"slack_audio": "audio", "slack_video": "video"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an event comes from: our workspace, our app and its users, and whether another company shares the channel."""

    account: str
    number: str
    app: str
    bots: frozenset[str]
    shared: bool


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message an event is, or none when nobody said or did anything; raises `Unreadable`."""
    outer = opened(raw)
    kind = word(outer, "type")
    if not kind:
        raise Unreadable("no event of Slack: its type is missing")
    if kind != "event_callback":
        return []
    event = part(outer, "event")
    if not event:
        raise Unreadable("an event_callback without its event")
    found = _event(_place(outer, event), event)
    return [found] if found is not None else []


def _place(outer: Fields, event: Fields) -> _Place:
    granted = parts(outer, "authorizations")
    teams = (word(outer, "context_team_id"), *(word(one, "team_id") for one in granted), word(outer, "team_id"))
    return _Place(
        next(filter(None, teams), ""),
        word(outer, "event_id") or digest(event),
        word(outer, "api_app_id"),
        frozenset(word(one, "user_id") for one in granted if one.get("is_bot") is True) - {""},
        outer.get("is_ext_shared_channel") is True,
    )


def _event(place: _Place, event: Fields) -> InboundMessage | None:
    kind, subtype = word(event, "type"), word(event, "subtype")
    if kind in ("reaction_added", "reaction_removed"):
        return _reaction(place, event)
    if kind in _LIFECYCLE:
        return _lifecycle(place, event, kind)
    if kind not in ("message", "app_mention"):
        return None
    if subtype == "message_changed":
        return _changed(place, event)
    if subtype == "message_deleted":
        return _deleted(place, event, word(event, "deleted_ts"))
    return _message(place, event, word(event, "channel"))


def _message(place: _Place, said: Fields, channel: str, version: str = "") -> InboundMessage | None:
    """Return what was said, or a later `version` of it."""
    subtype, ours = word(said, "subtype"), _ours(place, said)
    if subtype in _SILENT or (word(said, "bot_id") and ours != "app"):
        return None
    at, thread = word(said, "ts"), word(said, "thread_ts")
    text, files = _text(place, said), _files(said)
    kind: Kind = "echo" if ours else "edit" if version else "message"
    if subtype not in _SAID or not (text or files):
        unknown = subtype if subtype not in _SAID else next((word(one, "type") for one in parts(said, "blocks")), "")
        text = "\n".join(filter(None, (f"[unsupported: {unknown or 'empty message'}]", text)))
        kind = "unsupported" if kind == "message" else kind
    name = f"{channel}:{at}" if channel and at else place.number
    if ours == "app" and files and (number := _number(files[0])):
        own = number  # all that Slack told us when we sent it
    else:
        own = f"{name}:{version}" if version else name
    return InboundMessage(
        channel="slack",
        account=place.account,
        external_id=own,
        conversation=_conversation(channel, thread or at) or word(said, "user") or place.number,
        sender=_sender(said),
        subject=first_line(text),
        text=text,
        reply_text=text,
        attachments=tuple(_attachment(one) for one in files),
        kind=kind,
        in_reply_to=name if version else f"{channel}:{thread}" if thread not in ("", at) else None,
        sent_at=_time(version or at),
        handle={"thread": thread} if thread and channel.startswith("D") else {},
    )


def _changed(place: _Place, event: Fields) -> InboundMessage | None:
    """Return an edit; Slack also says "changed" when it shows a preview of a link, counts replies or pins a message."""
    now, before, channel = part(event, "message"), part(event, "previous_message"), word(event, "channel")
    if word(now, "subtype") == "tombstone":
        return _deleted(place, event, word(now, "ts"))
    edited = word(part(now, "edited"), "ts")
    if not edited or edited == word(part(before, "edited"), "ts"):
        return None
    return _message(place, now, channel, word(event, "event_ts") or edited)


def _deleted(place: _Place, event: Fields, at: str) -> InboundMessage | None:
    before, channel = part(event, "previous_message"), word(event, "channel")
    if not (channel and at) or _ours(place, before) or word(before, "bot_id"):
        return None
    return InboundMessage(
        channel="slack",
        account=place.account,
        external_id=f"{channel}:{at}:{word(event, 'event_ts') or place.number}",
        conversation=_conversation(channel, word(before, "thread_ts") or at),
        sender=_sender(before),
        kind="delete",
        in_reply_to=f"{channel}:{at}",
        sent_at=_time(word(event, "event_ts")),
    )


def _reaction(place: _Place, event: Fields) -> InboundMessage | None:
    """Return the emoji under a message; Slack does not say in which thread the message is, so its own one is taken."""
    item, who = part(event, "item"), word(event, "user")
    channel, at, emoji = word(item, "channel"), word(item, "ts"), word(event, "reaction")
    if word(item, "type") != "message" or not (channel and at) or who in place.bots:
        return None
    text = f":{emoji}:" if word(event, "type") == "reaction_added" else ""
    return InboundMessage(
        channel="slack",
        account=place.account,
        external_id=f"{channel}:{at}:{who}:{emoji}:{word(event, 'event_ts') or place.number}",
        conversation=_conversation(channel, at),
        sender=Sender(id=who),
        text=text,
        reply_text=text,
        kind="reaction",
        in_reply_to=f"{channel}:{at}",
        sent_at=_time(word(event, "event_ts")),
    )


def _lifecycle(place: _Place, event: Fields, kind: str) -> InboundMessage:
    channel = word(event, "channel") or word(part(event, "channel"), "id")
    return InboundMessage(
        channel="slack",
        account=place.account,
        external_id=place.number,
        conversation=channel or place.account or place.number,
        sender=_sender(event),
        text=f"[{kind}]",
        reply_text=f"[{kind}]",
        kind="lifecycle",
        sent_at=_time(word(event, "event_ts")),
    )


def _ours(place: _Place, said: Fields) -> str:
    """Return "app" when our app wrote it, "team" when a colleague did in a channel shared with a customer, else ""."""
    app = word(said, "app_id") or word(part(said, "bot_profile"), "app_id")
    if word(said, "user") in place.bots or (word(said, "bot_id") and app and app == place.app):
        return "app"
    team = word(said, "user_team", "source_team", "team")
    return "team" if place.shared and team and team == place.account else ""


def _conversation(channel: str, thread: str) -> str:
    return channel if not thread or channel.startswith("D") else f"{channel}:{thread}" if channel else ""


def _sender(said: Fields) -> Sender:
    profile = part(said, "user_profile")
    return Sender(id=word(said, "user", "bot_id"), name=word(profile, "real_name", "display_name", "name"))


def _text(place: _Place, said: Fields) -> str:
    """Return the words, without the call of our app in front of them, and what was forwarded with them."""
    text = word(said, "text")
    for bot in sorted(place.bots):
        text = text.removeprefix(f"<@{bot}>").strip()
    found = [plain(text)]
    for one in _forwarded(said):
        quoted = plain(word(one, "text", "fallback"))
        found.append("\n".join(filter(None, (word(one, "author_name"), quoted, word(one, "from_url")))))
    return "\n\n".join(filter(None, found))


def _forwarded(said: Fields) -> list[Fields]:
    return [one for one in parts(said, "attachments") if one.get("is_share") is True]


def _files(said: Fields) -> list[Fields]:
    """Return the files that came along, with those of a forwarded message, but for those that are gone."""
    held = [said, *_forwarded(said)]
    return [one for holder in held for one in parts(holder, "files") if word(one, "mode") not in _GONE]


def _number(file: Fields) -> str:
    return ident(file, "id")


def _attachment(file: Fields) -> Attachment:
    """Return a file; of a stranger's file in a shared channel Slack may tell no more than its id."""
    mime = word(file, "mimetype")
    url = word(file, "url_private_download", "url_private")
    kind = _CLIPS.get(word(file, "subtype")) or _MAIN.get(mime.partition("/")[0], "file")
    return Attachment(
        filename=word(file, "name", "title"),
        content_type=mime or "application/octet-stream",
        size=count(file, "size") or None,
        type="share" if word(file, "mode") == "external" else kind,
        url=url if url.startswith("https://") else f"slack:{_number(file)}" if _number(file) else None,
    )


def _time(at: Any) -> datetime | None:
    """Return the time in a `ts`, whose fraction only tells messages of one second apart."""
    return moment(at.partition(".")[0]) if isinstance(at, str) else None
