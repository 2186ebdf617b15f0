"""Mail: nothing raises, nothing is lost, nothing costs more than its length, and people's words come out."""

import base64
import hashlib
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.html.depth import too_deep
from ingest.html.show import safe_html, to_text
from ingest.mail import parts, read
from ingest.mail.address import mailboxes
from ingest.mail.charset import decode
from ingest.mail.headers import parameters, words
from ingest.mail.read import attachment_bytes, parse_mail
from ingest.mail.reply import new_text
from tests.channels.conformance import bytes_for
from tickets.message import InboundMessage

HEAD = b"From: Ann <ann@customer.example>\nTo: desk@acme.example\nSubject: Help\nMessage-ID: <m1@x>\n"
searching = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _said_well(message: InboundMessage) -> None:
    """No NUL, no lone surrogate, no address that is not one, a one-line subject."""
    said = message.model_dump_json().encode("utf-8")
    assert InboundMessage.model_validate_json(said) == message
    for value in (message.text, message.subject, message.sender.name, message.external_id, message.html or ""):
        assert "\0" not in value
        value.encode("utf-8")
    assert "\n" not in message.subject
    assert len(message.references) <= 50
    assert all("@" in address and address == address.lower() for address in message.to + message.cc)


# --- never raises -----------------------------------------------------------------------------------------------------


@searching
@given(st.binary() | bytes_for("smtp"))
def test_any_bytes_are_a_mail_without_the_last_resort(raw: bytes) -> None:
    message = read._parse(raw)
    _said_well(message)
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
                b"On 1.1.2026 10:00 a@b wrote:\n", b"> ", b"-- \n", b"From: x\nSent: y\nTo: z\n",
            ]
        )
        | st.binary(max_size=4),
        max_size=40,
    )
)  # fmt: skip
def test_any_pieces_of_mail_are_a_mail(pieces: list[bytes]) -> None:
    _said_well(read._parse(b"".join(pieces)))


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


# --- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?B?w6Q=?= =?utf-8?B?w7Y=?=", "äö"),
        (b"a =?utf-8?Q?b?= c", "a b c"),
        (b"x=?iso-8859-1?Q?=E4?=y", "xäy"),
        (b"=?utf-8?Q?How are you??=", "How are you?"),
        (b"=?utf-8*en?Q?hi?= there", "hi there"),
        (b"=?x-martian?Q?hi=C3=A9?=", "hié"),
        (b"=?utf-8?B?QUJ?=", "AB"),
        (b"=?utf-8?X?zz?= ok", "=?utf-8?X?zz?= ok"),
        (b"=?utf-8?Q?cut=C3=B6ff", "cutöff"),
        (b"caf\xe9", "café"),
        (b"=?utf-8?Q?a=0D=0ABcc:_b?=", "a Bcc: b"),
        (b"=?rot13?Q?uryyb?=", "uryyb"),
    ],
)
def test_encoded_words_are_read_as_people_send_them(raw: bytes, text: str) -> None:
    assert words(raw) == text


@pytest.mark.parametrize(
    ("raw", "boxes"),
    [
        (b'"Doe, John" <John@X.example>', [("john@x.example", "Doe, John")]),
        (
            b"Doe, John <john@x.example>, y@z.example (Why Zed)",
            [("john@x.example", "Doe, John"), ("y@z.example", "Why Zed")],
        ),
        (b'"=?utf-8?q?J=C3=B6rg?=" <j@x.example>', [("j@x.example", "Jörg")]),
        (b"=?utf-8?q?Doe=2C_J?= <j@x.example>", [("j@x.example", "Doe, J")]),
        (b'"joe@x.example" <joe@y.example>', [("joe@y.example", "joe@x.example")]),
        (b"<@a,@b:joe@x.example>", [("joe@x.example", "")]),
        (b'Joe "Doe <joe@x.example>', [("joe@x.example", "Joe Doe")]),
        (b"=?utf-8?q?Joe_<joe@x.example>?=", [("joe@x.example", "Joe")]),
        (b"undisclosed-recipients:;", []),
        (b"team: a@x.example, b@x.example;", [("a@x.example", ""), ("b@x.example", "")]),
        (b"a@x.example, A <A@x.example>", [("a@x.example", "")]),
        (b"MAILER-DAEMON", []),
    ],
)
def test_addresses_are_read_as_people_write_them(raw: bytes, boxes: list[tuple[str, str]]) -> None:
    assert [tuple(box) for box in mailboxes(raw)] == boxes


def test_no_more_addresses_are_read_than_anybody_can_use() -> None:
    raw = HEAD.replace(b"desk@acme.example", b",\n ".join(b"n%d@x.example" % number for number in range(5000)))
    assert len(parse_mail(raw).to) == 500


