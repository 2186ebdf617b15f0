"""Signed and encrypted mail: S/MIME (RFC 8551) and OpenPGP (RFC 3156, RFC 9580); opened where the desk has the key.

A signature is never checked here and never hides the text. Decrypting needs the desk's own keys: S/MIME by `cryptography`,
OpenPGP by the extra `pgp` (pysequoia).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog

from config.desk import Decryption, Desk
from config.model import MissingSecretError
from config.problems import Place, Problem
from ingest.mail.cms import signed_content, what
from ingest.mail.parts import Leaf
from tickets.message import Sealing

if TYPE_CHECKING:  # a fifth of a second, and most desks open nothing
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MAX_SEALED = 20_000_000

log = structlog.get_logger()

_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SEALS: dict[str, Sealing] = {
    "application/pkcs7-signature": "smime_signed",
    "application/x-pkcs7-signature": "smime_signed",
    "application/pgp-signature": "pgp_signed",
    "application/pgp-encrypted": "pgp_encrypted",
}
_PGP_MESSAGE = re.compile(
    r"^-----BEGIN PGP MESSAGE-----[ \t]*\n.*?^-----END PGP MESSAGE-----[ \t]*$", re.MULTILINE | re.DOTALL
)


class BrokenKeyError(ValueError):
    """A key of the desk cannot be used; the message says which and why."""


@dataclass(frozen=True)
class Keys:
    """The keys a desk may open mail with."""

    smime: Sequence[tuple["x509.Certificate", "RSAPrivateKey"]] = ()
    pgp: Sequence[Any] = ()


KeyRing = Callable[[], Keys]
"""Gives the keys when something is met that needs them: reading them costs more than most mails."""


def open_keys(smime: Sequence[tuple[str, str]], pgp: Sequence[str]) -> Keys:
    """Return the keys of (certificate, private key) pairs in PEM and of armored OpenPGP secret keys; raises `BrokenKeyError`."""
    from cryptography import x509  # noqa: PLC0415  # see above
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    pairs = []
    for number, (certificate, key) in enumerate(smime, start=1):
        try:
            loaded = load_pem_private_key(key.encode(), None)
            holder = x509.load_pem_x509_certificate(certificate.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BrokenKeyError(f"the S/MIME key number {number} cannot be read: {error}") from error
        if not isinstance(loaded, RSAPrivateKey):
            raise BrokenKeyError(f"the S/MIME key number {number} is not an RSA key, and others cannot be used")
        pairs.append((holder, loaded))
    if not pgp:
        return Keys(pairs)
    try:
        import pysequoia  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise BrokenKeyError("OpenPGP keys need the extra: pip install 'frontdesk[pgp]'") from error
    decryptors = []
    for number, armored in enumerate(pgp, start=1):
        try:
            decryptors.append(pysequoia.Tsk.from_bytes(armored.encode()).decryptor())
        except Exception as error:  # the library's errors have no class of their own
            raise BrokenKeyError(f"the OpenPGP key number {number} cannot be read: {error}") from error
    return Keys(pairs, decryptors)


def key_ring(decryption: Decryption) -> KeyRing | None:
    """Return what opens the keys of the desk file, None when it names none.

    Keys that are missing or broken open nothing: the mail is read sealed as it is, and the log says why.
    """
    if not (decryption.smime or decryption.pgp):
        return None

    def ring() -> Keys:
        try:
            pairs = [(one.certificate.reveal(), one.key.reveal()) for one in decryption.smime]
            return open_keys(pairs, [one.reveal() for one in decryption.pgp])
        except (MissingSecretError, BrokenKeyError) as error:
            log.warning("an encrypted mail stays closed", error=str(error))
            return Keys()

    return ring


def check_decryption(desk: Desk) -> list[Problem]:
    """Return what keeps the desk's OpenPGP keys from being used; `load` takes it as one of its checks."""
    place = Place()
    if desk.desk.decryption.pgp and find_spec("pysequoia") is None:
        place.at("desk", "decryption", "pgp").note("needs the extra for OpenPGP: pip install 'frontdesk[pgp]'")
    return place.found


def seal_of(leaf: Leaf) -> Sealing | None:
    """Return how a part says that the mail is signed or encrypted, None when it does not."""
    if leaf.content_type in _SMIME or leaf.filename.lower() in ("smime.p7m", "smime.p7z"):
        kind = leaf.parameters.get("smime-type", "").lower()
        found = "signed" if kind.startswith("signed") else "enveloped" if "enveloped" in kind else what(leaf.content())
        return {"signed": "smime_signed", "enveloped": "smime_encrypted"}.get(found or "")  # type: ignore[return-value]  # mypy widens the values
    return _SEALS.get(leaf.content_type)


def seals_in(text: str) -> list[Sealing]:
    """Return the seals of OpenPGP blocks written into the text itself."""
    if "-----BEGIN PGP " not in text:
        return []
    marks: dict[str, Sealing] = {"SIGNED MESSAGE": "pgp_signed", "MESSAGE": "pgp_encrypted"}
    return [seal for mark, seal in marks.items() if f"-----BEGIN PGP {mark}-----" in text]


def opened_smime(leaf: Leaf, ring: KeyRing | None) -> bytes:
    """Return the mail inside an opaque S/MIME part, b"" when it cannot be opened."""
    data = leaf.content()
    if len(data) > MAX_SEALED:
        return b""
    if what(data) == "signed":
        return signed_content(data)
    if ring is None or what(data) != "enveloped" or not (keys := ring().smime):
        return b""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # see above
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415

    for certificate, key in keys:
        try:
            return pkcs7.pkcs7_decrypt_der(data, certificate, key, [])
        except (ValueError, UnsupportedAlgorithm):  # sealed for somebody else, or in a way the library does not know
            continue
    return b""


def opened_pgp(data: bytes, ring: KeyRing | None) -> bytes:
    """Return what an OpenPGP message says, b"" when no key opens it."""
    if ring is None or len(data) > MAX_SEALED or not (keys := ring().pgp):
        return b""
    from pysequoia import decrypt  # noqa: PLC0415  # an extra; there are no keys without it

    for key in keys:
        try:
            return bytes(decrypt(bytes=data, decryptor=key).bytes or b"")
        except Exception:  # noqa: BLE001, S112  # the library's own errors have no class; the next key may open it
            continue
    return b""


def opened_text(text: str, ring: KeyRing | None) -> str:
    """Return the text with its OpenPGP messages decrypted in their places; one that no key opens stays as it is."""
    if ring is None or "-----BEGIN PGP MESSAGE-----" not in text:
        return text

    def clear(match: re.Match[str]) -> str:
        return opened_pgp(match[0].encode(), ring).decode("utf-8", "replace") or match[0]

    return _PGP_MESSAGE.sub(clear, text, count=10)
