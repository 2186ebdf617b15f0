"""How a delivery over HTTP proves itself by a secret: several at once are right, so that one can be changed without a gap."""

import base64
import hmac
from collections.abc import Iterable, Sequence

from config.model import MissingSecretError, Secret
from ingest.channel import Refused, Request


def opened(secrets: Sequence[Secret]) -> list[bytes]:
    """Return the values of the secrets; raises `Refused` with 503 when one is not there.

    It is ours to repair, so the delivery must come again; which variable or file it is stays here.
    """
    try:
        return [secret.reveal().encode("utf-8", "backslashreplace") for secret in secrets]
    except (MissingSecretError, ValueError):
        raise Refused(503, "a secret of this channel is not set; try again later", retry_after=60) from None


def is_one_of(given: str | bytes, rights: Iterable[bytes]) -> bool:
    """Tell whether what was given is one of the right values; the time it takes says nothing of how near it came."""
    said = given.encode("utf-8", "backslashreplace") if isinstance(given, str) else given
    return sum(hmac.compare_digest(said, right) for right in rights) > 0  # a sum, because `any` stops at the first


def logged_in(request: Request, logins: Iterable[bytes]) -> bool:
    """Tell whether the request carries one of the logins, each `user:password` (RFC 7617)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(token.strip(), validate=True)
    except ValueError:
        return False
    return scheme.lower() == "basic" and is_one_of(given, logins)
