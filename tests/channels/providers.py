"""The providers of inbound mail as we see them from outside: each posts a mail the way its documents say, with keys of ours."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_from_bytes

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

BOUNDARY = b"xYzZY"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"


@dataclass(frozen=True)
class Post:
    """One HTTP post of a provider."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def multipart(fields: Mapping[str, bytes]) -> bytes:
    """Return a multipart/form-data body."""
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (BOUNDARY, name.encode(), value)
        for name, value in fields.items()
    ]
    return b"".join(parts) + b"--%s--\r\n" % BOUNDARY


def urlencoded(fields: Mapping[str, bytes]) -> bytes:
    """Return an application/x-www-form-urlencoded body."""
    return "&".join(f"{name}={quote_from_bytes(value, '')}" for name, value in fields.items()).encode()


def mailgun(mime: bytes, key: str, at: float, *, form: Any = urlencoded, signature: str = "signature") -> Post:
    """Post as Mailgun's route does."""
    token = b"4a8f" * 12 + b"0a"
    stamp = str(int(at)).encode()
    said = {"recipient": b"support@acme.example", "sender": b"ann@customer.example", "timestamp": stamp, "token": token}
    said[signature] = hmac.digest(key.encode(), stamp + token, "sha256").hex().encode()
    return Post(form({**said, "body-mime": mime}))


def sendgrid(mime: bytes, key: ec.EllipticCurvePrivateKey, at: float, **more: bytes) -> Post:
    """Post as SendGrid's Inbound Parse does with a security policy."""
    envelope = {"to": ["support@acme.example"], "from": "ann@customer.example"}
    said = {"email": mime, "envelope": json.dumps(envelope).encode(), "sender_ip": b"192.0.2.7", "SPF": b"pass", **more}
    body = multipart(said)
    signature = key.sign(str(int(at)).encode() + body, ec.ECDSA(SHA256()))
    return Post(
        body,
        {
            "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
            "x-twilio-email-event-webhook-timestamp": str(int(at)),
        },
    )


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a public key as SendGrid shows it."""
    shown = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(shown).decode()


def login(user_and_password: str) -> dict[str, str]:
    """Return the header that a login in a URL becomes."""
    return {"authorization": f"Basic {base64.b64encode(user_and_password.encode()).decode()}"}


def postmark(mime: bytes, user_and_password: str) -> Post:
    """Post as Postmark's inbound stream does."""
    said = {
        "FromName": "Ann",
        "From": "ann@customer.example",
        "OriginalRecipient": "support@acme.example",
        "Subject": "taken apart",
        "MessageID": "22c74902-a0c1-4511-804f-341342852c90",
        "TextBody": "taken apart",
        "RawEmail": mime.decode(),
    }
    return Post(json.dumps(said).encode(), login(user_and_password))


def certificate(key: rsa.RSAPrivateKey, begins: datetime, days: int = 30) -> bytes:
    """Return a certificate of a key, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, begins, begins + timedelta(days=days))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM)


def received(mime: bytes, *, encoding: str = "Base64", action: str = "SNS") -> str:
    """Return SES's notification of a mail, as the Message of SNS."""
    content = base64.b64encode(mime).decode() if encoding == "Base64" else mime.decode()
    said: dict[str, Any] = {
        "notificationType": "Received",
        "receipt": {
            "recipients": ["support@acme.example"],
            "spfVerdict": {"status": "PASS"},
            "dkimVerdict": {"status": "GRAY"},
            "action": {"type": action, "topicArn": TOPIC, "encoding": encoding},
        },
        "mail": {"source": "ann@customer.example", "destination": ["support@acme.example", "other@acme.example"]},
    }
    if action == "SNS":
        said["content"] = content
    else:
        said["receipt"]["action"] |= {"bucketName": "acme-mail", "objectKey": "in/d6iitobk75ur44p8"}
    return json.dumps(said)


def sns(message: str, key: rsa.RSAPrivateKey, at: float, *, version: str = "2", **more: str) -> Post:
    """Post as SNS does: signed with the key of the certificate at `CERTIFICATE_URL`."""
    said = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Receipt Notification",
        "Message": message,
        "Timestamp": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **more,
    }
    if said["Type"] != "Notification":
        del said["Subject"]
    signed = "".join(f"{name}\n{said[name]}\n" for name in sorted(said) if name != "SigningCertURL")
    algorithm = SHA1() if version == "1" else SHA256()
    signature = key.sign(signed.encode(), padding.PKCS1v15(), algorithm)
    said = {"SigningCertURL": CERTIFICATE_URL, **said, "SignatureVersion": version}
    said["Signature"] = base64.b64encode(signature).decode()
    return Post(json.dumps(said).encode(), {"x-amz-sns-message-type": said["Type"], "content-type": "text/plain"})
