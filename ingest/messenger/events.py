"""The webhook of the Messenger Platform: every event of every entry, as messages.

Vendor's document: Meta, "Messenger Platform: Webhooks"
(https://developers.facebook.com/docs/messenger-platform/webhooks) and "Instagram Messaging: Webhooks"
(https://developers.facebook.com/docs/instagram-messaging/webhooks).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingest.channel import Unreadable
from ingest.first_line import first_line
from ingest.messenger.comments import COMMENTED, commented
from ingest.messenger.content import content, referred
from ingest.payload import Fields, digest, ident, moment, opened, part, parts, word
from tickets.message import InboundMessage, Kind, Receipt, Sender, clean

_OBJECTS = ("page", "instagram", "")
# What every event may have, so that what is left names an event nobody knows yet.
_ENVELOPE = frozenset({"sender", "recipient", "timestamp", "hop_context", "prior_message"})
# What happens to a conversation rather than in it, and the fields that tell more of it.
_LIFECYCLE: Mapping[str, tuple[str, ...]] = {
    "optin": ("title", "ref", "type"),
    "account_linking": ("status",),
    "policy_enforcement": ("action", "reason"),
    "pass_thread_control": ("metadata",),
    "take_thread_control": ("metadata",),
    "request_thread_control": ("metadata",),
    "app_roles": (),
    "game_play": (),
}
_SAID = frozenset({"mention", "mentions", "ratings", "leadgen"})
"""Fields of changes that hold the words of a person, and that are not understood yet."""


def messages(channel: str, raw: bytes) -> list[InboundMessage]:
    """Return every message of a delivery, in order, `channel` being the type it came to; raises `Unreadable`.

    What is not known yet is a message with the text `[unsupported: …]`, when a person said it. Standby events, of
    conversations another app has in hand, are messages like all others.
    """
    said = opened(raw)
    if (what := word(said, "object")) not in _OBJECTS:
        raise Unreadable(f"its object is {what[:40]!r}, neither a page nor Instagram; subscribe it to its own channel")
    try:
        return [message for entry in parts(said, "entry") for message in _entry(channel, entry)]
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None


def _entry(channel: str, entry: Fields) -> Iterator[InboundMessage]:
    account, at = _id(entry, "id"), moment(entry.get("time"))
    changes = [*parts(entry, "changes"), *([entry] if word(entry, "field") else [])]
    events = [*parts(entry, "messaging"), *parts(entry, "standby")]
    said = [(word(change, "field"), change, value) for change in changes for value in parts(change, "value") or [{}]]
    for field, change, value in said:
        if field in COMMENTED:
            yield from commented(channel, account, value, moment(value.get("created_time")) or at)
        elif isinstance(value.get("sender"), dict):
            events.append(value)
        elif field in _SAID:
            serial = _serial(change)
            text = f"[unsupported: {field}]"
            yield InboundMessage(
                channel=channel, account=account, external_id=serial, conversation=f"{field}:{serial}",
                sender=Sender(id=_id(part(value, "from"), "id")), subject=text, text=text, reply_text=text,
                kind="unsupported", sent_at=at,
            )  # fmt: skip
    for event in events:
        yield from _read(_Event(channel, account, event))


@dataclass(frozen=True, slots=True)
class _Event:
    """One event; `entry` is the id of the page or account in whose entry it stood."""

    channel: str
    entry: str
    said: Fields

    @property
    def sender(self) -> str:
        return _id(part(self.said, "sender"), "id", "user_ref")

    @property
    def recipient(self) -> str:
        return _id(part(self.said, "recipient"), "id")

    @property
    def is_echo(self) -> bool:
        return part(self.said, "message").get("is_echo") is True

    @property
    def account(self) -> str:
        return self.entry or (self.sender if self.is_echo else self.recipient)

    @property
    def customer(self) -> str:
        """The one of the two who is not the business, also when the business wrote."""
        return self.recipient if self.is_echo or self.sender == self.account else self.sender

    @property
    def serial(self) -> str:
        """An id for what has none; it holds the time and is the same in a repetition."""
        return _serial(self.said)

    def message(self, external_id: str, kind: Kind, text: str = "", **more: Any) -> InboundMessage:
        """Return the message this event is."""
        return InboundMessage(
            channel=self.channel,
            account=self.account,
            external_id=external_id or self.serial,
            conversation=self.customer or f"event:{self.serial}",
            sender=Sender(id=self.sender),
            kind=kind,
            text=text,
            reply_text=more.pop("reply_text", text),
            sent_at=moment(self.said.get("timestamp")),
            **more,
        )


def _read(event: _Event) -> Iterator[InboundMessage]:
    """Return what an event is: at most one message, and none when there is nothing in it."""
    name = next((name for name in _READERS if isinstance(event.said.get(name), dict)), "")
    if name:
        yield from _READERS[name](event, part(event.said, name))
        return
    name = next((name for name in event.said if name not in _ENVELOPE), "")
    if name.replace("-", "_") in _LIFECYCLE:  # Meta's page writes policy-enforcement both ways
        yield _lifecycle(event, name)
    elif name:
        text = f"[unsupported: {name}]"
        yield event.message("", "unsupported", text, subject=first_line(text))


def _message(event: _Event, message: Fields) -> Iterator[InboundMessage]:
    mid = _id(message, "mid")
    if message.get("is_deleted") is True:
        yield event.message(mid, "delete", in_reply_to=mid or None)
        return
    found = content(message)
    text = "\n".join([*([found.text] if found.text else []), *(f"[unsupported: {one}]" for one in found.unknown)])
    kind: Kind = "message" if found.text or found.attachments else "unsupported"
    handle = {"mid": mid} if mid else {}
    if event.is_echo or event.sender == event.account != event.customer:
        kind, handle = "echo", {"app_id": app} if (app := _id(message, "app_id")) else {}
    yield event.message(
        mid,
        kind,
        text,
        subject=first_line(text),
        attachments=found.attachments,
        in_reply_to=_id(part(message, "reply_to"), "mid") or None,
        handle=handle,
        fields=found.fields,
    )


def _edit(event: _Event, edit: Fields) -> Iterator[InboundMessage]:
    """Return the new words of a message; an edit without any, which Instagram sends of new messages, is none."""
    mid, text = _id(edit, "mid"), word(edit, "text")
    if text:
        version = f"{mid}:{_id(edit, 'num_edit') or event.serial}"
        yield event.message(version, "edit", text, subject=first_line(text), in_reply_to=mid or None)


def _reaction(event: _Event, reaction: Fields) -> Iterator[InboundMessage]:
    """Return an emoji under a message; Instagram names some in words (`love`) besides."""
    mid = _id(reaction, "mid")
    gone = word(reaction, "action") == "unreact"
    text = "" if gone else word(reaction, "emoji") or f"[{word(reaction, 'reaction') or 'reaction'}]"
    yield event.message(f"{mid}:{event.serial}", "reaction", text, in_reply_to=mid or None)


def _seen(event: _Event, read: Fields) -> Iterator[InboundMessage]:
    """Return a receipt of what was read: of one message (Instagram), or of all until then (Messenger)."""
    mid, until = _id(read, "mid"), moment(read.get("watermark"))
    if mid or until:
        receipt = Receipt(state="read", ids=(mid,) if mid else (), until=None if mid else until)
        yield event.message(f"read:{digest(event.customer, mid, until)}", "receipt", receipt=receipt)


def _delivered(event: _Event, delivery: Fields) -> Iterator[InboundMessage]:
    said = delivery.get("mids")
    mids = tuple(one for one in said if isinstance(one, str) and clean(one)) if isinstance(said, list) else ()
    until = moment(delivery.get("watermark"))
    if mids or until:
        receipt = Receipt(state="delivered", ids=mids, until=None if mids else until)
        serial = digest(event.customer, until, *mids)
        yield event.message(f"delivered:{serial}", "receipt", receipt=receipt)


def _postback(event: _Event, postback: Fields) -> Iterator[InboundMessage]:
    """Return the press on a button, in the button's words; without them, as on an icebreaker of old, its payload."""
    mid = _id(postback, "mid")
    text = word(postback, "title") or word(postback, "payload") or "[postback]"
    came = referred(part(postback, "referral"))
    yield event.message(
        mid,
        "postback",
        text,
        subject=first_line(text),
        handle={"mid": mid} if mid else {},
        fields={"referral": came} if came else {},
    )


def _referral(event: _Event, referral: Fields) -> Iterator[InboundMessage]:
    """Return that somebody came by a link or an advertisement, and has said nothing yet."""
    came = referred(referral)
    yield event.message("", "lifecycle", f"[referral: {came}]" if came else "[referral]")


def _lifecycle(event: _Event, name: str) -> InboundMessage:
    what = part(event.said, name)
    details = [detail for field in _LIFECYCLE[name.replace("-", "_")] if (detail := word(what, field))]
    return event.message("", "lifecycle", f"[{': '.join([name, *details])}]")


_READERS: Mapping[str, Callable[[_Event, Fields], Iterator[InboundMessage]]] = {
    "message": _message,
    "message_edit": _edit,
    "reaction": _reaction,
    "read": _seen,
    "delivery": _delivered,
    "postback": _postback,
    "referral": _referral,
}


def _id(holder: Fields, *names: str) -> str:
    return clean(ident(holder, *names))


def _serial(said: Fields) -> str:
    return digest(json.dumps(said, sort_keys=True))
