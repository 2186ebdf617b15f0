"""What a hostile mail may cost: no more than its length."""

import base64
import struct
import time
from collections.abc import Callable

import pytest

from ingest.mail.read import _parse
from tests.mail.making import HEAD, attribute, said_well, winmail

_BODY = HEAD + b"\n"
_HTML = HEAD + b"Content-Type: text/html\n\n"
_MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n"
_TNEF = HEAD + b"Content-Type: application/ms-tnef\n\n"
_MAIL = b"Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n"


def _nested(layers: int) -> bytes:
    mail = b"Subject: inmost\n\n" + b"x" * 100_000
    for _ in range(layers):
        head = b"Subject: a\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
        mail = head + base64.encodebytes(mail)
    return mail


PATHOLOGICAL = {
    "three thousand parts": _MIXED + (b"--b\nContent-Type: text/plain\n\n" + b"x" * 970 + b"\n") * 3000,
    "parts in parts": HEAD + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)),
    "parts in parts of one boundary": _MIXED + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 50_000,
    "almost boundaries": _MIXED + b"--bX\n" * 500_000,
    "five thousand addresses": b"From: a@b\nTo: " + b",\n ".join(b'"N %d" <n%d@x>' % (n, n) for n in range(5000)) + b"\n\nhi",
    "twenty thousand encoded words": b"From: a@b\nSubject: " + b"\n ".join([b"=?utf-8?Q?=C3=BC?="] * 20_000) + b"\n\nhi",
    "encoded words without an end": b"From: a@b\nSubject: " + b"=?utf-8?q?" * 100_000 + b"\n\nhi",
    "quotes without an end": b"To: a@b\nFrom: " + b'\\"' * 400_000 + b"\n\nhi",
    "commas": b"From: " + b"a," * 400_000 + b"\n\nhi",
    "parameters without an end": b'Content-Type: text/plain; a="' + b'\\"' * 400_000 + b"\n\nhi",
    "headers and headers": b"a:b\n" * 500_000,
    "one garbage line": b"x" * 2_000_000 + b"\nFrom: a@b\n\nhi",
    "a header folded for ever": b"Subject: x\n" + b" y\n" * 500_000,
    "blank lines": b"\n" * 2_000_000,
    "nested elements": _HTML + b"<div>" * 200_000,
    "formatting reopened": _HTML + b"<font a=1><p>" * 100_000,
    "tags without an end": _HTML + b"<a " * 400_000,
    "attributes without an end": _HTML + b"<a b='" * 200_000,
    "comments without an end": _HTML + b"<!--" * 300_000,
    "quotations": _HTML + b"<blockquote>" * 50_000,
    "quoted lines": _BODY + b">" * 1_000_000,
    "introductions": _BODY + (b"On 2026 10:00 " + b"schrieb " * 50 + b":\n") * 5000,
    "outlook blocks": _BODY + b"From: x\n" * 200_000,
    "short lines": _BODY + b"a\n" * 1_000_000,
    "mails in mails": HEAD + b"Content-Type: message/rfc822\n\n" * 100_000,
    "mails beside mails": _MIXED + (b"--b\n" + _MAIL + b"--c\n\nx\n" * 700) * 500,
    "mails in base64 in base64": _nested(8),
    "a header of a megabyte": b"Subject: " + b"a " * 500_000 + b"\n\nhi",
    "references": HEAD + b"References: " + b"<a@b> " * 200_000 + b"\n\nhi",
    "angles without an end": b"From: " + b"<" * 1_000_000 + b"\n\nhi",
    "comments in comments": b"From: " + b"(x(y)" * 200_000 + b"\n\nhi",
    "quotes and quotes": b"From: " + b'"' * 1_000_001 + b"\n\nhi",
    "addresses without commas": b"From: a@b\nTo: " + b"<a@b> c " * 150_000 + b"\n\nhi",
    "parameters and parameters": HEAD + b"Content-Type: text/plain" + b"; a=b" * 200_000 + b"\n\nhi",
    "quotes in parameters": HEAD + b"Content-Type: text/plain; name=" + b'"a" ' * 100_000 + b"\n\nhi",
    "blanks in parameters": HEAD + b"Content-Type: text/plain; name=" + b" " * 1_000_000 + b"\n\nhi",
    "dates": HEAD + b"Date: " + b"1 Jan " * 200_000 + b"\n\nhi",
    "uuencode begun and begun": _BODY + b"begin 644 a\n\n\n\n" * 150_000,
    "uuencoded nothing": _BODY + b"begin 644 a\n" + b"\n" * 1_000_000,
    "soft line breaks": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n=" + b" " * 1_000_000,
    "base64 in pieces": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"YQ==\n" * 400_000,
    "words instead of base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"a b\n" * 500_000,
    "returns": _BODY + b"\r\r\n" + b"\ra" * 500_000,
    "escapes of ISO-2022-JP": _BODY + b"\x1b$B" * 500_000,
    "OpenPGP begun": _BODY + b"-----BEGIN PGP MESSAGE-----\n" * 60_000,
    "calendars": _MIXED + (b"--b\nContent-Type: text/calendar\n\n" + b"BEGIN:X\n" * 500) * 500,
    "a calendar's quotes": HEAD + b"Content-Type: text/calendar\n\nBEGIN:VEVENT\n" + b'A;"' * 60_000,
    "attributes of winmail.dat": _TNEF + winmail(attribute(0x9002, b"", 2) * 100_000),
    "counts of winmail.dat": _TNEF + winmail(attribute(0x9003, struct.pack("<IHHI", 2**32 - 1, 0x101E, 0x1000, 2**32 - 1)) * 5000),
    "numbers of winmail.dat": _TNEF + winmail(attribute(0x9003, struct.pack("<IHHI", 2**32 - 1, 0x1003, 0x1000, 2**28)) * 5000),
    "elements of a signed file": HEAD + b"Content-Type: application/pkcs7-mime\n\n" + b"\x30\x80" * 500_000,
    "list items": _HTML + b"<ul>" + b"<li>a" * 100_000,
    "hidden paragraphs": _HTML + b"<p style='display:none'>a" * 60_000,
    "joiners": _HTML + b"\xe2\x80\x8c" * 500_000,
}  # fmt: skip