def test_references_keep_the_first_and_the_last() -> None:
    ids = [b"<r%d@x>" % number for number in range(200)]
    message = parse_mail(HEAD + b"References: " + b"\n ".join([*ids, ids[5]]) + b"\nIn-Reply-To: <r199@x>\n\nhi")
    assert message.references == ("r0@x", *(f"r{number}@x" for number in range(151, 200)))
    assert message.conversation == "r0@x"
    assert message.in_reply_to == "r199@x"


@pytest.mark.parametrize("date", ["never", "", "Sun, 99 Nov 2026", "1 Jan 99999", "\xff"])
def test_a_date_that_is_none_is_none(date: str) -> None:
    assert parse_mail(HEAD + b"Date: " + date.encode("latin-1") + b"\n\nhi").sent_at is None


def test_parameters_are_put_together() -> None:
    assert parameters("x; a*1=c; a*0=b; d*=utf-8'en'%e2%82%ac; e=\"q;\\\"\"; f=g h ; i") == {
        "a": "bc", "d": "€", "e": 'q;"', "f": "g h",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("latin-1", b"\x93quoted\x94", "“quoted”"),
        ("ISO-8859-15", b"\xa4", "€"),
        ("us-ascii", "é".encode(), "é"),
        ("ks_c_5601-1987", "한글".encode("cp949"), "한글"),
        ("koi8-u", "ґ".encode("koi8-u"), "ґ"),
        ("iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        ("windows-874", "ไทย".encode("cp874"), "ไทย"),
        ("utf-16", "hi".encode("utf-16"), "hi"),
        ("utf-7", b"+AOQ-", "ä"),
        ("zlib", b"plain", "plain"),
        ("../../etc", b"\x81", "\x81"),
        ("utf-8", b"\xef\xbb\xbfbom", "bom"),
        ("shift_jis", b"\x81", "\ufffd"),
    ],
)
def test_a_charset_is_what_the_bytes_say_more_than_the_label(label: str, data: bytes, text: str) -> None:
    assert decode(data, label) == text


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


# --- what was newly written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Hi\n\nOn Mon, 1 Jan 2026 at 10:00, Bob <b@x>\nwrote:\n\n> q\n> r\n", "Hi"),
        ("Danke!\n\nAm 01.01.2026 um 10:00 schrieb Bob Smith:\n> q", "Danke!"),
        ("Merci\n\nLe lun. 1 janv. 2026 à 10:00, Bob <b@x> a écrit :\n\n> q", "Merci"),
        ("Grazie\n\nIl giorno lun 1 gen 2026 alle ore 10:00 Bob <b@x> ha scritto:\n> q", "Grazie"),
        ("Yes\n\n-----Original Message-----\nFrom: x\nfoo", "Yes"),
        ("Yes\n________________________________\nFrom: Bob <b@x>\nSent: Monday\nTo: a\nSubject: s\n\nbody", "Yes"),
        ("Ja\n\nVon: Bob <b@x>\nGesendet: Montag\nAn: a\nBetreff: s\n\nbody", "Ja"),
        ("ok\n\nSent from my iPhone\n\n> On 1 Jan 2026, at 10:00, Bob <b@x> wrote:\n> \n> q", "ok"),
        ("ok\nOn 1 Jan 2026, at 10:00, Bob <b@x> wrote:\n\nunquoted older mail\nmore", "ok"),
        ("On 1 Jan 2026 at 10:00 Bob wrote:\n> q\n> q2\n\nanswer below\n-- \nAnn", "answer below"),
        ("answer\n## reply above this line ##\nold", "answer"),
        ("Hello\n-- \nJoe\nACME", "Hello"),
    ],
)
def test_the_older_mail_and_the_signature_are_left_out(text: str, new: str) -> None:
    assert new_text(text) == new


@pytest.mark.parametrize(
    "text",
    [
        "> q\nanswer one\n> r\nanswer two",
        "On 1 Jan 2026 at 10:00 Bob wrote:\n> q\nanswer one\n> r\nanswer two",
        "On Monday she wrote:\nthe contract is void",
        "I said on Monday that\non Tuesday he wrote:\nthe text",
        "FYI\n---------- Forwarded message ---------\nFrom: Bob\nDate: x\nSubject: y\nTo: z\n\nbody",
        "From: the heart\nI write to you",
        "> only a quotation",
        "-- \nonly a signature",
        "a list --\n--\n" + "item\n" * 30 + "end",
    ],
)
def test_when_in_doubt_everything_stays(text: str) -> None:
    assert new_text(text) == text.strip()


@given(
    st.lists(
        st.sampled_from(["> q", "words", "", "-- ", "On 1.1.2026 10:00 a@b wrote:", "From: a", "Sent: b", "To: c"])
    )
)
def test_the_new_text_is_made_of_the_texts_own_lines(lines: list[str]) -> None:
    text = "\n".join(lines)
    new = new_text(text)
    assert new in text.strip()
    assert bool(new) == bool(text.strip())


# --- HTML -------------------------------------------------------------------------------------------------------------


