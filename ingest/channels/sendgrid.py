"""SendGrid: whole mails, posted by Inbound Parse with "POST the raw, full MIME message" switched on.

    POST /in/sendgrid
    Content-Type: multipart/form-data; boundary=xYzZY
    X-Twilio-Email-Event-Webhook-Signature: <ECDSA of timestamp and body, base64>
    X-Twilio-Email-Event-Webhook-Timestamp: 1795546800

    --xYzZY
    Content-Disposition: form-data; name="email"

    From: Ann <ann@example.com> ...
    --xYzZY
    Content-Disposition: form-data; name="envelope"

    {"to": ["support@parse.acme.example"], "from": "ann@example.com"}
    --xYzZY--

    200 {}

Vendor's document: Twilio SendGrid, "Inbound Email Parse Webhook" and "Securing your Inbound Parse Webhooks"
(https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/securing-your-parse-webhooks). It repeats a post for
three days after a 5xx. Without a security policy a post proves itself by a login in its URL alone.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import Field, field_validator, model_validator

from config.desk import MailConfig
from config.model import Secret
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.form import fields
from ingest.mail.arrival import Way
from ingest.mail.posted import Posted, address, addresses, messages, verdicts
from ingest.proof import logged_in, opened
from tickets.message import InboundMessage

HOOK = Hook("/in/{channel}", max_bytes=41_943_040)
MAIL = True
WINDOW_SECONDS = 4 * 86_400
"""How old a signature may be: SendGrid's three days of repetitions, and a margin."""


class Config(MailConfig):
    """`type: sendgrid` — whole mails, posted by SendGrid's Inbound Parse."""

    type: Literal["sendgrid"] = "sendgrid"
    public_keys: tuple[str, ...] = Field(
        default=(), description="the public key of the security policy, base64; two of them while it is changed"
    )
    logins: tuple[Secret, ...] = Field(default=(), description="user:password as in the URL of the webhook")

    @field_validator("public_keys")
    @classmethod
    def _real_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            _key(one)
        return value

    @model_validator(mode="after")
    def _some_proof(self) -> Self:
        if not (self.public_keys or self.logins):
            raise ValueError("needs public_keys or logins; without them anybody could post mail here")
        return self


def verify(config: Config, request: Request) -> None:
    """Return when SendGrid sent it; raises `Refused`: 401 a wrong proof, 503 when a login is not there.

    With both `public_keys` and `logins` both must be right.
    """
    if config.logins and not logged_in(request, opened(config.logins)):
        raise Refused(401, "the login is wrong; the webhook's URL is https://user:password@host/in/<channel>")
    if not config.public_keys:
        return
    at = request.headers.get("x-twilio-email-event-webhook-timestamp", "")
    given = request.headers.get("x-twilio-email-event-webhook-signature", "")
    if not _signed(config.public_keys, given, at.encode("utf-8", "backslashreplace") + request.raw):
        raise Refused(401, "X-Twilio-Email-Event-Webhook-Signature is not of this body with the channel's public key")
    if not (at.isascii() and at.isdigit() and len(at) <= 11 and abs(request.at - int(at)) <= WINDOW_SECONDS):
        raise Refused(401, f"the signature is not of the last {WINDOW_SECONDS // 86_400} days; is a clock wrong?")


def mails(request: Request) -> list[Posted]:
    """Return the one mail of a post; raises `Unreadable`."""
    said = fields(request.raw, ("email", "envelope", "sender_ip", "SPF", "dkim"))
    mime = said.get("email", b"")
    if not mime.strip():
        raise Unreadable('the post has no email; switch "POST the raw, full MIME message" on, at SendGrid')
    text = {name: value.decode("utf-8", "replace") for name, value in said.items() if name != "email"}
    envelope = _envelope(text.get("envelope", ""))
    way = Way(
        "sendgrid",
        address(envelope.get("from")),
        addresses(envelope.get("to")),
        peer=address(text.get("sender_ip")),
        more=verdicts(spf=text.get("SPF"), dkim=text.get("dkim")),
    )
    return [Posted(mime, way)]


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message of a post; raises `Unreadable`."""
    return messages("sendgrid", mails(Request(raw, {})))


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # SendGrid wants no more than success
    """Return 200 with nothing in it."""
    return Answer()


def _key(encoded: str) -> ec.EllipticCurvePublicKey:
    """Return the key that base64 of its SubjectPublicKeyInfo (RFC 5480) stands for; raises `ValueError`."""
    try:
        key = load_der_public_key(base64.b64decode(encoded, validate=True))
    except Exception as error:  # the library raises its own for unknown algorithms
        raise ValueError("not a public key as SendGrid shows it: base64 that begins with MFkw") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("not a public key as SendGrid shows it: base64 that begins with MFkw")  # noqa: TRY004
    return key


def _signed(keys: Sequence[str], given: str, content: bytes) -> bool:
    try:
        signature = base64.b64decode(given, validate=True)
    except ValueError:
        return False
    for key in keys:
        try:
            _key(key).verify(signature, content, ec.ECDSA(SHA256()))
        except InvalidSignature:
            continue
        return True
    return False


def _envelope(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}  # the mail counts; who it is for then stands in its headers
    return found if isinstance(found, dict) else {}
