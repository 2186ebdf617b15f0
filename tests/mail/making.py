"""Makes what mails of tests hold: winmail.dat byte by byte, mails with files, certificates and keys."""

import base64
import struct
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tickets.message import InboundMessage

HEAD = b"From: Ann <ann@customer.example>\nTo: desk@acme.example\nSubject: Help\nMessage-ID: <m1@x>\n"

Property = tuple[int, int, bytes]  # type, id, value


def multipart(*parts: bytes, kind: str = "mixed", boundary: bytes = b"b", more: bytes = b"") -> bytes:
    """Return a header line and a body with these parts, each with its own header block."""
    head = b'Content-Type: multipart/%s; boundary="%s"%s\n\n' % (kind.encode(), boundary, more)
    return head + b"".join(b"--%s\n%s\n" % (boundary, part) for part in parts) + b"--%s--\n" % boundary


def in_base64(head: bytes, data: bytes) -> bytes:
    """Return a part with its content in base64."""
    return head + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(data)


def attribute(name: int, data: bytes, level: int = 1) -> bytes:
    """Return one attribute of a winmail.dat (MS-OXTNEF, 2.1.1)."""
    return struct.pack("<BHHI", level, name, 6, len(data)) + data + struct.pack("<H", sum(data) % 65536)


def properties(*said: Property) -> bytes:
    """Return a list of MAPI properties whose values vary in length, or are four bytes long."""
    out = struct.pack("<I", len(said))
    for kind, name, value in said:
        counts = struct.pack("<II", 1, len(value)) if kind in (0x1E, 0x1F, 0x0D, 0x102) else b""
        out += struct.pack("<HH", kind, name) + counts + value + b"\0" * (-len(value) % 4)
    return out


def winmail(*attributes: bytes) -> bytes:
    """Return a winmail.dat of these attributes, after its signature and key."""
    codepage = attribute(0x9007, struct.pack("<II", 1252, 0))
    return struct.pack("<IH", 0x223E9F78, 7) + codepage + b"".join(attributes)


def winmail_file(name: bytes, content: bytes, *more: Property) -> bytes:
    """Return the attributes of one file in a winmail.dat."""
    described = attribute(0x9005, properties(*more), 2) if more else b""
    return (
        attribute(0x9002, b"\1\0" + b"\0" * 12, 2)
        + attribute(0x8010, name + b"\0", 2)
        + attribute(0x800F, content, 2)
        + described
    )


def certificate() -> tuple[x509.Certificate, rsa.RSAPrivateKey, str, str]:
    """Return a certificate of the desk's own and its key, and both in PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "desk")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 5)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2046, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return made, key, made.public_bytes(Encoding.PEM).decode(), pem


def said_well(message: InboundMessage) -> None:
    """No NUL, no lone surrogate, no address that is not one, a one-line subject."""
    said = message.model_dump_json().encode("utf-8")
    assert InboundMessage.model_validate_json(said) == message
    for value in (message.text, message.subject, message.sender.name, message.external_id, message.html or ""):
        assert "\0" not in value
        value.encode("utf-8")
    assert "\n" not in message.subject
    assert len(message.references) <= 50
    assert all("@" in address and address == address.lower() for address in message.to + message.cc)
