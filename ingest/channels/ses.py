r"""Amazon SES: whole mails, published by a receipt rule's SNS action and posted by SNS.

    POST /in/ses
    x-amz-sns-message-type: Notification

    {"Type": "Notification", "MessageId": "22b8...", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:mail",
     "Message": "{\"notificationType\": \"Received\", \"receipt\": {...}, \"mail\": {...}, \"content\": \"From: Ann ...\"}",
     "Timestamp": "2026-11-24T20:00:00.000Z", "SignatureVersion": "2", "Signature": "<RSA, base64>",
     "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem", ...}

    200 {}

Vendor's document: Amazon SNS, "Verifying the signatures of Amazon SNS messages"
(https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html); Amazon SES, "Contents of notifications for
Amazon SES email receiving". SNS repeats a post for up to an hour after 5xx and 429, and never after another 4xx. A mail of
more than 150 KB does not fit into the SNS action; SES bounces it.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from pydantic import AfterValidator, Field, StringConstraints

from config.desk import MailConfig
from config.model import at_least_one
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request, Unreadable
from ingest.mail.arrival import Way
from ingest.mail.posted import Posted, address, addresses, messages, verdicts
from tickets.message import InboundMessage

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)  # SNS itself stops at 256 KiB
MAIL = True

_Topic = Annotated[
    str, StringConstraints(pattern=r"^arn:aws(?:-cn|-us-gov)?:sns:[a-z0-9-]{1,40}:\d{12}:[A-Za-z0-9_.-]{1,256}$")
]
_HASHES: Mapping[str, type[HashAlgorithm]] = {"1": SHA1, "2": SHA256}
_CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(_CONFIRMATIONS, ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")),
}


class Config(MailConfig):
    """`type: ses` — whole mails, received by Amazon SES and posted by Amazon SNS."""

    type: Literal["ses"] = "ses"
    topics: Annotated[tuple[_Topic, ...], AfterValidator(at_least_one)] = Field(
        description="the ARNs of the SNS topics that may deliver here"
    )


def wants(config: Config, request: Request) -> Sequence[str]:
    """Return the URL of the certificate, which is SNS's own and in the topic's region; raises `Refused`: 401 or 403."""
    return [_certificate_url(config, _envelope(request.raw))]


def verify(config: Config, request: Request) -> None:
    """Return when SNS signed it for one of the topics; raises `Refused`: 401, 403 or, without the certificate, 503."""
    said = _envelope(request.raw)
    url = _certificate_url(config, said)
    if url not in request.fetched:
        raise Refused(503, "the certificate of Amazon SNS is not at hand; try again later", retry_after=30)
    names = _SIGNED.get(_text(said, "Type"), ())
    content = "".join(f"{name}\n{said[name]}\n" for name in names if isinstance(said.get(name), str))
    algorithm = _HASHES.get(_text(said, "SignatureVersion"))
    if not names or algorithm is None or not _signed(said, content, algorithm(), request.fetched[url], request.at):
        raise Refused(401, "Signature is not Amazon SNS's signature of this message")


def confirms(config: Config, request: Request) -> Sequence[str]:
    """Return the URL that confirms the subscription, when the message asks for that; raises `Refused` for a foreign one."""
    said = _envelope(request.raw)
    if _text(said, "Type") != "SubscriptionConfirmation":
        return []
    url = _text(said, "SubscribeURL")
    if not re.fullmatch(rf"https://{re.escape(_host(config, said))}/\?[\x21-\x7e]{{1,2000}}", url):
        raise Refused(403, "SubscribeURL is not an address of Amazon SNS in the topic's region")
    return [url]


def mails(request: Request) -> list[Posted]:
    """Return the mail of a notification, nothing for what confirms the subscription; raises `Unreadable`."""
    said = _json(request.raw)
    kind, topic = _text(said, "Type"), _text(said, "TopicArn")
    if kind == "SubscriptionConfirmation":
        return []
    if kind == "UnsubscribeConfirmation":
        raise Unreadable(f"the subscription of {topic} was ended, no more mail comes from there; subscribe it again")
    notification = _json(_text(said, "Message").encode("utf-8", "replace"))
    if (said_type := _text(notification, "notificationType")) != "Received":
        raise Unreadable(
            f"the notification is of the type {said_type or 'nothing'}, not Received: there is no mail in it"
        )
    receipt, mail = _object(notification, "receipt"), _object(notification, "mail")
    action = _object(receipt, "action")
    way = Way(
        "ses",
        address(mail.get("source")),
        addresses(receipt.get("recipients")) or addresses(mail.get("destination")),
        more=verdicts(
            **{
                name: _object(receipt, f"{name}Verdict").get("status")
                for name in ("spf", "dkim", "dmarc", "spam", "virus")
            }
        ),
    )
    return [Posted(_content(_text(notification, "content"), action), way)]


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the message of a notification, nothing for a confirmation; raises `Unreadable`."""
    return messages("ses", mails(Request(raw, {})))


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # SNS wants no more than success
    """Return 200 with nothing in it."""
    return Answer()


def _content(content: str, action: Mapping[str, Any]) -> bytes:
    if not content.strip():
        if _text(action, "type") == "S3":
            place = f"{_text(action, 'bucketName')}/{_text(action, 'objectKey')}"
            raise Unreadable(
                f"the mail lies in S3 at {place}, and mails are not fetched from there; import it with frontdesk inject, "
                "and use the SNS action of the receipt rule"
            )
        raise Unreadable("the notification has no content; use the SNS action of the receipt rule, at Amazon SES")
    if _text(action, "encoding").lower() != "base64":
        return content.encode("utf-8", "replace")
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except ValueError:
        raise Unreadable("content should be base64 and is not") from None


def _envelope(raw: bytes) -> Mapping[str, Any]:
    """Return the SNS message; raises `Refused`: nothing is known of its sender yet."""
    try:
        return _json(raw)
    except Unreadable:
        raise Refused(
            401, "not a message of Amazon SNS; switch raw message delivery off, at the subscription"
        ) from None


def _host(config: Config, said: Mapping[str, Any]) -> str:
    """Return the host of SNS in the region of the message's topic; raises `Refused` for a topic that is not ours."""
    topic = _text(said, "TopicArn")
    if topic not in config.topics:
        raise Refused(403, "TopicArn is none of this channel's topics")
    _, partition, _, region, _ = topic.split(":", 4)
    return f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"


def _certificate_url(config: Config, said: Mapping[str, Any]) -> str:
    url = _text(said, "SigningCertURL")
    if not re.fullmatch(rf"https://{re.escape(_host(config, said))}/[A-Za-z0-9_-]{{1,200}}\.pem", url):
        raise Refused(401, "SigningCertURL is not a certificate of Amazon SNS in the topic's region")
    return url


def _signed(said: Mapping[str, Any], content: str, algorithm: HashAlgorithm, pem: bytes, at: float) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        signature = base64.b64decode(_text(said, "Signature"), validate=True)
    except ValueError:
        return False
    key = certificate.public_key()
    now = datetime.fromtimestamp(at, UTC)
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    try:
        key.verify(signature, content.encode("utf-8", "surrogatepass"), padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def _json(raw: bytes) -> Mapping[str, Any]:
    try:
        found: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise Unreadable("not a JSON object")
    return found


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
