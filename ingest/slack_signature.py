"""How Slack signs what it sends (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""

import hmac
from collections.abc import Sequence
from typing import Final

from ingest.channel import Refused, Request
from ingest.proof import is_one_of

WINDOW_SECONDS: Final = 300
"""How far the time of a signature may be from ours, as Slack advises."""


def signed_by_slack(secrets: Sequence[bytes], request: Request) -> None:
    """Return when Slack signed the request with one of the secrets in the last five minutes; else raises `Refused` with 401.

    slack_sdk's own verifier raises on a time that is no number, and on bytes or signatures that are no text.
    """
    when = request.headers.get("x-slack-request-timestamp", "")
    signed = b"v0:" + when.encode("utf-8", "backslashreplace") + b":" + request.raw
    rights = [b"v0=" + hmac.digest(secret, signed, "sha256").hex().encode() for secret in secrets]
    if not is_one_of(request.headers.get("x-slack-signature", ""), rights):
        raise Refused(401, "X-Slack-Signature is not the signature of this body with one of the app's signing secrets")
    if not (when.isascii() and when.isdigit() and len(when) < 12 and abs(request.at - int(when)) <= WINDOW_SECONDS):
        raise Refused(401, "X-Slack-Request-Timestamp is more than five minutes away; is the clock here right?")