def test_html_reads_like_what_was_seen() -> None:
    page = (
        "<head><title>no</title><style>no</style></head><p>One &amp; <b>two</b></p><div>three<br>four</div><div><br></div>"
        "<ul><li>a<li>b</ul><pre>x\n  y</pre><table><tr><td>1<td>2<tr><td>3</table><script>no</script>"
        "<img alt=Logo><a href='https://x.example/p'>here</a> <a href=https://y.example>y.example</a> <a href='javascript:no'>js</a>"
        "<blockquote>old<blockquote>older</blockquote></blockquote>end"
    )
    assert to_text(page) == (
        "One & two\n\nthree\nfour\n\n- a\n- b\n\nx\n  y\n\n1 2\n3\n[Logo]here (https://x.example/p) y.example js\n\n"
        "> old\n>\n>> older\n\nend"
    )


def test_a_page_too_deep_is_read_by_the_plain_tokenizer_and_says_the_same() -> None:
    page = "<p>One <b>two</b> &uuml;</p><a href='https://x.example'>link</a><script>no</script><!-- <p>no -->"
    deep = "<div>" * 1500 + page
    assert too_deep(deep)
    assert not too_deep(page)
    assert to_text(deep) == to_text(page)
    assert safe_html(deep).startswith("<pre>One two ü")


@pytest.mark.parametrize(
    "piece",
    [
        "<div>", "<span>", "<div><!--</div>-->", '<div "><div "=">', "<div><table></div></table>", "<b><div></b>", "<div title='</div>'>",
        "<font color=a><p>", "<ul><li>", "<table><td>", "<div><script></div></script>", "<div><svg><![CDATA[</div></svg>]]></svg>",
        "<div><select></div></select>", "<span><div></span>", "<span><p></span></p>", "<form><table></form></table></form>", "<td><o:p><font>",
        "<image><span></span></image><i>", '<div><style a="></style></div>"></style>',
    ],
)  # fmt: skip
def test_depth_cannot_be_hidden_from_the_count(piece: str) -> None:
    assert too_deep(piece * 2000)


def test_a_long_newsletter_is_not_too_deep() -> None:
    row = "<tr><td><p>text<br><b>bold</b><img src=x><ul><li>one<li>two</ul></td><td><a href=x>y</a></tr>"
    assert not too_deep(f"<html><body><table>{row * 2000}</table></body></html>")


def test_safe_html_keeps_words_and_links_and_nothing_that_loads_or_runs() -> None:
    safe = safe_html(
        "<b onclick=no>bold</b><img src='https://spy.example/1.gif'><script>no()</script><style>no</style><form action=x><input></form>"
        "<a href='https://ok.example'>a</a><a href='mailto:a@b'>m</a><a href='tel:1'>t</a><a href='JaVaScript:no()'>j</a>"
        "<a href='//evil.example'>e</a><a href='data:text/html,no'>d</a><iframe src=x></iframe><svg onload=no><p style='background:url(x)'>p</p>"
    )
    assert re.findall(r'href="([^"]*)"', safe) == ["https://ok.example", "mailto:a@b", "tel:1"]
    for gone in (
        "spy.example",
        "src=",
        "script",
        "style",
        "form",
        "input",
        "iframe",
        "onload",
        "onclick",
        "no()",
        "url(",
    ):
        assert gone not in safe
    assert "<b>bold</b>" in safe


@searching
@given(
    st.lists(
        st.sampled_from(
            ["<div>", "</div>", "<p>", "<b>", "</b>", "<td>", "<!--", "-->", "<a href='", "'>", "x", "&", "\x1c", "<"]
        )
    )
)
def test_any_html_becomes_text(pieces: list[str]) -> None:
    source = "".join(pieces)
    assert not re.search("[\x1b-\x1f]", to_text(source))
    safe_html(source)


# --- what it may cost -------------------------------------------------------------------------------------------------

_BODY = HEAD + b"\n"
_HTML = HEAD + b"Content-Type: text/html\n\n"
_MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n"
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
}  # fmt: skip


@pytest.mark.parametrize("raw", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_a_hostile_mail_costs_no_more_than_its_length(raw: bytes) -> None:
    began = time.perf_counter()
    message = read._parse(raw)
    assert time.perf_counter() - began < 5  # seconds are the fault: each takes less than one, a quadratic one minutes
    _said_well(message)


def test_a_large_attachment_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def counting(data: bytes) -> bytes:
        decoded.append(len(data))
        return base64.b64decode(data)

    monkeypatch.setattr(parts, "base64", counting)
    part = b"--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(b"x" * 100_000)
    message = parse_mail(_MIXED + part + b"--b--\n")
    assert message.attachments[0].size == 100_000
    assert len(decoded) == 1


def test_the_fixtures_of_mail_are_all_read_without_the_last_resort() -> None:
    for path in (Path(__file__).parent.parent / "channels" / "smtp").glob("*.eml"):
        read._parse(path.read_bytes())
