"""Mailgun: whole mails, posted by a route whose forward() URL ends in `mime`.

    POST /in/mailgun/mime
    Content-Type: application/x-www-form-urlencoded

    recipient=support@mg.acme.example&sender=ann@example.com&body-mime=From:%20Ann...
    &timestamp=1795546800&token=4a8f...&signature=<HMAC-SHA256 of timestamp and token, in hex>

    200 {}

Vendor's document: Mailgun, "Receiving Messages via HTTP through a forward() action" and "Securing Webhooks"
(https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks). Mailgun repeats a post for 8 hours
unless it hears 200 or 406. Its signature covers the time and the token, not the mail: see docs/quirks.md.
"""

import hmac
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from config.desk import MailConfig
from config.model import Secrets
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.form import fields
from ingest.mail.arrival import Way
from ingest.mail.posted import Posted, addresses, messages
from ingest.proof import is_one_of, opened
from tickets.message import InboundMessage

HOOK = Hook("/in/{channel}", max_bytes=41_943_040, also=("/in/{channel}/mime",))
MAIL = True
WINDOW_SECONDS = 12 * 3600
"""How old a signature may be: Mailgun's 8 hours of repetitions, and a margin."""


class Config(MailConfig):
    """`type: mailgun` — whole mails, posted by a route of Mailgun."""

    type: Literal["mailgun"] = "mailgun"
    signing_keys: Secrets = Field(description="the account's HTTP webhook signing key; two of them while it is changed")


def verify(config: Config, request: Request) -> None:
    """Return when Mailgun signed it lately; raises `Refused`: 401 a wrong or old signature, 503 when a key is not there."""
    keys = opened(config.signing_keys)
    try:
        said = fields(request.raw, ("timestamp", "token", "signature", "parent-signature"), longest=200)
    except Unreadable:
        said = {}
    at, token = said.get("timestamp", b""), said.get("token", b"")
    rights = [hmac.digest(key, at + token, "sha256").hex().encode() for key in keys]
    # The second one is that of the account above a subaccount.
    given = [said.get("signature", b""), said.get("parent-signature", b"")]
    if not sum(is_one_of(one, rights) for one in given):
        raise Refused(401, "the form has no signature of timestamp and token with this channel's signing key")
    if not (at.isdigit() and len(at) <= 11 and abs(request.at - int(at)) <= WINDOW_SECONDS):
        raise Refused(401, f"the signature is not of the last {WINDOW_SECONDS // 3600} hours; is a clock wrong?")


def mails(request: Request) -> list[Posted]:
    """Return the one mail of a post; raises `Unreadable`."""
    said = fields(request.raw, ("body-mime", "sender", "recipient"))
    mime = said.get("body-mime", b"")
    if not mime.strip():
        raise Unreadable("the post has no body-mime; let the URL in the route's forward() end in /mime, at Mailgun")
    recipients = said.get("recipient", b"").decode("utf-8", "replace").split(",")
    [mail_from] = addresses([said.get("sender", b"").decode("utf-8", "replace")]) or [""]
    return [Posted(mime, Way("mailgun", mail_from, addresses(recipients)))]


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message of a post; raises `Unreadable`."""
    return messages("mailgun", mails(Request(raw, {})))


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # Mailgun wants no more than success
    """Return 200 with nothing in it."""
    return Answer()
