"""What is inside a mail is reached: files in its text, in winmail.dat, in attached mails; and reaching costs its size."""

import binascii
import struct
from hashlib import sha256

import pytest
import tnefparse
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mail import content
from ingest.mail.read import _parse, attachment_bytes, parse_mail
from ingest.mail.rtf import from_rtf, unpacked
from ingest.mail.tnef import tnef
from ingest.mail.uuencoded import taken_out
from tests.mail.making import HEAD, attribute, in_base64, multipart, properties, winmail, winmail_file
from tickets.message import Attachment

UTF16, BYTES, OBJECT = 0x1F, 0x102, 0x0D


def uuencoded(name: str, data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return f"begin 644 {name}\n".encode() + b"".join(lines) + b"`\nend\n"


def names(files: tuple[Attachment, ...]) -> list[object]:
    return [(one.filename, names(one.contains)) if one.contains else one.filename for one in files]


# --- in the text ------------------------------------------------------------------------------------------------------


def test_a_file_written_into_the_text_becomes_an_attachment_and_the_text_around_it_stays() -> None:
    data = bytes(range(256)) * 3
    raw = HEAD + b"\nbefore\n\n" + uuencoded("my photo.jpg", data) + b"after\n"
    message = parse_mail(raw)
    assert message.text == "before\n\nafter"
    [photo] = message.attachments
    assert (photo.filename, photo.content_type, photo.type) == ("my photo.jpg", "image/jpeg", "image")
    assert attachment_bytes(raw, 0) == data


@pytest.mark.parametrize(
    ("text", "left", "files"),
    [
        (b"a\nbegin 644 x\n#0V%T\n`\nend\nb\n", b"a\nb\n", [("x", b"Cat")]),
        (b"begin 644 x\n#0V%T\n \nend\n", b"", [("x", b"Cat")]),
        (b"begin 600 x\n#0V%T\ncut off here, and words go on for a while after it, more than a line can hold\n",
         b"cut off here, and words go on for a while after it, more than a line can hold\n", [("x", b"Cat")]),
        (b"begin-base64 644 x\nQ2F0\n====\nz", b"z", [("x", b"Cat")]),
        (b"let us\nbegin 644 things and\nend them\n", b"let us\nbegin 644 things and\nend them\n", []),
        (b"begin 644 a\n#0V%T\nend\nbegin 644 b\n#0V%T\nend\n", b"", [("a", b"Cat"), ("b", b"Cat")]),
    ],
)  # fmt: skip
def test_uuencode_is_told_from_words(text: bytes, left: bytes, files: list[tuple[str, bytes]]) -> None:
    assert taken_out(text) == (left, files)


@given(st.binary(max_size=400))
def test_what_was_uuencoded_comes_back(data: bytes) -> None:
    _, files = taken_out(b"x\n" + uuencoded("f", data))
    assert [found for _, found in files] == [data]


# --- attached mails ---------------------------------------------------------------------------------------------------

PICTURE = b"Content-Type: image/png; name=p.png\n\nPNG"


@pytest.mark.parametrize("encoded", [False, True])
def test_the_files_of_an_attached_mail_are_reached_by_their_numbers(encoded: bool) -> None:
    innermost = b"Subject: inmost\n" + multipart(b"\ntext", PICTURE, boundary=b"d")
    inner = b"Subject: inner\n" + multipart(b"\ntext", b"Content-Type: message/rfc822\n\n" + innermost, boundary=b"c")
    part = b"Content-Type: message/rfc822; name=mail.eml\n"
    raw = HEAD + multipart(b"\nsee below", in_base64(part, inner) if encoded else part + b"\n" + inner)
    message = parse_mail(raw)
    assert message.text == "see below"
    assert names(message.attachments) == [("mail.eml", [("", ["p.png"])])]
    assert attachment_bytes(raw, 0, 0, 0) == b"PNG"
    with pytest.raises(IndexError):
        attachment_bytes(raw, 0, 1)


def test_every_mail_of_a_digest_is_kept() -> None:
    raw = HEAD + multipart(b"\nSubject: one\n\nfirst", b"\nSubject: two\n\nsecond", kind="digest")
    assert [one.content_type for one in parse_mail(raw).attachments] == ["message/rfc822"] * 2
    assert attachment_bytes(raw, 1) == b"Subject: two\n\nsecond"


@pytest.mark.parametrize("kind", ["message/partial; id=1; number=1", "message/external-body; access-type=url"])
def test_a_message_that_stands_elsewhere_is_kept_as_it_is(kind: str) -> None:
    raw = HEAD + f"Content-Type: {kind}\n\nContent-Type: image/png\n\nx".encode()
    assert attachment_bytes(raw, 0) == b"Content-Type: image/png\n\nx"


def test_mails_in_mails_are_opened_so_deep_and_the_rest_stays_a_file() -> None:
    raw = HEAD + b"Content-Type: message/rfc822\n\n" * 40 + b"Subject: x\n\nx"
    found, depth = parse_mail(raw).attachments, 0
    while found:
        found, depth = found[0].contains, depth + 1
    assert depth == content.MAX_LAYERS + 1


def test_all_that_is_opened_shares_one_allowance() -> None:
    inner = b"Content-Type: message/rfc822\n\nSubject: a\n" + multipart(*[PICTURE] * 300, boundary=b"c")
    message = parse_mail(HEAD + multipart(*[inner] * 20))
    assert len(message.attachments) == 20
    inside = sum(len(one.contains) for one in message.attachments)
    assert 300 <= inside <= content.MAX_INSIDE + 2


# --- winmail.dat ------------------------------------------------------------------------------------------------------


def test_winmail_dat_is_unpacked_and_kept() -> None:
    page = "<p>From <b>Outlook</b></p>".encode("utf-16-le")
    long = "Angebot für Müller.pdf".encode("utf-16-le") + b"\0\0"
    more = ((UTF16, 0x3707, long), (UTF16, 0x370E, "application/pdf".encode("utf-16-le")))
    data = winmail(attribute(0x9003, properties((UTF16, 0x1013, page))), winmail_file(b"ANGEBO~1.PDF", b"%PDF", *more))
    raw = HEAD + in_base64(b"Content-Type: application/ms-tnef; name=winmail.dat\n", data)
    message = parse_mail(raw)
    assert message.text == "From Outlook"
    assert names(message.attachments) == [("winmail.dat", ["Angebot für Müller.pdf"])]
    assert message.attachments[0].contains[0].content_type == "application/pdf"
    assert attachment_bytes(raw, 0) == data
    assert attachment_bytes(raw, 0, 0) == b"%PDF"


def test_the_text_of_a_mail_wins_over_that_of_its_winmail_dat() -> None:
    data = winmail(attribute(0x800C, b"in the file\0"))
    raw = HEAD + multipart(b"\nin the mail", in_base64(b"Content-Type: application/ms-tnef\n", data))
    assert parse_mail(raw).text == "in the mail"


def test_a_message_inside_winmail_dat_opens_too() -> None:
    inner = winmail(winmail_file(b"deep.txt", b"deep"))
    more = ((UTF16, 0x3001, "A message".encode("utf-16-le")), (OBJECT, 0x3701, b"G" * 16 + inner))
    data = winmail(attribute(0x9002, b"\0" * 14, 2) + attribute(0x9005, properties(*more), 2))
    raw = HEAD + in_base64(b"Content-Type: application/octet-stream; name=WINMAIL.DAT\n", data)
    assert names(parse_mail(raw).attachments) == [("WINMAIL.DAT", [("A message", ["deep.txt"])])]
    assert attachment_bytes(raw, 0, 0, 0) == b"deep"


@pytest.mark.parametrize("data", [b"", b"not one", winmail(), winmail()[:9], winmail(attribute(0x9003, b"\xff" * 40))])
def test_a_winmail_dat_out_of_which_nothing_comes_is_kept_alone(data: bytes) -> None:
    message = parse_mail(HEAD + in_base64(b"Content-Type: application/ms-tnef; name=winmail.dat\n", data))
    assert names(message.attachments) == ["winmail.dat"]
    assert message.attachments[0].sha256 == sha256(data).hexdigest()


def test_the_library_for_winmail_dat_finds_the_same_files() -> None:
    data = winmail(
        winmail_file(b"one.txt", b"1"), winmail_file(b"two.txt", b"22", (UTF16, 0x3707, "zwei.txt".encode("utf-16-le")))
    )
    theirs = [(one.long_filename(), one.data) for one in tnefparse.TNEF(data).attachments]
    assert [(one.name, one.content) for one in tnef(data).files] == theirs


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.binary(max_size=8))
def test_no_damage_to_a_winmail_dat_keeps_the_mail_from_being_read(at: int, piece: bytes) -> None:
    more = ((UTF16, 0x3707, b"a\0"), (BYTES, 0x3712, b"<c>"), (0x03, 0x3705, struct.pack("<I", 1)))
    data = winmail(attribute(0x9003, properties((BYTES, 0x1009, b"x" * 20))), winmail_file(b"a", b"b", *more))
    _parse(HEAD + in_base64(b"Content-Type: application/ms-tnef\n", data[:at] + piece + data[at + len(piece) :]))


def test_packed_rtf_is_unpacked_as_the_specification_shows() -> None:
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )  # MS-OXRTFCP, 3.1
    assert unpacked(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert from_rtf(unpacked(packed)) == ("hello world", False)


def test_rtf_reads_as_what_it_shows() -> None:
    rtf = (
        rb"{\rtf1\ansi\ansicpg1250{\fonttbl{\f0 Arial;}}{\*\generator x;}{\colortbl;}\pard caf\'e9 \u8364?\par "
        rb"{\b bold}\tab \{x\}\line \u-10179?\u-8704?}"
    )
    assert from_rtf(rtf) == ("café €\nbold\t{x}\n😀", False)


def test_the_html_inside_rtf_comes_out() -> None:
    rtf = (
        rb"{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 One {\*\htmltag84 <b>}\htmlrtf {\b\htmlrtf0 two"
        rb"{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0 {\*\htmltag72 </p>}\htmlrtf\par}\htmlrtf0 }"
    )
    assert from_rtf(rtf) == ("<p>One <b>two</b></p>", True)
