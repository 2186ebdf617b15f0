"""AUTH PLAIN (RFC 4616) and AUTH LOGIN: the name and the password a peer says, and whether they are right."""

import binascii
import hashlib
import hmac
import secrets
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ingest.channels.smtp.config import User

_NOT_A_PASSWORD: Final = secrets.token_bytes(32)

Ask = Callable[[str], Awaitable[bytes]]
"""Sends a challenge and returns the answer, decoded; raises `BrokenAnswer`."""


class BrokenAnswer(Exception):  # noqa: N818  # a word of the domain
    """What the peer said is no answer; the message is the reply to it."""


async def read_login(mechanism: str, initial: bytes, ask: Ask) -> tuple[bytes, bytes]:
    """Return the name and the password; `initial` is what came with the command. Raises `BrokenAnswer`."""
    if mechanism == "LOGIN":
        name = decoded(initial) if initial else await ask("Username:")
        return name, await ask("Password:")
    if mechanism != "PLAIN":
        raise BrokenAnswer("504 5.5.4 PLAIN or LOGIN")
    said = decoded(initial) if initial else await ask("")
    parts = said.split(b"\0")
    if len(parts) != 3:
        raise BrokenAnswer("501 5.5.2 AUTH PLAIN is <NUL>name<NUL>password in base64")
    return parts[1], parts[2]


def decoded(answer: bytes) -> bytes:
    """Return what base64 stands for, "=" for nothing (RFC 4954, 4); raises `BrokenAnswer`."""
    if answer == b"*":
        raise BrokenAnswer("501 5.7.0 AUTH was given up")
    try:
        return b"" if answer == b"=" else b64decode(answer, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BrokenAnswer("501 5.5.2 That is not base64") from error


def right_password(users: Sequence[User], name: bytes, password: bytes) -> bool:
    """Tell whether it is the user's password, in the same time for every wrong one; raises `MissingSecretError`."""
    known = next((user for user in users if hmac.compare_digest(user.name.encode(), name)), None)
    secret = known.password.reveal().encode() if known else _NOT_A_PASSWORD
    same = hmac.compare_digest(hashlib.sha256(secret).digest(), hashlib.sha256(password).digest())
    return same and known is not None
