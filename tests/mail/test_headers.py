"""Headers as people and programs send them: words, addresses, ids, dates, parameters, charsets."""

from datetime import UTC, datetime

import pytest

from ingest.mail.address import mailboxes
from ingest.mail.charset import codec, decode
from ingest.mail.date import sent_at
from ingest.mail.headers import parameters, words
from ingest.mail.read import parse_mail
from tests.mail.making import HEAD


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


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?Q?=E2=82?= =?UTF8?Q?=AC?=", "€"),  # one letter cut between two spellings of one charset
        (b"=? utf-8 ?Q?hi?=", "hi"),
        (b'=?"utf-8"?Q?x=C3=A9?=', "xé"),
        (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
        (b"=?ISO-2022-JP?B?GyRCJCI=?= =?ISO-2022-JP?B?GyRCJCQbKEI=?=", "あい"),
        (b"=?iso-2022-jp?B?GyRCLSEbKEI=?=", "①"),  # a letter only Windows knows
        (b'\x1b$B$"\x1b(B', "あ"),  # without any word about it
        (b"=?utf-8?Q?Foo\n bar?=", "Foo bar"),
        (b"=?utf-8?B?SGVs bG8=?=", "Hello"),
        (b"=?iso-8859-1?Q?=C3=A9t=C3=A9?=", "été"),  # UTF-8 that calls itself Latin
    ],
)
def test_more_encoded_words_are_read_as_people_send_them(raw: bytes, text: str) -> None:
    assert words(raw) == text


