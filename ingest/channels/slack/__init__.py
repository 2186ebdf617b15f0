"""Slack as a way for customers to write: in channels shared by Slack Connect, in a workspace's own channels, in messages to the app.

    POST /in/customers
    X-Slack-Request-Timestamp: 1795348800
    X-Slack-Signature: v0=<HMAC-SHA256 of "v0:1795348800:" and the body with the app's signing secret, in hex>

    {"type": "event_callback", "event_id": "Ev1", "team_id": "T0DESK", "api_app_id": "A0DESK",
     "event": {"type": "message", "channel": "C0SHARED", "user": "U0ANN", "ts": "1795348800.000100", "text": "Hello"}}

    200 {}

Vendor's document: Slack, "The Events API" and "Verifying requests from Slack" (https://docs.slack.dev/apis/events-api/,
https://docs.slack.dev/authentication/verifying-requests-from-slack). Slack waits three seconds and comes again three times. The
agents' own notices are another thing (`notifiers: slack:`). `events.py` reads what comes, `words.py` knows Slack's way of writing,
`calls.py` asks Slack.
"""

from collections.abc import Sequence

from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.channels.slack.calls import fetch, name, send
from ingest.channels.slack.config import Config
from ingest.channels.slack.events import parse
from ingest.payload import opened as payload
from ingest.payload import word
from ingest.proof import opened
from ingest.slack_signature import signed_by_slack

__all__ = ["HOOK", "Config", "answer", "fetch", "handshake", "name", "parse", "send", "verify"]

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)


def verify(config: Config, request: Request) -> None:
    """Return when Slack sent it in the last five minutes; raises `Refused`: 401 else, 503 when a secret is not there."""
    signed_by_slack(opened(config.signing_secrets), request)


def handshake(config: Config, request: Request) -> Answer | None:  # noqa: ARG001  # the request is verified by now
    """Return the challenge Slack sends when the URL is entered; nothing for any other request."""
    if request.method == "GET":
        return None
    try:
        asked = payload(request.raw)
    except Unreadable:
        return None
    if asked.get("type") != "url_verification":
        return None
    challenge = word(asked, "challenge")
    if not challenge:
        raise Refused(400, "a url_verification without its challenge")
    return Answer(body={"challenge": challenge})


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # Slack wants no more than success
    """Return 200 with nothing in it."""
    return Answer()
