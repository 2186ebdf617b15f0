"""What an activity of the Bot Framework says.

Vendor's document: Microsoft, "Bot Framework -- Activity"
(https://github.com/microsoft/Agents/blob/main/specs/activity/protocol-activity.md); Microsoft Teams, "Event-driven conversations
with activity handlers" and "Send and receive files using bot".
"""

import json
import mimetypes
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from ingest.channel import Unreadable
from ingest.first_line import first_line
from ingest.html.show import to_text
from ingest.payload import Fields, digest, ident, iso_moment, moment, opened, part, parts, word
from tickets.message import Attachment, AttachmentType, InboundMessage, Receipt, Sender

MOST_ENTITIES = 50
_FILE: Final = "application/vnd.microsoft.teams.file.download.info"
_READ: Final = "application/vnd.microsoft.readReceipt"
_SAID: Final = frozenset(
    {"adaptiveCard/action", "task/submit", "message/submitAction", "actionableMessage/executeAction"}
)
"""The invokes by which a person says something; the others ask the bot for a form, a list or a login."""
_HAPPENED: Final = frozenset({
    "conversationUpdate", "installationUpdate", "contactRelationUpdate", "endOfConversation", "event", "handoff", "trace",
    "suggestion", "deleteUserData", "command", "commandResult",
})  # fmt: skip
_EMOJI: Final[Mapping[str, str]] = {
    "like": "👍", "heart": "❤️", "laugh": "😆", "surprised": "😮", "sad": "😢", "angry": "😡",
}  # fmt: skip
_TYPES = mimetypes.MimeTypes(filenames=())  # what Python ships, not what the machine has installed
_AT = re.compile(r"<at(?: [^<>]{0,200})?>([^<>]{0,200})</at>")
_QUOTE = re.compile(r'<blockquote[^>]{0,300}itemtype="http://schema\.skype\.com/Reply"[^>]{0,300}>')
_ITEM = re.compile(r'itemid="(\d{1,20})"')


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message an activity is; raises `Unreadable` when it is no activity.

    Of what happens to a conversation rather than in it the kind is `lifecycle`.
    """
    activity = opened(raw)
    kind = word(activity, "type")
    if not kind:
        raise Unreadable("the activity has no type")
    read = _READERS.get(kind, _happened if kind in _HAPPENED else _unknown)
    try:
        said = read(activity)
    except RecursionError:
        raise Unreadable("the activity is nested too deeply") from None
    new = said.setdefault("reply_text", said.get("text", ""))
    conversation, number = ident(part(activity, "conversation"), "id"), ident(activity, "id") or digest(raw)
    sender, bot = part(activity, "from"), ident(part(activity, "recipient"), "id")
    who = ident(sender, "id") or conversation or number
    if said["kind"] in ("message", "unsupported") and who == bot:
        said["kind"] = "echo"
    return [
        InboundMessage.model_validate(
            {
                "channel": "teams",
                "account": bot,
                "external_id": _name(conversation, number),
                "conversation": conversation or who,
                "sender": Sender(id=who, name=word(sender, "name")),
                "subject": first_line(new),
                "in_reply_to": _name(conversation, ident(activity, "replyToId")),
                "sent_at": iso_moment(activity.get("timestamp")) or iso_moment(activity.get("localTimestamp")),
                "handle": _handle(activity),
                **said,
            }
        )
    ]


def _name(conversation: str, number: str) -> str | None:
    """Return what a message is called here: the numbers of Teams are times, and two conversations may have the same."""
    return f"{conversation}:{number}" if number else None


def _handle(activity: Fields) -> Mapping[str, str]:
    service = word(activity, "serviceUrl")
    return {"service_url": service} if service else {}


def _message(activity: Fields) -> dict[str, Any]:
    html = next((word(one, "content") for one in parts(activity, "attachments") if _type(one) == "text/html"), "")
    text = _text(activity) or _without_mentions(activity, to_text(html))
    files = parts(activity, "attachments")
    attachments = tuple(found for one in files if (found := _attachment(one)) is not None)
    if submitted := _value(activity):
        return {"kind": "postback", "text": text or submitted}
    strange = [f"[unsupported: {word(one, 'contentType') or 'attachment'}]" for one in files if _is_strange(one)]
    kind = "message" if text or attachments else "unsupported"
    text = "\n".join([text, *strange] if text else strange) or ("" if attachments else "[unsupported: empty message]")
    said = {"kind": kind, "text": text, "html": html or None, "attachments": attachments}
    return {**said, **_quoted(activity, html)}


def _quoted(activity: Fields, html: str) -> dict[str, Any]:
    """Return which message is quoted, and what is written below the quotation; nothing when none is."""
    if (begins := _QUOTE.search(html)) is None or (item := _ITEM.search(begins[0])) is None:
        return {}
    conversation = ident(part(activity, "conversation"), "id")
    below = _without_mentions(activity, to_text(html[begins.end() :].partition("</blockquote>")[2]))
    return {"in_reply_to": _name(conversation, item[1]), **({"reply_text": below} if below else {})}


def _edit(activity: Fields) -> dict[str, Any]:
    said = _message(activity)
    return {**said, "kind": "edit", **_version(activity)} if said["kind"] != "unsupported" else _happened(activity)


def _delete(activity: Fields) -> dict[str, Any]:
    return {"kind": "delete", **_version(activity)}


def _version(activity: Fields) -> dict[str, Any]:
    """Return the names of what happened to a message, and has the message's own id."""
    about = _name(ident(part(activity, "conversation"), "id"), ident(activity, "id"))
    version = word(activity, "timestamp") or digest(activity.get("text"))
    return {"in_reply_to": about, **({"external_id": f"{about}:{version}"} if about else {})}