@pytest.mark.parametrize("raw", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_a_hostile_mail_costs_no_more_than_its_length(raw: bytes) -> None:
    began = time.process_time()
    message = _parse(raw)
    assert time.process_time() - began < 5  # each takes less than one, a quadratic one minutes
    said_well(message)


def _seconds(raw: bytes) -> float:
    """Return the processor time of the better of two runs: what else the machine does counts for nothing."""
    taken = []
    for _ in range(2):
        began = time.process_time()
        _parse(raw)
        taken.append(time.process_time() - began)
    return min(taken)


GROWING: dict[str, Callable[[int], bytes]] = {
    "parts": lambda n: _MIXED + b"--b\n\nx\n" * 100 * n,
    "headers": lambda n: b"X-A: b\n" * 300 * n + b"\nhi",
    "addresses": lambda n: b"To: " + b"a <a@b>, " * 300 * n + b"\n\nhi",
    "encoded words": lambda n: b"Subject: " + b"=?utf-8?q?=C3=A4?= " * 200 * n + b"\n\nhi",
    "parameters": lambda n: b'Content-Type: text/plain; name="' + b'a" ' * 1000 * n + b"\n\nhi",
    "elements": lambda n: _HTML + b"<p><a href=http://x.example>a</a></p>" * 100 * n,
    "uuencoded lines": lambda n: _BODY + b"begin 644 a\n" + b"#0V%T\n" * 1000 * n,
    "unseen letters": lambda n: _HTML + b"\xe2\x80\x8c" * 4000 * n,
}


@pytest.mark.parametrize("made", GROWING.values(), ids=GROWING)
def test_twice_the_mail_costs_about_twice(made: Callable[[int], bytes]) -> None:
    small, large = _seconds(made(60)), _seconds(made(240))
    assert large < max(10 * small, 0.2)  # four times the size; a quadratic one takes sixteen times