@pytest.mark.parametrize(
    ("raw", "boxes"),
    [
        (b"A <a@b> B <c@d>", [("a@b", "A"), ("c@d", "B")]),
        (b"a@b c@d", [("a@b", ""), ("c@d", "")]),
        (b"A <a@b,c@d>", [("a@b", ""), ("c@d", "")]),
        (b"<<a@b>>", [("a@b", "")]),
        (b"a@b (A (nested) C)", [("a@b", "A (nested) C")]),
        (b'"Foo <a@b>"', [("a@b", "Foo")]),
        (b'"a@b" <>', [("a@b", "")]),
        (b"=?utf-8?Q?A_=3Ca@b=3E?=", [("a@b", "A")]),
        (b"=?utf-8?Q?=22A=2C_B=22?= <a@b>", [("a@b", "A, B")]),
        (b"A <a(why)@b>", [("a@b", "A")]),
        (b'"A B" <"a b"@c>', [('"a b"@c', "A B")]),
        (b"[a@b]", [("a@b", "")]),
        (b"a@b, , c@d;", [("a@b", ""), ("c@d", "")]),
        (b"(x) a@b", [("a@b", "x")]),
    ],
)
def test_addresses_with_forgotten_commas_and_brackets_are_read(raw: bytes, boxes: list[tuple[str, str]]) -> None:
    assert [tuple(box) for box in mailboxes(raw)] == boxes


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 2 Nov 2026 08:00:00 +0100", "Mon, 02 Nov 2026 08:00:00 +0100 (CET)", "2 Nov 26 08:00 +0100", "Mon, 2 Nov 2026 07:00:00 GMT",
        "Mon, 2 Nov 2026 07:00:00 -0000", "Mon Nov  2 07:00:00 2026", "2026-11-02T08:00:00+01:00", "2026-11-02 07:00:00",
        "Mon, 2 Nov 2026 08:00:00 CET", "Mon, 2 Nov 2026 09:00:00 CEST", "Mon, 2 Nov 2026 08.00.00 +0100", "Mon,2 Nov 2026 08:00:00+0100",
        "Mon, 2 Nov 2026 08:00:00 GMT+0100", "lun., 2 nov. 2026 08:00:00 +0100", "Mon, 2-Nov-2026 08:00:00 +01:00",
        "Mon, 2 Nov 2026 8:00:00 AM +0100", "Mon, 2 Nov 126 08:00:00 +100", "Nov 2, 2026 08:00:00 +0100", "Mon, Nov 2, 2026 at 7:00 AM",
        "Montag, 2 November 2026 08:00:00 +0100", "Mon, 2 Nov 2026 08:00:00.123 MEZ", "Mon (early), 2 Nov 2026 07:00:00", "2026/11/02 07:00",
    ],
)  # fmt: skip
def test_a_date_is_read_as_programs_write_it(date: str) -> None:
    assert sent_at(date) == datetime(2026, 11, 2, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('a; name="the "best" one.txt"', {"name": 'the "best" one.txt'}),
        (r'a; name="C:\dir\file.txt"', {"name": r"C:\dir\file.txt"}),
        ("a, charset=utf-8", {"charset": "utf-8"}),
        ("a filename=x.y", {"filename": "x.y"}),
        ("a; charset=utf-8 name=a b.txt", {"charset": "utf-8", "name": "a b.txt"}),
        ('a; boundary="x"y; z=1', {"boundary": "x", "z": "1"}),
        ('a; name=x.txt"; b=c', {"name": "x.txt", "b": "c"}),
        ("a; name*0=\"iso-8859-1'de'%e4\"; name*1*=%e4", {"name": "%e4ä"}),
        ("a; name*=%e2%82%ac", {"name": "€"}),
        ("a; name=old.txt; name*=utf-8''new.txt", {"name": "new.txt"}),
    ],
)
def test_parameters_are_read_as_programs_write_them(value: str, found: dict[str, str]) -> None:
    assert parameters(value) == found


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ('"utf-8"', "utf_8"), ("charset=utf-8", "utf_8"), ("utf-8 (comment)", "utf_8"), ("utf-8//IGNORE", "utf_8"), ("windows1252", "cp1252"),
        ("win-1251", "cp1251"), ("cp-850", "cp850"), ("ISO 8859-2", "iso8859_2"), ("x-iso-8859-15", "iso8859_15"), ("iso-8859-8-i", "iso8859_8"),
        ("iso-8859-1-windows-1252", "cp1252"), ("x-mac-cyrillic", "mac_cyrillic"), ("cn-big5", "cp950"), ("x-x-big5", "cp950"),
        ("windows-949", "cp949"), ("gb_2312-80", "gb18030"), ("sjis-win", "cp932"), ("windows-28592", "iso8859_2"), ("koi", "koi8_r"),
        ("x-euc-jp", "euc_jp"), ("iso-8859-9", "cp1254"), ("rot13", ""), ("../../x", ""), ("unknown-8bit", ""), ("default", ""),
    ],
)  # fmt: skip
def test_a_charset_is_known_by_what_is_nearly_its_name(label: str, name: str) -> None:
    assert codec(label) == name


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("shift_jis", "中①".encode("cp932"), "中①"),
        ("big5", "嘅".encode("big5hkscs"), "嘅"),
        ("euc-jp", "①".encode("euc_jis_2004"), "①"),
        ("utf-16", "hé".encode("utf-16-be"), "hé"),
        ("utf-16", "hé".encode("utf-16-le"), "hé"),
        ("utf-16", b"plain", "plain"),
        ("iso-8859-1", "größer".encode(), "größer"),
        ("", "hé".encode("utf-16"), "hé"),
    ],
)
def test_vendors_letters_and_false_labels_are_read(label: str, data: bytes, text: str) -> None:
    assert decode(data, label) == text


def test_a_raw_header_is_read_by_the_charset_of_a_part() -> None:
    raw = (
        b"Subject: \xd6\xd0\xce\xc4\n"
        + HEAD
        + b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=gb2312\n\nhi\n--b--"
    )
    assert parse_mail(raw).subject == "中文"


def test_an_answer_to_no_id_answers_nothing() -> None:
    assert parse_mail(HEAD + b"In-Reply-To: Your message of Monday\n\nhi").in_reply_to is None
