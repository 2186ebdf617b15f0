"""Mail: nothing raises, nothing is lost, nothing costs more than its length, and people's words come out."""

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.mail import parts, read
from ingest.mail.read import attachment_bytes, parse_mail
from tests.channels.conformance import bytes_for
from tests.mail.making import HEAD, said_well

searching = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# --- never raises -----------------------------------------------------------------------------------------------------


@searching
@given(st.binary() | bytes_for("smtp"))
def test_any_bytes_are_a_mail_without_the_last_resort(raw: bytes) -> None:
    message = read._parse(raw)
    said_well(message)
    assert message == read._parse(raw)


@searching
@given(
    st.lists(
        st.sampled_from(
            [
                b"From: ", b"To: ", b"Subject: ", b"Date: ", b"References: ", b"In-Reply-To: ", b"Content-Type: ", b"\n", b"\r\n",
                b"\n\n", b"=?utf-8?q?", b"?=", b"=?", b"<", b">", b"@", b",", b";", b":", b'"', b"\\", b"(", b"multipart/mixed",
                b"; boundary=b", b"--b", b"--", b"text/html", b"<div>", b"</", b"<!--", b"base64", b"name*0*=", b"''", b"%f",
                b"Content-Transfer-Encoding: ", b"x-uuencode", b"begin 644 a\n", b"charset=", b"utf-7", b"utf-16", b"\xff", b"\0",
                b"message/rfc822", b"application/ms-tnef", b"\x78\x9f\x3e\x22\1\0", b"application/pkcs7-mime", b"\x30\x80", b"text/calendar",
                b"BEGIN:VEVENT\n", b"DTSTART:", b"#0V%T\n", b"end\n", b"\x1b$B", b"<ol><li>", b"<p hidden>", b"-----BEGIN PGP MESSAGE-----\n",
                b"On 1.1.2026 10:00 a@b wrote:\n", b"> ", b"-- \n", b"From: x\nSent: y\nTo: z\n",
            ]
        )
        | st.binary(max_size=4),
        max_size=40,
    )
)  # fmt: skip
def test_any_pieces_of_mail_are_a_mail(pieces: list[bytes]) -> None:
    said_well(read._parse(b"".join(pieces)))


def test_a_mail_nobody_foresaw_still_shows_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_raw: bytes) -> None:
        raise RuntimeError

    monkeypatch.setattr(read, "leaves", broken)
    message = parse_mail(HEAD + b"\nh\xe9llo\n")
    assert "héllo" in message.text
    assert message.external_id.startswith("sha256:")


# --- never loses text -------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(str.strip))
def test_a_body_in_utf8_comes_out_as_it_went_in(text: str) -> None:
    said = parse_mail(HEAD + b"Content-Type: text/plain; charset=utf-8\n\n" + text.encode()).text
    assert said.split() == text.removeprefix("\ufeff").split()


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "8bit", "x-uuencode", "rot13"])
def test_a_transfer_encoding_is_undone_and_an_unknown_one_left(encoding: str) -> None:
    import binascii

    text = "Größe: 5 = fünf\n"
    data = {
        "quoted-printable": binascii.b2a_qp(text.encode()),
        "base64": base64.encodebytes(text.encode()),
        "x-uuencode": b"begin 644 x\n" + binascii.b2a_uu(text.encode()) + b"`\nend\n",
    }.get(encoding, text.encode())
    head = HEAD + f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n".encode()
    assert parse_mail(head + data).text == text.strip()


def test_base64_that_is_none_is_still_shown() -> None:
    assert "!!!" in parse_mail(HEAD + b"Content-Transfer-Encoding: base64\n\n!!!\n").text


