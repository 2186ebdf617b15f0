"""What Messenger, Instagram and WhatsApp have in common: the handshake and the signature of Meta's webhooks.

Vendor's document: Meta, "Graph API Webhooks: Getting Started"
(https://developers.facebook.com/docs/graph-api/webhooks/getting-started).
"""

import hmac
from collections.abc import Sequence

from config.model import Secret
from ingest.channel import Answer, Refused, Request
from ingest.proof import is_one_of, opened

LONGEST_CHALLENGE = 1000
"""Meta's is some ten digits long; a stranger's could be anything."""


def handshake(verify_tokens: Sequence[Secret], request: Request) -> Answer | None:
    """Return the challenge of a GET as plain text, for a right verify token; a POST is no handshake.

    Raises `Refused`: 403 a wrong token or no challenge, 503 when ours is not there.
    """
    if request.method != "GET":
        return None
    tokens = opened(verify_tokens)
    asked = request.query
    challenge = asked.get("hub.challenge", "")
    known = is_one_of(asked.get("hub.verify_token", ""), tokens)
    if not known or asked.get("hub.mode") != "subscribe" or not 0 < len(challenge) <= LONGEST_CHALLENGE:
        raise Refused(403, "this is no subscription with this channel's verify token")
    return Answer(text=challenge)


def verify(app_secrets: Sequence[Secret], request: Request) -> None:
    """Return when an app with one of the secrets signed the body; raises `Refused`: 401 else, 503 when a secret is not there."""
    secrets = opened(app_secrets)
    rights = [b"sha256=" + hmac.digest(secret, request.raw, "sha256").hex().encode() for secret in secrets]
    if not is_one_of(request.headers.get("x-hub-signature-256", ""), rights):
        raise Refused(
            401, "X-Hub-Signature-256 is not the signature of this body with one of this channel's app secrets"
        )
