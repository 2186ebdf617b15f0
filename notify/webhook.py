"""Webhooks to programs, signed as Standard Webhooks 1.0 says, so that the receiver knows who calls and drops repetitions.

    webhook-id: msg_5b1c0c8e6e1b4d7f9a3c2d1e0f9a8b7c       the same for every attempt
    webhook-timestamp: 1795348800                          of this attempt
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
    {"type": "ticket.created", "timestamp": "2026-11-22T12:00:00Z", "data": {"rule": "…", "ticket": {…}, …}}

Vendor's document: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.model import MissingSecretError, Model, Name, Secret
from notify.note import Note
from notify.notifier import LOOPBACK, Call, Called
from tickets.trouble import Permanent, Temporary

GONE: Final = (404, 410)
"""What a receiver answers that wants no more of it."""


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from error
    if not host or parts.username is not None or parts.fragment:
        raise ValueError("write it as https://host/path, without a user in it")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise ValueError("must begin with https://; http:// is for this machine only")
    return value


class Hook(Called):
    """One program that is called."""

    url: Annotated[str, AfterValidator(_url)] = Field(description="https://…; http:// for this machine only")
    secret: Secret = Field(description="what calls are signed with, whsec_ and base64 of at least 24 bytes")


class Config(Model):
    """`notifiers: webhook:` the programs that rules may call, by their names."""

    hooks: Mapping[Name, Hook] = Field(description="the programs by their names")


class Webhooks:
    """The way `webhook` of the outbox; a row's address is the hook's name. `clock` gives UTC seconds."""

    def __init__(self, config: Config, call: Call, clock: Callable[[], float] = time.time) -> None:
        self._hooks = config.hooks
        self._call = call
        self._clock = clock

    def send(self, note: Note) -> str:
        """Call the program and return the call's id, the same for every attempt.

        Raises `Permanent` when it wants no more of it (404, 410), else `Temporary` for whatever is no success.
        """
        hook = self._hooks.get(note.address)
        if hook is None:
            raise Temporary(f"the desk file has no webhook {note.address!r}")
        body, ident = (note.payload or "").encode(), f"msg_{hashlib.sha256(note.key.encode()).hexdigest()[:32]}"
        at = str(int(self._clock()))
        headers = {
            "content-type": "application/json",
            "user-agent": "frontdesk",
            "webhook-id": ident,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{sign(_key(hook.secret), ident, at, body)}",
        }
        answer = self._call("POST", hook.url, headers=headers, content=body)
        if answer.status in GONE:
            raise Permanent(f"the webhook {note.address} is not there any more (HTTP {answer.status})")
        if not answer.ok:
            raise Temporary(f"the webhook {note.address} answers with HTTP {answer.status}", answer.retry_after)
        return ident

    def describe(self) -> str:
        """Return in a few words what it calls."""
        return f"webhooks → {', '.join(self._hooks)}"

    def close(self) -> None:
        """Nothing is kept open."""


def sign(key: bytes, ident: str, at: str, body: bytes) -> str:
    """Return the signature `v1` of a call, in base64."""
    signed = f"{ident}.{at}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _key(secret: Secret) -> bytes:
    try:
        key = base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True)
    except MissingSecretError as error:
        raise Temporary(str(error), 300) from error
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 24:
        raise Temporary(f"{secret} is no secret of a webhook; write whsec_ and base64 of at least 24 bytes", 300)
    return key
