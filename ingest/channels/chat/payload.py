"""What is kept of a chat: a message as a program posts it, or a frame as the desk notes it down, and what either means.

A frame is kept in a form of its own, which nobody can post: who the visitor is, and what was verified of that, is the desk's
word and not the sender's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from config.model import Address
from ingest.channel import Unreadable
from ingest.channels.chat.tokens import Visitor, is_minted
from ingest.first_line import first_line
from ingest.payload import count, part, parts, word
from tickets.language import tag_of
from tickets.message import Attachment, AttachmentType, InboundMessage, Kind, Rating, Sender, clean

LENGTHS: Final = {"visitor": 200, "client_msg_id": 200, "text": 10_000, "name": 200, "email": 320, "department": 63}
_REQUIRED: Final = ("visitor", "client_msg_id", "text")
_SAID_BY_FRAMES: Final[Mapping[str, tuple[Kind, str]]] = {
    "message": ("message", ""),
    "offline": ("message", ""),
    "rate": ("rating", ""),
    "transcript": ("lifecycle", "[transcript wanted]"),
    "end": ("lifecycle", "[the visitor ended the chat]"),
}
_ADDRESS: Final[TypeAdapter[str]] = TypeAdapter(Address)
KEPT: Final = tuple(_SAID_BY_FRAMES)
"""The frames that become rows of the inbox."""


class WrongBodyError(Exception):
    """What the sender must put right, in words, and the HTTP status that says so."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Body:
    """A message as a program posts it."""

    visitor: str
    client_msg_id: str
    text: str
    name: str
    email: str
    department: str


def posted(raw: bytes) -> Body:
    """Return a message as a program posts it; raises `WrongBodyError`."""
    body = _object(raw)
    fields: dict[str, str] = {}
    for name, longest in LENGTHS.items():
        value = body.get(name)
        value = "" if value is None else value
        if not isinstance(value, str):
            raise WrongBodyError(422, f"{name} is not a string; send it in quotes")
        fields[name] = clean(value)
        if name in _REQUIRED and not fields[name].strip():
            raise WrongBodyError(422, f"{name} is missing or empty; send visitor, client_msg_id and text")
        if len(value) > longest:
            raise WrongBodyError(422, f"{name} has {len(value)} characters; send at most {longest}")
    if "frame" in body or is_minted(fields["visitor"]):
        raise WrongBodyError(403, "this visitor has a session; what it says goes to /frames with its token")
    return Body(**fields)


def kept(visitor: Visitor, frame: Mapping[str, Any], files: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """Return what is kept of a frame of a visitor; `files` are what is known of those it names."""
    who = {"id": visitor.id, "name": visitor.name, "email": visitor.email}
    said = {name: value for name, value in frame.items() if name not in ("token", "trap", "after_ms", "proof")}
    return json.dumps({"visitor": who, "frame": said, "files": list(files)}, ensure_ascii=False).encode(
        "utf-8", "replace"
    )


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message; raises `Unreadable` for what would have been refused.

    The visitor is who the page says: an address somebody typed proves nothing, so it stands in the name where agents can
    read it (`Ann, says ann@example.com`) and is never an identity by which tickets are found.
    """
    try:
        body = _object(raw)
        if "frame" in body:
            return [_of_frame(body)]
        return [_of_program(posted(raw))]
    except WrongBodyError as error:
        raise Unreadable(str(error)) from None


def _of_program(body: Body) -> InboundMessage:
    return InboundMessage(
        channel="chat",
        external_id=external_id(body.visitor, body.client_msg_id),
        conversation=body.visitor,
        sender=Sender(id=body.visitor, name=_called(body.name, body.email)),
        subject=first_line(body.text),
        text=body.text,
        reply_text=body.text,
        department=body.department or None,
        mail_address=address(body.email),
    )


def _of_frame(body: Mapping[str, Any]) -> InboundMessage:
    frame, who = part(body, "frame"), part(body, "visitor")
    known, number = word(who, "id"), word(frame, "id")
    kind, words = _SAID_BY_FRAMES.get(word(frame, "type"), ("message", ""))
    if not (known and number) or word(frame, "type") not in _SAID_BY_FRAMES:
        raise Unreadable("no frame that is kept: its type, its id or its visitor is missing")
    offline = frame["type"] == "offline"
    visitor = Visitor(known, word(who, "name"), word(who, "email"))
    text = words or (word(frame, "text") if kind == "message" else "")
    email = visitor.email or word(frame, "email")
    files = tuple(_attachment(one) for one in parts(body, "files") if word(one, "id"))
    return InboundMessage(
        channel="chat",
        external_id=external_id(known, number),
        # The form is answered by mail: whoever has the session does not read on there.
        conversation=f"{known}/offline/{number}" if offline else known,
        sender=Sender(id=known, name=visitor.name or _called(word(frame, "name"), "" if visitor.verified else email)),
        subject=first_line(text) or next((one.filename for one in files), "") if kind == "message" else "",
        text=text,
        reply_text=text if kind == "message" else "",
        kind=kind,
        attachments=files,
        department=word(frame, "department") or None,
        fields={clean(name): value for name, value in part(frame, "fields").items() if isinstance(value, str)},
        mail_address=address(email),
        mail_only=offline,
        language=tag_of(word(frame, "lang")),
        rating=_rating(frame) if kind == "rating" else None,
        handle={frame["type"]: "1"} if frame["type"] in ("transcript", "end") else {},
    )


def external_id(visitor: str, number: str) -> str:
    """Return the id of a message: the length tells where the visitor ends, so nobody can take the id of another one's."""
    return f"{len(visitor)}:{visitor}:{number}"


def client_id(visitor: str, external: str) -> str | None:
    """Return the id the client made for a message, or nothing where it is none of the visitor's."""
    begin = f"{len(visitor)}:{visitor}:"
    return external.removeprefix(begin) if external.startswith(begin) else None


def address(typed: str) -> str | None:
    """Return an address somebody typed, in lower case, or nothing where it cannot be one."""
    try:
        found = _ADDRESS.validate_python(typed)
    except ValidationError:
        return None
    return found if found.isascii() and found.isprintable() and len(found) <= 254 and found.count("@") == 1 else None


def _called(name: str, email: str) -> str:
    says = f"says {email}" if email.strip() else ""
    return ", ".join(words for piece in (name, says) if (words := " ".join(piece.split())))


def _attachment(said: Mapping[str, Any]) -> Attachment:
    content_type = word(said, "content_type") or "application/octet-stream"
    group = content_type.partition("/")[0]
    kinds: dict[str, AttachmentType] = {"image": "image", "video": "video", "audio": "audio"}
    return Attachment(
        filename=word(said, "filename"),
        content_type=content_type,
        size=count(said, "size"),
        sha256=word(said, "sha256") or None,
        type=kinds.get(group, "file"),
        url=f"chat:{word(said, 'id')}",
    )


def _rating(frame: Mapping[str, Any]) -> Rating:
    score = frame.get("score")
    if score not in ("good", "bad"):
        raise Unreadable("the score is neither good nor bad")
    return Rating(score=score, comment=word(frame, "comment"))


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        body: Any = json.loads(raw)
    except (ValueError, RecursionError):
        raise WrongBodyError(400, "the body is not JSON; send one object in UTF-8") from None
    if not isinstance(body, dict):
        raise WrongBodyError(400, "the body is not a JSON object; send visitor, client_msg_id and text in one")
    return body
