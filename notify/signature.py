"""The desk's own DKIM signature (RFC 6376, rsa-sha256, relaxed/relaxed) on what goes out through the relay.

dkimpy says what is signed; the signature itself is cryptography's: dkimpy's own takes 13 milliseconds, this one.
"""

import base64
import hashlib
import textwrap
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from config.desk import Desk
from config.model import MissingSecretError, Model, Secret
from config.problems import Place, Problem
from tickets.trouble import Temporary

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SHORTEST_KEY: Final = 1024
_SIGNED: Final = (
    b"from", b"reply-to", b"to", b"subject", b"date", b"message-id", b"in-reply-to", b"references", b"auto-submitted",
    b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"mime-version", b"content-type", b"content-transfer-encoding",
)  # fmt: skip
_NO_OTHERS: Final = (b"from", b"reply-to", b"to", b"subject", b"date", b"content-type")
"""Named once more than they are there, so that nobody on the way can add another one."""


class Dkim(Model):
    """`dkim:` the domain that signs, the selector its public key is published under, and the private key."""

    domain: str = Field(
        pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
        description="the domain that signs; the same as that of `from`, or one above it",
    )
    selector: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
        description="the public key stands in DNS at <selector>._domainkey.<domain>",
    )
    key: Secret = Field(description="the private RSA key in PEM, 2048 bits at best")


class Signer:
    """Signs for one domain. `clock` gives UTC seconds. A key file that was changed is used from the next mail on."""

    def __init__(self, dkim: Dkim, clock: Callable[[], float] = time.time) -> None:
        self._dkim = dkim
        self._clock = clock
        self._known: tuple[str, RSAPrivateKey] | None = None

    def signed(self, raw: bytes) -> bytes:
        """Return a mail (lines ended by CRLF) with its signature on top; raises `Temporary` when the key cannot be used."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415  # see ingest/mail/sealed.py
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from dkim import rfc822_parse, select_headers  # noqa: PLC0415
        from dkim.canonicalization import Relaxed  # noqa: PLC0415

        key = self._key()
        headers, body = rfc822_parse(raw)
        there = [name.lower() for name, _ in headers]
        names = [*(name for name in _SIGNED if name in there), *_NO_OTHERS]
        digest = base64.b64encode(hashlib.sha256(Relaxed.canonicalize_body(body)).digest()).decode()
        dkim = self._dkim
        unsigned = (
            f"v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d={dkim.domain}; s={dkim.selector};\r\n"
            f" t={int(self._clock())}; bh={digest};\r\n"
            f" h={_folded(names)};\r\n b="
        )
        chosen = select_headers(Relaxed.canonicalize_headers(headers), names)
        own = Relaxed.canonicalize_headers([(b"DKIM-Signature", unsigned.encode())])
        data = b"".join(b":".join(one) for one in (*chosen, *own)).removesuffix(b"\r\n")
        value = textwrap.wrap(base64.b64encode(key.sign(data, PKCS1v15(), SHA256())).decode(), 72)
        return f"DKIM-Signature: {unsigned}".encode() + "\r\n  ".join(value).encode() + b"\r\n" + raw

    def _key(self) -> "RSAPrivateKey":
        try:
            pem = self._dkim.key.reveal()
            if self._known is None or self._known[0] != pem:  # reading a key takes much longer than signing
                self._known = pem, key_in(pem)
        except (MissingSecretError, ValueError) as error:
            raise Temporary(f"the mail cannot be signed (dkim): {error}", 300) from error
        return self._known[1]


def key_in(pem: str) -> "RSAPrivateKey":
    """Return the private key in a PEM file; raises `ValueError` in words that never repeat any of it."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is no private key in PEM without a password") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < SHORTEST_KEY:
        raise ValueError(f"it is no RSA key of {SHORTEST_KEY} bits or more; best are 2048")
    return key


def check_dkim(desk: Desk) -> Iterable[Problem]:
    """Return what is wrong with the key that mails are signed with, where it is here; `load` takes it as one of its checks."""
    place = Place()
    dkim: Any = getattr(desk.notifiers.get("email"), "dkim", None)
    if dkim is None:
        return place.found
    here = place.at("notifiers", "email", "dkim")
    try:
        key_in(dkim.key.reveal())
    except MissingSecretError:
        pass  # the desk file may be checked where its secrets are not; `doctor` asks for each of them
    except ValueError as error:
        here.at("key").note(f"the key {dkim.key} cannot be used: {error}")
    sender = getattr(desk.notifiers["email"], "sender", None) or f"desk@{desk.desk.domain}"
    domain = sender.rpartition("@")[2].lower()
    if f".{domain}".endswith(f".{dkim.domain.lower()}"):
        return place.found
    here.at("domain").warn(f"mails come from {sender}; a signature of another domain proves nothing about that (DMARC)")
    return place.found


def _folded(names: list[bytes]) -> str:
    """Return a list of headers over several short lines (RFC 6376, 3.5: blanks may stand around the colons)."""
    words = ":".join(name.decode() for name in names).replace(":", ": ")
    return "\r\n  ".join(textwrap.wrap(words, 70, break_on_hyphens=False)).replace(": ", ":")