def _reaction(activity: Fields) -> dict[str, Any]:
    """Return the emoji under a message; no text means it was taken away."""
    signs = [_emoji(name) for one in parts(activity, "reactionsAdded") if (name := word(one, "type"))]
    conversation, about = ident(part(activity, "conversation"), "id"), ident(activity, "replyToId", "id")
    own = digest(activity.get("id"), about, ident(part(activity, "from"), "id"), activity.get("timestamp"), *signs)
    return {
        "kind": "reaction",
        "text": " ".join(signs),
        "external_id": _name(conversation, own),
        "in_reply_to": _name(conversation, about),
    }


def _emoji(name: str) -> str:
    """Return a reaction as an emoji: newer ones are named by its code, `1f44b_wavinghand`."""
    code = name.partition("_")[0]
    if re.fullmatch(r"[0-9a-f]{4,6}", code) and 0x203C <= int(code, 16) <= 0x1FAFF:
        return chr(int(code, 16))
    return _EMOJI.get(name, f"[{name[:40]}]")


def _typing(_activity: Fields) -> dict[str, Any]:
    return {"kind": "typing"}


def _event(activity: Fields) -> dict[str, Any]:
    last = ident(part(activity, "value"), "lastReadMessageId")
    if word(activity, "name") != _READ or not last:
        return _happened(activity)
    conversation = ident(part(activity, "conversation"), "id")
    receipt = Receipt(state="read", ids=(f"{conversation}:{last}",), until=moment(last))
    return {"kind": "receipt", "receipt": receipt}


def _invoke(activity: Fields) -> dict[str, Any]:
    name = word(activity, "name")
    if name not in _SAID:
        return {"kind": "lifecycle", "text": f"[invoke: {name}]"}
    return {"kind": "postback", "text": _value(activity) or f"[{name}]"}


def _happened(activity: Fields) -> dict[str, Any]:
    data = part(activity, "channelData")
    changes = [name for name in ("membersAdded", "membersRemoved", "topicName") if activity.get(name)]
    what = word(data, "eventType") or word(activity, "action", "name") or " ".join(changes)
    return {"kind": "lifecycle", "text": f"[{word(activity, 'type')}{': ' + what if what else ''}]"}


def _unknown(activity: Fields) -> dict[str, Any]:
    return {"kind": "unsupported", "text": f"[unsupported: {word(activity, 'type')[:80]}]\n{_text(activity)}".strip()}


_READERS: Final[Mapping[str, Callable[[Fields], dict[str, Any]]]] = {
    "message": _message,
    "messageUpdate": _edit,
    "messageDelete": _delete,
    "messageReaction": _reaction,
    "typing": _typing,
    "event": _event,
    "invoke": _invoke,
}


def _value(activity: Fields) -> str:
    """Return what was submitted with a card: the words of a button, or all that was filled in, as JSON."""
    value = activity.get("value")
    found = part(value, "action") or part(value, "data") or value
    found = part(found, "data") or found
    if isinstance(found, dict) and isinstance(found.get("msteams"), dict):
        plain = word(part(found, "msteams"), "text", "value")
        found = plain or {name: one for name, one in found.items() if name != "msteams"}
    if isinstance(found, str) or not found:
        return found if isinstance(found, str) else ""
    return json.dumps(found, ensure_ascii=False, sort_keys=True)


def _text(activity: Fields) -> str:
    text = word(activity, "text")
    return _without_mentions(activity, to_text(text) if word(activity, "textFormat") == "xml" else text)


def _without_mentions(activity: Fields, text: str) -> str:
    """Return the words without the bot's own name in front or within; others who are mentioned are named."""
    bot = part(activity, "recipient")
    for one in parts(activity, "entities")[:MOST_ENTITIES]:
        mark = word(one, "text")
        if mark and word(one, "type") == "mention" and ident(part(one, "mentioned"), "id") == ident(bot, "id"):
            text = text.replace(f"{mark} ", "").replace(mark, "")
    text = text.replace("&nbsp;", " ").replace("\u00a0", " ")
    return _AT.sub(lambda found: "" if found[1] == word(bot, "name") else f"@{found[1]}", text).strip()


def _type(attachment: Fields) -> str:
    return word(attachment, "contentType").lower()


def _is_strange(attachment: Fields) -> bool:
    return _type(attachment) != "text/html" and _attachment(attachment) is None


def _attachment(said: Fields) -> Attachment | None:
    """Return a file or picture; the HTML of the text is none, and neither are cards."""
    mime, name = _type(said), word(said, "name")
    url = word(said, "contentUrl")
    if mime == _FILE:
        content = part(said, "content")
        url = word(content, "downloadUrl")  # it needs no login for a while; contentUrl needs one
        mime = _TYPES.guess_type(f"a.{word(content, 'fileType')}")[0] or _TYPES.guess_type(name)[0] or ""
    if not url.startswith("https://") or mime.startswith(("text/html", "application/vnd.microsoft.")):
        return None
    main, _, kind = mime.partition("/")
    shared: AttachmentType = "share" if mime == "reference" else "file"
    return Attachment(
        filename=name,
        content_type=mime if kind not in ("", "*") else "application/octet-stream",
        type=cast(AttachmentType, main) if main in ("image", "video", "audio") else shared,
        url=url,
    )
