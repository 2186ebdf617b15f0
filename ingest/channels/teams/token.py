"""Whether the Bot Connector sent an activity: its signed token (JWT, RFC 7519), and the activity the token goes with."""

from collections.abc import Sequence
from typing import Any, Final

import jwt
from jwt.types import Options

from ingest.channel import Outdated, Refused, Request, Unreadable
from ingest.channels.teams.config import Config
from ingest.payload import Fields, opened, parts, word

KEYS: Final = "https://login.botframework.com/v1/.well-known/keys"
ISSUER: Final = "https://api.botframework.com"
SKEW: Final = 300
"""How far the connector's clock may be from ours, in seconds."""

_BROKEN = (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError)
"""What the library raises for a malformed token or key."""
_CLAIMS: Final[Options] = {
    "require": ["aud", "exp", "iss"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


def wants(config: Config, request: Request) -> Sequence[str]:  # noqa: ARG001  # the keys are the same for every bot
    """Return the URL of the connector's keys; raises `Refused` when there is no token they could belong to."""
    _kid(_token(request))
    return [KEYS]


def verify(config: Config, request: Request) -> None:
    """Return when the connector sent this activity to the bot; raises `Refused`: 401, 403 or, without the keys, 503."""
    token = _token(request)
    kid = _kid(token)
    if KEYS not in request.fetched:
        raise Refused(503, "the keys of the Bot Connector are not at hand; try again later", retry_after=30)
    key = next((one for one in _keys(request.fetched[KEYS]) if word(one, "kid") == kid), None)
    if key is None:
        raise Outdated(401, "the token is signed with a key that is none of the Bot Connector's")
    claims = _claims(token, key, config.app_id)
    if not _is_now(claims, request.at):
        raise Refused(401, "the token has expired or is not valid yet; check the clock of this machine")
    try:
        activity = opened(request.raw)
    except Unreadable as error:
        raise Refused(401, f"this is no activity: {error}") from None
    if word(activity, "channelId") not in _words(key.get("endorsements")):
        raise Refused(403, "the key is not endorsed for the activity's channelId")
    service = word(activity, "serviceUrl")
    if not service or service not in (claims.get("serviceurl"), claims.get("serviceUrl")):
        raise Refused(403, "the activity's serviceUrl is not the one the token was made for")


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.isascii():
        raise Refused(401, "there is no bearer token of the Bot Connector in Authorization")
    return token.strip()


def _kid(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except _BROKEN:
        raise Refused(401, "the bearer token is no JWT") from None
    if header.get("alg") != "RS256" or not isinstance(kid := header.get("kid"), str):
        raise Refused(401, "the bearer token is not signed as the Bot Connector signs, RS256 with a named key")
    return kid


def _keys(document: bytes) -> list[Fields]:
    try:
        return parts(opened(document), "keys")
    except Unreadable:
        return []


def _claims(token: str, key: Fields, app_id: str) -> Fields:
    try:
        public = jwt.PyJWK(dict(key), "RS256")
        found: Fields = jwt.decode(token, public, ["RS256"], _CLAIMS, audience=app_id, issuer=ISSUER)
    except _BROKEN as error:
        raise Refused(401, f"the bearer token is not one for this bot ({type(error).__name__})") from None
    return found


def _is_now(claims: Fields, at: float) -> bool:
    ends, begins = claims.get("exp"), claims.get("nbf", 0)
    return isinstance(ends, int) and isinstance(begins, int) and begins - SKEW <= at <= ends + SKEW


def _words(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
