"""Who a visitor is, and what only this desk can have said: signed tokens (JWT, RFC 7519) and short stamps (HMAC-SHA-256).

A visitor has an id that we mint, `v.` for one who is anonymous and `u.` for one who is logged in at the host site. It is worth
nothing without its token, so whoever sees an id (an agent, a log) cannot speak in its name.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt

from config.model import MissingSecretError, Secret
from tickets.reply_address import proof

ANONYMOUS_SECONDS: Final = 90 * 86_400
USER_SECONDS: Final = 12 * 3600
"""How long a token holds; one of a user only so long, because who logs out at the host site does not tell us."""
SITE_SECONDS: Final = 3600
LEEWAY_SECONDS: Final = 60
PROOF_SECONDS: Final = 1800
FILE_SECONDS: Final = 3600
LONGEST_PROOF: Final = 200
SHORTEST_SECRET: Final = 32
"""Bytes of a host site's secret (RFC 7518, 3.2)."""
_MINTED: Final = re.compile(r"[uv]\.[a-z2-7]{26}(?:/.*)?", re.DOTALL)
_LONGEST: Final = 4096


class InvalidTokenError(Exception):
    """It is not genuine, not for this channel, or not any more; the message says which."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor as the token says: the id; name and address only of one who is logged in at the host site (`verified`).

    `since` is when the token was made (UTC seconds).
    """

    id: str
    name: str = ""
    email: str = ""
    since: float = 0.0

    @property
    def verified(self) -> bool:
        """Whether the host site says who it is."""
        return self.id.startswith("u.")


def is_minted(visitor: str) -> bool:
    """Tell whether an id has the form of those made here, which only their tokens may use."""
    return _MINTED.fullmatch(visitor) is not None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one channel; `key` is the desk's own signing key."""

    key: bytes
    channel: str

    def anonymous(self) -> Visitor:
        """Return a new visitor."""
        return Visitor(f"v.{_name(secrets.token_bytes(16))}")

    def token(self, visitor: Visitor, now: float) -> str:
        """Return the token of a visitor."""
        seconds = USER_SECONDS if visitor.verified else ANONYMOUS_SECONDS
        said: dict[str, Any] = {"sub": visitor.id, "aud": self.channel, "iat": round(now, 3), "exp": int(now) + seconds}
        if visitor.verified:
            said |= {"name": visitor.name, "email": visitor.email}
        return jwt.encode(said, self._key("visitors"), "HS256")

    def visitor(self, token: str) -> Visitor:
        """Return the visitor of a token; raises `InvalidTokenError`."""
        said = _decoded(token, self._key("visitors"), audience=self.channel)
        visitor = said["sub"]
        if not is_minted(visitor):
            raise InvalidTokenError("the token is no visitor's")
        since = said.get("iat")
        return Visitor(
            visitor, _word(said, "name"), _word(said, "email"), since if isinstance(since, int | float) else 0.0
        )

    def user(self, token: str, site_secrets: Sequence[Secret]) -> Visitor:
        """Return who is logged in at the host site; raises `InvalidTokenError`, and `MissingSecretError` for a secret of ours."""
        trouble = InvalidTokenError("this channel has no site_secrets")
        for secret in site_secrets:
            try:
                said = _decoded(token, _site_key(secret))
            except InvalidTokenError as error:
                trouble = error
                continue
            if said["exp"] > time.time() + SITE_SECONDS + LEEWAY_SECONDS:
                raise InvalidTokenError(f"exp lies more than {SITE_SECONDS} seconds ahead")
            made = hmac.digest(self._key("users"), said["sub"].encode("utf-8", "replace"), hashlib.sha256)
            return Visitor(f"u.{_name(made[:16])}", _word(said, "name")[:200], _word(said, "email")[:320])
        raise trouble

    def stamp(self, what: str, until: float) -> str:
        """Return a proof for `what` that holds until a time (UTC seconds), short enough for a URL."""
        ends = int(until)
        return f"{ends}.{proof(self._key('stamps'), f'{what}.{ends}')}"

    def is_stamped(self, what: str, stamp: str) -> bool:
        """Tell whether it is such a proof, and holds."""
        ends, _, said = stamp.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) < 12 and int(ends) > time.time()):
            return False
        right = proof(self._key("stamps"), f"{what}.{int(ends)}")
        return hmac.compare_digest(said.encode("utf-8", "replace"), right.encode())

    def salt(self, visitor: str) -> str:
        """Return the salt of a proof of work, for one visitor and for half an hour."""
        name = secrets.token_urlsafe(6)
        return f"{name}.{self.stamp(f'work.{visitor}.{name}', time.time() + PROOF_SECONDS)}"

    def has_worked(self, visitor: str, said: Any, bits: int) -> bool:
        """Tell whether `salt:number` is a proof of work of the visitor's: its SHA-256 begins with so many zero bits."""
        if not isinstance(said, str) or len(said) > LONGEST_PROOF:
            return False
        name, _, stamp = said.partition(":")[0].partition(".")
        digest = hashlib.sha256(said.encode("utf-8", "replace")).digest()
        return int.from_bytes(digest) >> (256 - bits) == 0 and self.is_stamped(f"work.{visitor}.{name}", stamp)

    def _key(self, what: str) -> bytes:
        return hmac.digest(self.key, f"chat.{self.channel}.{what}".encode(), hashlib.sha256)


def _site_key(secret: Secret) -> bytes:
    key = secret.reveal().encode("utf-8", "backslashreplace")
    if len(key) < SHORTEST_SECRET:
        raise MissingSecretError(f"{secret} is shorter than {SHORTEST_SECRET} bytes, so anybody could try them all")
    return key


def _decoded(token: str, key: bytes, audience: str | None = None) -> dict[str, Any]:
    """Return what a token says, with `sub` and `exp`; raises `InvalidTokenError`."""
    if len(token) > _LONGEST:
        raise InvalidTokenError("the token is too long")
    try:
        said: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=audience,
            leeway=LEEWAY_SECONDS if audience is None else 0,
            options={"require": ["exp", "sub"], "verify_aud": audience is not None},
        )
    except jwt.ExpiredSignatureError as error:
        raise InvalidTokenError("the token has expired") from error
    except (jwt.PyJWTError, ValueError, ArithmeticError, TypeError, RecursionError) as error:
        raise InvalidTokenError(f"the token is not genuine: {error}") from error
    if not said["sub"] or not isinstance(said["sub"], str) or not isinstance(said["exp"], int | float):
        raise InvalidTokenError("the token names nobody")
    return said


def _word(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _name(random: bytes) -> str:
    return base64.b32encode(random).decode().rstrip("=").lower()
