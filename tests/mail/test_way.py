"""The way a mail took: which mailboxes it was delivered to and forwarded from, the nearest first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mail.headers import Headers
from ingest.mail.read import parse_mail
from ingest.mail.way import delivered_to, thread_index


def way(headers: str) -> list[str]:
    return list(parse_mail(f"{headers}\nFrom: ann@customer.example\nSubject: Lamp\n\nhi\n".encode()).delivered_to)


def test_gmail_forwards_the_support_mailbox() -> None:
    assert way(
        "Delivered-To: in@desk.example\n"
        "Received: from mail-ej1.google.com by mx.desk.example with ESMTPS id 17\n for <in@desk.example>; Tue, 24 Nov 2026\n"
        "X-Forwarded-To: in@desk.example\n"
        "X-Forwarded-For: support@acme.example in@desk.example\n"
        "Delivered-To: Support@Acme.example\n"
        "Received: from x (x [192.0.2.1]) by mx.google.com with ESMTPS for <help@acme.example>; Mon, 23 Nov 2026\n"
    ) == ["in@desk.example", "support@acme.example", "help@acme.example"]


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ("X-Original-To: billing@acme.example\nDelivered-To: shared@acme.example", ["billing@acme.example", "shared@acme.example"]),
        ("Envelope-To: a@acme.example, b@acme.example", ["a@acme.example", "b@acme.example"]),
        ('Resent-To: Desk <in@desk.example>\nResent-Cc: "Lee, Ann" <x@desk.example>', ["in@desk.example", "x@desk.example"]),
        ("Delivered-To: acme.example-support@acme.example", ["support@acme.example", "acme.example-support@acme.example"]),
        ("X-Forwarded-For: 192.0.2.1", []),
        ("X-Forwarded-For: a@acme.example, b@acme.example", ["b@acme.example", "a@acme.example"]),
        ("Original-Recipient: rfc822;in@desk.example", ["in@desk.example"]),
        ("Mailing-List: list support@acme.example; contact support+owners@acme.example", ["support@acme.example"]),
        ("X-MS-Exchange-Organization-OriginalEnvelopeRecipients: rfc822;a@acme.example;rfc822;b@acme.example",
         ["a@acme.example", "b@acme.example"]),
        ("Delivered-To: SRS0=ab=cd=customer.example=ann@forwarder.example\nDelivered-To: in@desk.example", ["in@desk.example"]),
        ("Received: by mx.example; Tue, 24 Nov 2026 10:00:00 +0000", []),
        ("Received: from a by b for in@desk.example; Tue, 24 Nov 2026 10:00:00 +0000", ["in@desk.example"]),
        ("Delivered-To: b\xfccher@acme.example", ["b\xfccher@acme.example"]),
        ("Delivered-To:", []),
    ],
)  # fmt: skip
def test_every_hop_has_a_header_of_its_own(headers: str, found: list[str]) -> None:
    assert way(headers) == found


def test_what_a_sender_invents_stands_behind_what_our_side_wrote() -> None:
    assert way(
        "Received: from x by mx.acme.example for <billing@acme.example>; Tue, 24 Nov 2026\nDelivered-To: vip@acme.example"
    ) == ["billing@acme.example", "vip@acme.example"]


def test_a_way_without_end_is_cut_off() -> None:
    assert len(way("".join(f"Delivered-To: a{n}@acme.example\n" for n in range(1000)).rstrip())) == 50


def test_reply_to_may_be_several() -> None:
    raw = b"From: form@acme.example\nReply-To: Ann <Ann@customer.example>, eve@customer.example\n\nhi\n"
    assert parse_mail(raw).reply_to == ("ann@customer.example", "eve@customer.example")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"AdFuZ6XxOH+qH5H+R76f2odV/Vn8MQ==", "AdFuZ6XxOH+qH5H+R76f2odV/Vn8MQ=="),
        (b"AdFuZ6XxOH+qH5H+R76f2odV/Vn8MQABAgME", "AdFuZ6XxOH+qH5H+R76f2odV/Vn8MQ=="),
        (b"AdFuZ6XxOH+qH5H+\n R76f2odV/Vn8MQ==", "AdFuZ6XxOH+qH5H+R76f2odV/Vn8MQ=="),
        (b"AdFuZ6Xx", None),
        (b"no base64!", None),
        (b"", None),
    ],
)
def test_a_conversation_of_outlook_has_one_thread_index(value: bytes, found: str | None) -> None:
    assert parse_mail(b"From: a@b.example\nThread-Index: " + value + b"\n\nhi\n").thread_index == found


NAMES = st.sampled_from(["delivered-to", "received", "x-forwarded-for", "resent-to", "mailing-list", "thread-index"])
VALUES = st.binary(max_size=40) | st.lists(
    st.sampled_from([b" for ", b"<", b">", b"@", b"a@b.c", b";", b",", b"-", b"SRS0=", b"\xff", b" "]), max_size=30
).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=20))
def test_any_headers_lead_somewhere(fields: list[tuple[str, bytes]]) -> None:
    headers = Headers(tuple(fields))
    assert all("@" in address and address == address.lower() for address in delivered_to(headers))
    assert thread_index(headers) is None or len(thread_index(headers) or "") == 32