def test_every_part_is_body_or_attachment() -> None:
    parts = [
        b"Content-Type: text/plain\n\nbody",
        b"Content-Type: text/plain; name=notes.txt\n\nnotes",
        b"Content-Type: text/plain\nContent-Disposition: attachment\n\nnameless",
        b"Content-Type: image/png\nContent-Disposition: inline\n\npng",
        b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR",
        b"Content-Type: message/rfc822\n\nSubject: inner\n\ninner",
        b'Content-Disposition: attachment; filename="a\\"b.bin"\nContent-Type: nonsense\n\nbin',
    ]
    raw = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"".join(b"--b\n" + part + b"\n" for part in parts)
        + b"--b--\n"
    )
    message = parse_mail(raw)
    assert message.text == "body"
    assert [(a.filename, a.content_type, a.inline, a.type) for a in message.attachments] == [
        ("notes.txt", "text/plain", False, "file"),
        ("", "text/plain", False, "file"),
        ("", "image/png", True, "image"),
        ("", "text/calendar", False, "file"),
        ("", "message/rfc822", False, "file"),
        ('a"b.bin', "text/plain", False, "file"),
    ]
    for number, attachment in enumerate(message.attachments):
        content = attachment_bytes(raw, number)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (attachment.size, attachment.sha256)


def test_parts_after_the_closing_line_are_not_lost() -> None:
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n\n--b\n\ntwo\n"
    assert parse_mail(raw).text == "one\n\ntwo"


def test_parts_beyond_the_cap_stay_together_in_the_last_one() -> None:
    part = b"--b\nContent-Type: application/x-%d\n\ndata\n"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(part % number for number in range(3000))
    message = parse_mail(raw)
    assert len(message.attachments) == parts.MAX_PARTS + 1
    assert b"x-2999" in attachment_bytes(raw, parts.MAX_PARTS)


def test_an_undeclared_multipart_is_text() -> None:
    assert parse_mail(HEAD + b"Content-Type: multipart/mixed\n\nonly words\n").text == "only words"


# --- kinds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ("", "message"),
        ("Auto-Submitted: no", "message"),
        ("Auto-Submitted: auto-generated (cron)", "auto_reply"),
        ("Auto-Submitted: auto-replied", "auto_reply"),
        ("X-Autoreply: yes", "auto_reply"),
        ("X-Autorespond:", "auto_reply"),
        ("Precedence: auto_reply", "auto_reply"),
        ("Precedence: bulk", "auto_reply"),
        ("Precedence: list", "list"),
        ("Precedence: bulk\nSender: owner-users@lists.example", "list"),
        ("From: MAILER DAEMON <>", "bounce"),
        ("List-Id: <x>\nAuto-Submitted: auto-generated", "list"),
        ("List-Id: <x>\nAuto-Submitted: auto-replied", "auto_reply"),
        ("Return-Path: <>", "auto_reply"),
        ("Subject: Out of Office: Help", "auto_reply"),
        ("Subject: Out of office printer is broken", "message"),
        ("Subject: Undeliverable: my parcel", "message"),
        ("Return-Path: <>\nSubject: Undeliverable: notice", "bounce"),
        ("X-Failed-Recipients: a@b", "bounce"),
        ("From: postmaster@x.example", "bounce"),
        ("From: Mail Delivery System <MAILER-DAEMON>", "bounce"),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", "bounce"),
        ("Content-Type: multipart/report; report-type=feedback-report; boundary=b", "feedback_report"),
    ],
)
def test_the_kind_is_told_from_headers(headers: str, kind: str) -> None:
    raw = f"{headers}\n".lstrip("\n").encode() + HEAD.replace(
        b"Subject: Help\n", b"" if "Subject" in headers else b"Subject: Help\n"
    )
    raw = raw.replace(b"From: Ann <ann@customer.example>\n", b"") if "From:" in headers else raw
    assert parse_mail(raw + b"\nhi").kind == kind


def test_a_large_attachment_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def counting(data: bytes) -> bytes:
        decoded.append(len(data))
        return base64.b64decode(data)

    monkeypatch.setattr(parts, "base64", counting)
    part = b"--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(b"x" * 100_000)
    message = parse_mail(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + part + b"--b--\n")
    assert message.attachments[0].size == 100_000
    assert len(decoded) == 1


def test_the_fixtures_of_mail_are_all_read_without_the_last_resort() -> None:
    for path in (Path(__file__).parent.parent / "channels" / "smtp").glob("*.eml"):
        read._parse(path.read_bytes())
