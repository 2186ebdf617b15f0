"""Webhooks as Standard Webhooks 1.0 signs them, in both directions.

    webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek
    webhook-timestamp: 1795348800
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5B...

Vendor's document: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import AfterValidator

from config.model import MissingSecretError, Secret
from ingest.channel import Refused, Request
from ingest.outbound import revealed
from ingest.proof import is_one_of
from tickets.trouble import failure

TOLERANCE: Final = 300
"""How far a delivery's time may lie from ours, in seconds, either way."""
MOST_SIGNATURES = 20
"""A sender that changes its secret writes two."""


def _public_key(value: str) -> str:
    if len(_decoded(value, "whpk_")) != 32:
        raise ValueError("write the ed25519 public key as the sender shows it, whpk_ and base64 of 32 bytes")
    return value


PublicKey = Annotated[str, AfterValidator(_public_key)]
"""An ed25519 public key, `whpk_` and base64: it is no secret."""


def verify(secrets: Sequence[Secret], public_keys: Sequence[str], request: Request) -> None:
    """Return when one of the secrets (`v1`) or keys (`v1a`) signed the delivery within the last five minutes, or the next.

    Raises `Refused`: 401 for anything else, 503 when a secret is not there or is none.
    """
    try:
        keys = [_key(secret.reveal()) for secret in secrets]
    except (MissingSecretError, ValueError):
        raise Refused(
            503, "a secret of this channel is not set, or is not written as whsec_…; try again later", retry_after=60
        ) from None
    ident, at = (request.headers.get(name, "") for name in ("webhook-id", "webhook-timestamp"))
    if not ident or not (at.isascii() and at.isdigit() and len(at) <= 12):
        raise Refused(401, "webhook-id is missing, or webhook-timestamp is no time in whole seconds")
    if abs(int(at) - request.at) > TOLERANCE:
        raise Refused(401, f"webhook-timestamp lies more than {TOLERANCE} seconds from our time; check both clocks")
    signed = f"{ident}.{at}.".encode("utf-8", "backslashreplace") + request.raw
    said = request.headers.get("webhook-signature", "").split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]
    given = [one.partition(",") for one in said]
    rights = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    by_secret = [is_one_of(value, rights) for version, _, value in given if version == "v1"]
    by_key = [_is_by(key, value, signed) for key in public_keys for version, _, value in given if version == "v1a"]
    if not any((*by_secret, *by_key)):
        raise Refused(401, "webhook-signature holds no signature of this delivery with a secret or key of this channel")


def signed_headers(secrets: Sequence[Secret], ident: str, at: int, body: bytes) -> Mapping[str, str]:
    """Return the headers of a delivery of ours, signed at a Unix time with every secret; raises `Temporary` (auth)."""
    content = f"{ident}.{at}.".encode() + body
    try:
        keys = [_key(revealed(secret)) for secret in secrets]
    except ValueError:
        raise failure("auth", "a secret that answers are signed with is not written as whsec_ and base64") from None
    signatures = [base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys]
    return {
        "content-type": "application/json",
        "webhook-id": ident,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    if not (key := _decoded(secret, "whsec_")):
        raise ValueError("an empty secret")
    return key


def _decoded(value: str, prefix: str) -> bytes:
    """Return what stands in base64 behind a prefix; raises `ValueError`. The prefix may be missing: some senders show none."""
    return base64.b64decode(value.removeprefix(prefix), validate=True)


def _is_by(public_key: str, signature: str, content: bytes) -> bool:
    try:
        given = base64.b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(_decoded(public_key, "whpk_")).verify(given, content)
    except (InvalidSignature, ValueError):
        return False
    return True
