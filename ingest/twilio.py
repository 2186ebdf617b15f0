"""What Twilio's messages and calls have in common: the posted form, its signature, and an answer that does nothing.

Vendor's document: Twilio, "Webhooks security" (https://www.twilio.com/docs/usage/webhooks/webhooks-security). Providers that
are compatible with Twilio sign in the same way.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator

from config.model import Secret
from ingest.channel import Answer, Refused, Request, Unreadable
from ingest.proof import is_one_of, opened
from tickets.message import clean

MOST_FIELDS = 500
_PORTS: Final = {"http": ":80", "https": ":443"}


def _public_url(value: str) -> str:
    where = urlsplit(value)
    _ = where.port  # raises ValueError for one that is no number
    if where.scheme not in _PORTS or not where.hostname or where.username or where.query or where.fragment:
        raise ValueError("write it as it stands at the provider, https://desk.example.com/in/<channel>, without a ?")
    return value


PublicUrl = Annotated[str, AfterValidator(_public_url)]
"""The address of a channel as the provider was told it, which is part of what it signs."""

NOTHING_TO_DO: Final = Answer(text='<?xml version="1.0" encoding="UTF-8"?><Response/>', media_type="text/xml")
"""The answer Twilio wants when it is to do nothing."""


def form(raw: bytes) -> Mapping[str, str]:
    """Return the fields of a posted form, the first of each name, without NUL; raises `Unreadable`."""
    return {name: clean(value) for name, value in reversed(_pairs(raw))}


def verify(url: str, auth_tokens: Sequence[Secret], request: Request) -> None:
    """Return when an account with one of the tokens posted this form to the public `url`, whatever its query string.

    Raises `Refused`: 401 for anything else, 503 when a token is not there. The port of `url` does not count: Twilio signs
    it in some cases only. A body whose digest stands in the query string is signed by that, and a SharedKey with SHA-256.
    """
    tokens = opened(auth_tokens)
    named = request.query.get("bodySHA256") == hashlib.sha256(request.raw).hexdigest()
    try:
        fields = "" if named else "".join(name + value for name, value in sorted(set(_pairs(request.raw))))
    except Unreadable as error:
        raise Refused(401, f"this is nothing Twilio posts: {error}") from None
    settings = request.headers.get("x-twilio-webhooks-signature-settings", "").replace(" ", "").split(",")
    algorithm = "sha256" if "algorithm=HMAC_SHA256" in settings else "sha1"
    _, mark, query = request.target.partition("?")
    signed = [(one + mark + query + fields).encode("utf-8", "replace") for one in _ways_to_write(url)]
    rights = [base64.b64encode(hmac.digest(token, one, algorithm)) for token in tokens for one in signed]
    if not is_one_of(request.headers.get("x-twilio-signature", ""), rights):
        raise Refused(
            401,
            "X-Twilio-Signature is not the signature of this form, posted to this channel's url, with its auth token",
        )


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Unreadable(f"the form has more than {MOST_FIELDS} fields") from None


def _ways_to_write(url: str) -> set[str]:
    where = urlsplit(url)
    host = where.netloc.removesuffix(f":{where.port}")
    return {url, *(where._replace(netloc=host + port).geturl() for port in ("", _PORTS.get(where.scheme, "")))}
