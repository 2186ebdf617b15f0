"""X: direct messages to an account, and posts that mention, answer or quote it. X charges for every event and every answer.

    POST /in/x
    x-twitter-webhooks-signature: sha256=<HMAC-SHA256 of the body with the app's consumer secret, in base64>

    {"data": {"event_uuid": "-6850472171600526495", "event_type": "dm.received", "filter": {"user_id": "100"}, "payload":
     {"direct_message_events": [{"type": "message_create", "id": "2080765901528535096", "created_timestamp": "1784928224372",
       "message_create": {"target": {"recipient_id": "100"}, "sender_id": "7", "message_data": {"text": "Hello"}}}],
      "users": {"7": {"data": {"id": "7", "name": "Ann", "username": "ann"}}}}}}

    200 {}

Vendor's document: X, "Webhooks" and "X Activity API event payloads" (https://docs.x.com/x-api/webhooks/quickstart,
https://docs.x.com/x-api/activity/event-payloads); the older form is the "Account Activity API". X waits ten seconds. `events.py`
takes both forms apart, `dms.py` and `posts.py` read what is in them, `content.py` texts and media; `calls.py` asks X.
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence

from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request
from ingest.channels.x.calls import fetch, send
from ingest.channels.x.config import Config
from ingest.channels.x.events import parse
from ingest.proof import is_one_of, opened

__all__ = ["HOOK", "Config", "answer", "fetch", "handshake", "parse", "send", "verify"]

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)
LONGEST_CHALLENGE = 1000
_OBJECT = b"{"


def verify(config: Config, request: Request) -> None:
    """Return when X signed the body with one of the secrets; raises `Refused`: 401 else, 503 when a secret is not there.

    A body without an object in it proves nothing: anybody could have had it signed, by sending it as a challenge.
    """
    rights = [_signature(secret, request.raw) for secret in opened(config.consumer_secrets)]
    if not is_one_of(request.headers.get("x-twitter-webhooks-signature", ""), rights) or _OBJECT not in request.raw:
        raise Refused(
            401,
            "x-twitter-webhooks-signature is not the signature of this body with one of this channel's consumer secrets",
        )


def handshake(config: Config, request: Request) -> Answer | None:
    """Answer X's challenge (CRC) with the first secret; a POST is no handshake.

    Raises `Refused`: 400 without a challenge, or when it could be the body of a delivery, for which the answer would be the
    signature; 503 when the secret is not there.
    """
    if request.method != "GET":
        return None
    secret = opened(config.consumer_secrets)[0]
    token = request.query.get("crc_token", "").encode("utf-8", "replace")
    if not 0 < len(token) <= LONGEST_CHALLENGE or _OBJECT in token:
        raise Refused(400, "this is no challenge of X: crc_token is missing, too long or no token")
    return Answer(body={"response_token": _signature(secret, token).decode()})


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # X wants no more than success
    """Return 200 with nothing in it."""
    return Answer()


def _signature(secret: bytes, said: bytes) -> bytes:
    return b"sha256=" + b64encode(hmac.digest(secret, said, "sha256"))
