"""Signed mail shows its text, encrypted mail opens where the desk has the key and stays whole where it has not."""

from pathlib import Path

import pysequoia
import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from config.desk import Decryption, SmimeKey
from config.model import Secret
from ingest.mail.cms import signed_content, what
from ingest.mail.read import attachment_bytes, parse_mail
from ingest.mail.sealed import BrokenKeyError, Keys, key_ring, open_keys
from tests.mail.making import HEAD, certificate, in_base64, multipart

INNER = multipart(
    b"Content-Type: text/plain; charset=utf-8\n\nSecret \xc3\xa4", b"Content-Type: image/png; name=a.png\n\nPNG"
)
P7M = b"Content-Type: application/pkcs7-mime; name=smime.p7m\n"


@pytest.fixture(scope="module")
def own() -> tuple[x509.Certificate, rsa.RSAPrivateKey, str, str]:
    return certificate()


Own = tuple[x509.Certificate, rsa.RSAPrivateKey, str, str]


def signed(own: Own, *options: pkcs7.PKCS7Options) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(INNER).add_signer(own[0], own[1], hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, *options])


def encrypted(own: Own) -> bytes:
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(INNER).add_recipient(own[0])
    return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def test_a_mail_inside_its_signature_is_read(own: Own) -> None:
    raw = HEAD + in_base64(P7M, signed(own))
    message = parse_mail(raw)
    assert (message.text, message.sealed) == ("Secret ä", ("smime_signed",))
    assert [one.filename for one in message.attachments[0].contains] == ["a.png"]
    assert attachment_bytes(raw, 0, 0) == b"PNG"


def test_a_mail_beside_its_signature_is_read() -> None:
    for kind, seal in (("pgp-signature", "pgp_signed"), ("pkcs7-signature", "smime_signed")):
        part = f"Content-Type: application/{kind}; name=sign\n\nx".encode()
        message = parse_mail(HEAD + multipart(b"\nwords", part, kind="signed"))
        assert (message.text, message.sealed) == ("words", (seal,))
        assert [one.filename for one in message.attachments] == ["sign"]


def test_smime_for_us_is_decrypted_and_for_others_stays_closed(own: Own, tmp_path: Path) -> None:
    (tmp_path / "crt").write_text(own[2])
    (tmp_path / "key").write_text(own[3])
    secrets = SmimeKey(certificate=Secret(f"file:{tmp_path}/crt"), key=Secret(f"file:{tmp_path}/key"))
    raw = HEAD + in_base64(P7M, encrypted(own))
    message = parse_mail(raw, key_ring(Decryption(smime=(secrets,))))
    assert (message.text, message.sealed) == ("Secret ä", ("smime_encrypted",))
    stranger = certificate()
    for ring in (None, lambda: open_keys([(stranger[2], stranger[3])], [])):
        closed = parse_mail(raw, ring)
        assert (closed.text, closed.sealed) == ("", ("smime_encrypted",))
        assert closed.attachments[0].filename == "smime.p7m"


def test_openpgp_for_us_is_decrypted_as_a_mail_and_in_the_text() -> None:
    key = pysequoia.Tsk.generate("Desk <desk@acme.example>")
    holder = key.extract_certificate()

    def ring() -> Keys:
        return open_keys([], [str(key)])

    sealed = bytes(pysequoia.encrypt(bytes=INNER, recipients=[holder]))
    parts = (
        b"Content-Type: application/pgp-encrypted\n\nVersion: 1\n",
        b"Content-Type: application/octet-stream\n\n" + sealed,
    )
    message = parse_mail(HEAD + multipart(*parts, kind="encrypted"), ring)
    assert (message.text, message.sealed) == ("Secret ä", ("pgp_encrypted",))
    written = HEAD + b"\nHello\n\n" + bytes(pysequoia.encrypt(bytes=b"words", recipients=[holder])) + b"\nBye\n"
    assert parse_mail(written, ring).text.split() == ["Hello", "words", "Bye"]
    assert parse_mail(written).sealed == ("pgp_encrypted",)
    assert "BEGIN PGP MESSAGE" in parse_mail(written).text


def test_a_key_that_is_missing_or_broken_leaves_the_mail_closed_and_the_log_says_why(own: Own) -> None:
    ring = key_ring(
        Decryption(smime=(SmimeKey(certificate=Secret("env:NOBODY_SET_THIS"), key=Secret("env:NOR_THIS")),))
    )
    with structlog.testing.capture_logs() as lines:
        assert parse_mail(HEAD + in_base64(P7M, encrypted(own)), ring).text == ""
    assert "env:NOBODY_SET_THIS is not set" in lines[0]["error"]
    for smime, pgp in (([("x", own[3])], []), ([(own[2], "x")], []), ([], ["x"])):
        with pytest.raises(BrokenKeyError, match="number 1 cannot be read"):
            open_keys(smime, pgp)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_to_a_signed_file_keeps_it_from_being_looked_at(own: Own, data: st.DataObject) -> None:
    der = signed(own)
    at, piece = data.draw(st.integers(0, 200)), data.draw(st.binary(max_size=6))
    broken = der[:at] + piece + der[at + len(piece) :]
    assert what(broken) in ("signed", "enveloped", None)
    assert isinstance(signed_content(broken), bytes)


def test_a_signed_file_of_indefinite_length_is_read() -> None:
    pieces = b"\x24\x80" + b"\x04\x05Hello" + b"\x04\x06 world" + b"\0\0"
    data = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010701") + b"\xa0\x80" + pieces + b"\0\0\0\0"
    inner = b"\x30\x80\x02\x01\x01\x31\x00" + data + b"\0\0"
    whole = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010702") + b"\xa0\x80" + inner + b"\0\0\0\0"
    assert signed_content(whole) == b"Hello world"
