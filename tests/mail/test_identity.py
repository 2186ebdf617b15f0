"""Which mail is this: the same over every way, and never another one's."""

import hashlib
import re
import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mail.identity import identify
from ingest.mail.read import parse_mail

MAIL = (
    b"Received: from a by b; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
    b"From: Ann <ann@customer.example>\r\nDate: Sun, 22 Nov 2026 13:00:00 +0100\r\n"
    b"Subject: Help\r\n with my order\r\nMessage-ID: <m1@customer.example>\r\n\r\nHello,\r\nhelp!\r\n"
)


def test_the_message_id_has_no_angle_brackets() -> None:
    assert identify(MAIL).message_id == "m1@customer.example"


def test_a_mail_without_a_message_id_has_a_digest_all_the_same() -> None:
    identity = identify(b"From: a@b\n\nhi\n")
    assert identity.message_id == ""
    assert re.fullmatch("[0-9a-f]{64}", identity.digest)


def test_the_same_mail_over_another_hop_has_the_same_digest() -> None:
    other_hop = (
        b"Return-Path: <ann@customer.example>\r\nDelivered-To: desk@acme.example\r\nReceived: from c by d\r\n" + MAIL
    )
    assert identify(other_hop) == identify(MAIL)


def test_line_ends_folding_and_the_order_of_headers_change_nothing() -> None:
    assert identify(MAIL.replace(b"\r\n", b"\n")) == identify(MAIL)
    assert identify(MAIL.replace(b"Help\r\n with my order", b"Help with my order")) == identify(MAIL)
    assert identify(MAIL + b"\r\n\r\n") == identify(MAIL)
    received, author, rest = MAIL.split(b"\r\n", 2)
    assert identify(b"\r\n".join([author, received, rest])) == identify(MAIL)


def test_a_stolen_message_id_has_another_digest() -> None:
    for stolen in (
        MAIL.replace(b"help!", b"send money!"),
        MAIL.replace(b"ann@", b"eve@", 1),
        MAIL.replace(b"13:00", b"13:01"),
        MAIL.replace(b"order", b"account"),
    ):
        assert identify(stolen).message_id == identify(MAIL).message_id
        assert identify(stolen).digest != identify(MAIL).digest


def test_no_text_of_one_header_can_pass_for_another_header() -> None:
    one = b"From: a@b\nSubject: x\n date:y\n\nhi"
    other = b"From: a@b\nSubject: x\nDate: y\n\nhi"
    assert identify(one).digest != identify(other).digest


def test_a_header_after_the_blank_line_is_body() -> None:
    assert identify(b"From: a@b\n\nMessage-ID: <stolen@x>\n").message_id == ""


@given(st.binary())
def test_any_bytes_have_an_identity(raw: bytes) -> None:
    assert identify(raw) == identify(raw)


@given(st.binary(), st.binary())
def test_the_parser_sees_the_same_message_id(before: bytes, after: bytes) -> None:
    raw = b"X-A: " + before.replace(b"\n", b"").replace(b"\r", b"") + b"\nMessage-ID: <m@x>\nFrom: a@b\n\n" + after
    assert identify(raw).message_id == parse_mail(raw).external_id == "m@x"


def test_a_monstrous_message_id_is_cut_to_what_an_index_can_hold() -> None:
    raw = b"From: a@b\nMessage-ID: <" + b"m" * 5000 + b"@x>\n\nhi"
    identity = identify(raw)
    assert len(identity.message_id) <= 500
    assert identity.message_id.endswith(hashlib.sha256(b"m" * 5000 + b"@x").hexdigest())
    assert parse_mail(raw).external_id == identity.message_id


@pytest.mark.parametrize("size", [0, 1, 2_047, 2_048, 100_000, 300_000])
def test_the_digest_is_that_of_the_whole_body_whatever_its_size(size: int) -> None:
    body = bytes(range(97, 123)) * (size // 26) + b"x" * (size % 26)
    assert identify(b"From: a@b\n\n" + body).digest == hashlib.sha256(b"from:a@b\n\n" + body).hexdigest()


def test_a_small_mail_costs_next_to_nothing() -> None:
    began = time.perf_counter()
    for _ in range(1000):
        identify(MAIL)
    assert time.perf_counter() - began < 0.5


def test_hostile_mails_cost_no_more_than_their_length() -> None:
    for piece in (b"\n", b"a:b\n", b"Subject: x\n", b" folded\n", b"garbage\n", b"\r", b"\n\r\r", b"x"):
        began = time.perf_counter()
        identify(b"From: a@b\n" + piece * (3_000_000 // len(piece)))
        assert time.perf_counter() - began < 5, piece


def test_the_topic_is_the_same_in_a_whole_conversation_and_not_part_of_the_digest() -> None:
    first = b"Message-ID: <a@x>\r\nThread-Index: %s\r\n\r\nhello\r\n" % b64encode(bytes(22))
    reply = b"Message-ID: <a@x>\r\nTHREAD-INDEX: %s\r\n\r\nhello\r\n" % b64encode(bytes(22) + b"reply")
    one, other = identify(first), identify(reply)
    assert one.topic == other.topic == b64encode(bytes(22)).decode()
    assert one.digest == other.digest == identify(first.replace(b"Thread-Index", b"X-Other")).digest


@pytest.mark.parametrize("value", [b"", b"AQHb", b"not base64 at all!", b"=" * 40, b"\xff" * 40])
def test_a_broken_thread_index_is_no_topic(value: bytes) -> None:
    assert identify(b"Thread-Index: " + value + b"\r\n\r\nhello").topic is None
