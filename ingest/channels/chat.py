"""Chat on the team's own site: a widget, or any program, posts one message at a time.

    POST /chat/site-chat/messages
    Content-Type: application/json
    Origin: https://acme.example

    {"visitor": "0f8fad5b-d9cb-469f-a165-70867728950e", "client_msg_id": "1", "text": "Where is my order?",
     "name": "Ann", "email": "ann@example.com", "department": "billing"}

    202 {"id": 17}

Vendor's document: ours, docs/channels.md; RFC 6454 (origins), https://fetch.spec.whatwg.org/#http-cors-protocol.

The sender is not signed, so what it can put right is refused with words instead of being kept: a broken body is its own.
A repetition of (visitor, client_msg_id) is the same message and gets the same answer.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator

from config.desk import ChannelConfig
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.first_line import first_line
from tickets.message import InboundMessage, Sender, clean

MAX_BYTES = 65_536
_LENGTHS = {"visitor": 200, "client_msg_id": 200, "text": 10_000, "name": 200, "email": 320, "department": 63}
_REQUIRED = ("visitor", "client_msg_id", "text")
_ORIGIN = re.compile(r"(https?)://((?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Config(ChannelConfig):
    """`type: chat` — messages from a chat widget on the team's own pages."""

    type: Literal["chat"] = "chat"
    origins: tuple[str, ...] = Field(
        default=(),
        description="the sites whose pages may post, scheme://host[:port]; https://*.example.com takes one label for the *",
    )

    @field_validator("origins")
    @classmethod
    def _real_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(origin) for origin in value)


def _origin(value: str) -> str:
    """Return an origin as browsers write it, the default port left out."""
    found = _ORIGIN.fullmatch(value.strip().lower())
    if "*" in value and (found is None or not found[2].startswith("*.") or found[2].count(".") < 2):
        raise ValueError(f"{value!r}: a * stands for one whole label in front of a domain, https://*.example.com")
    if found is None:
        raise ValueError(f"{value!r} is no origin; write scheme://host[:port] without a path, https://www.example.com")
    if found[3] and int(found[3]) > 65_535:
        raise ValueError(f"{value!r}: a port is a number up to 65535")
    port = f":{found[3]}" if found[3] and found[3] != _DEFAULT_PORTS[found[1]] else ""
    return f"{found[1]}://{found[2]}{port}"


def _allowed(origins: Sequence[str], origin: str) -> bool:
    """Tell whether a browser's Origin is one of the configured ones; labels are compared whole."""
    origin = origin.lower()
    if origin in origins:
        return "*" not in origin
    scheme, _, host = origin.partition("://")
    label, dot, parent = host.partition(".")
    return bool(dot) and re.fullmatch(r"[a-z0-9_-]+", label) is not None and f"{scheme}://*.{parent}" in origins


def cors(config: Config, request: Request) -> Mapping[str, str]:
    """Return the headers with which a browser lets an allowed page read the answer."""
    origin = request.headers.get("origin", "")
    if not origin or not _allowed(config.origins, origin):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }


HOOK = Hook("/chat/{channel}/messages", max_bytes=MAX_BYTES, cors=cors)


def verify(config: Config, request: Request) -> None:
    """Return when the message may be kept; raises `Refused`: 403 a foreign site, 415 no JSON, 400 and 422 a wrong body."""
    origin = request.headers.get("origin")
    if origin is not None and not _allowed(config.origins, origin):
        raise Refused(403, "pages of this site may not post here; add its origin to the channel's `origins`")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "send the message as JSON, with Content-Type: application/json")
    try:
        _read(request.raw)
    except _WrongBodyError as error:
        raise Refused(error.status, str(error)) from None


class _WrongBodyError(Exception):
    """What the sender must put right, in words, and the HTTP status that says so."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Body:
    visitor: str
    client_msg_id: str
    text: str
    name: str
    email: str
    department: str


def _read(raw: bytes) -> _Body:
    try:
        body: Any = json.loads(raw)
    except (ValueError, RecursionError):
        raise _WrongBodyError(400, "the body is not JSON; send one object in UTF-8") from None
    if not isinstance(body, dict):
        raise _WrongBodyError(400, "the body is not a JSON object; send visitor, client_msg_id and text in one")
    fields: dict[str, str] = {}
    for name, longest in _LENGTHS.items():
        value = body.get(name)
        value = "" if value is None else value
        if not isinstance(value, str):
            raise _WrongBodyError(422, f"{name} is not a string; send it in quotes")
        fields[name] = clean(value)
        if name in _REQUIRED and not fields[name].strip():
            raise _WrongBodyError(422, f"{name} is missing or empty; send visitor, client_msg_id and text")
        if len(value) > longest:
            raise _WrongBodyError(422, f"{name} has {len(value)} characters; send at most {longest}")
    return _Body(**fields)


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message; raises `Unreadable` for what `verify` would have refused.

    The visitor is who the page says: an address somebody typed proves nothing, so it stands in the name where agents can
    read it (`Ann, says ann@example.com`) and is never an identity by which tickets are found.
    """
    try:
        body = _read(raw)
    except _WrongBodyError as error:
        raise Unreadable(str(error)) from None
    says = f"says {body.email}" if body.email.strip() else ""
    name = ", ".join(words for part in (body.name, says) if (words := " ".join(part.split())))
    return [
        InboundMessage(
            channel="chat",
            # The length tells where the visitor ends, so no visitor can take the id of another one's message.
            external_id=f"{len(body.visitor)}:{body.visitor}:{body.client_msg_id}",
            conversation=body.visitor,
            sender=Sender(id=body.visitor, name=name),
            subject=first_line(body.text),
            text=body.text,
            reply_text=body.text,
            department=body.department or None,
        )
    ]


def answer(kept: Sequence[Kept]) -> Answer:
    """Return 202 with the id of the message's row, the same for a repetition."""
    return Answer(202, {"id": kept[0].id} if kept else {})
