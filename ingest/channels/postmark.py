"""Postmark: whole mails, posted by an inbound stream with "Include raw email content in JSON payload" switched on.

    POST /in/postmark
    Authorization: Basic <base64 of the user:password in the webhook's URL>

    {"MessageID": "22c7...", "OriginalRecipient": "support@acme.example", "RawEmail": "From: Ann <ann@example.com>...", ...}

    200 {}

Vendor's document: Postmark, "Inbound webhook" (https://postmarkapp.com/developer/webhooks/inbound-webhook). Postmark does
not sign; its proof is a login in the URL. It repeats ten times, and stops at once when it hears 403, so none is sent.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from config.desk import MailConfig
from config.model import Secrets
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.mail.arrival import Way
from ingest.mail.posted import Posted, addresses, messages
from ingest.proof import logged_in, opened
from tickets.message import InboundMessage

HOOK = Hook("/in/{channel}", max_bytes=62_914_560)  # 35 MB of mail, in JSON twice: taken apart and raw
MAIL = True


class Config(MailConfig):
    """`type: postmark` — whole mails, posted by an inbound stream of Postmark."""

    type: Literal["postmark"] = "postmark"
    logins: Secrets = Field(description="user:password as in the URL of the webhook; two of them while it is changed")


def verify(config: Config, request: Request) -> None:
    """Return when it came over the URL only Postmark knows; raises `Refused`: 401 a wrong login, 503 when ours is not there."""
    if not logged_in(request, opened(config.logins)):
        raise Refused(401, "the login is wrong; the webhook's URL is https://user:password@host/in/<channel>")


def mails(request: Request) -> list[Posted]:
    """Return the one mail of a post; raises `Unreadable`."""
    try:
        said: Any = json.loads(request.raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {type(error).__name__}") from None
    if not isinstance(said, dict):
        raise Unreadable("not a JSON object")
    mime = said.get("RawEmail")
    if not (isinstance(mime, str) and mime.strip()):
        raise Unreadable('there is no RawEmail; switch "Include raw email content in JSON payload" on, at Postmark')
    recipients = addresses([said.get("OriginalRecipient")])
    # JSON can say lone surrogates, UTF-8 cannot; one of them must not make the whole mail look like another charset.
    return [Posted(mime.encode("utf-8", "replace"), Way("postmark", recipients=recipients))]


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message of a post; raises `Unreadable`."""
    return messages("postmark", mails(Request(raw, {})))


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # Postmark wants no more than success
    """Return 200 with nothing in it."""
    return Answer()
