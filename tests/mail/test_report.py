"""Bounces and complaints: which mail came back, to whom it was written, and why. The fixtures are named for their oddity."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mail.notice import read_notice
from ingest.mail.read import parse_mail

HERE = Path(__file__).parent / "bounces"
EXPECTED: dict[str, dict[str, Any]] = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
OURS = "Message-ID: <ticket-17.3@support.acme.example>\nTo: ann@customer.example\nSubject: Re: Broken lamp\n\nhi\n"


def test_every_bounce_is_expected() -> None:
    assert {path.stem for path in HERE.glob("*.eml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_bounce_says_which_mail_came_back_from_whom_and_why(name: str) -> None:
    message = parse_mail((HERE / f"{name}.eml").read_bytes())
    said, report = EXPECTED[name], message.report
    assert message.kind == "bounce"
    assert report is not None
    assert (report.action, report.status, list(report.recipients), report.original) == (
        said["action"],
        said["status"],
        said["recipients"],
        said["original"],
    )
    assert said["says"] in report.diagnostic
    assert len(report.diagnostic) <= 300
    assert "\n" not in report.diagnostic


def test_only_bounces_and_complaints_have_a_report() -> None:
    assert (
        parse_mail(b"From: ann@customer.example\nSubject: Lamp\n\nUser unknown: bob@customer.example\n").report is None
    )


def _complaint(fields: str, returned: str = OURS) -> bytes:
    return (
        "From: fbl@provider.example\nSubject: complaint\nContent-Type: multipart/report; report-type=feedback-report;"
        f" boundary=b\n\n--b\n\nabuse report\n--b\nContent-Type: message/feedback-report\n\n{fields}\n--b\n"
        f"Content-Type: message/rfc822\n\n{returned}--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("fields", "recipient", "why"),
    [
        ("Feedback-Type: abuse\nOriginal-Rcpt-To: <Eve@Customer.example>\n", "eve@customer.example", "abuse"),
        ("Feedback-Type: fraud\nOriginal-Rcpt-To: rfc822;eve@customer.example\n", "eve@customer.example", "fraud"),
        ("Feedback-Type: opt-out\nRemoval-Recipient: eve@customer.example\n", "eve@customer.example", "opt-out"),
        ("Feedback-Type: abuse\nOriginal-Rcpt-To: redacted\n", "ann@customer.example", "abuse"),
        ("User-Agent: x\n", "ann@customer.example", "abuse"),
    ],
)
def test_a_complaint_names_who_complains_of_which_mail(fields: str, recipient: str, why: str) -> None:
    message = parse_mail(_complaint(fields))
    report = message.report
    assert message.kind == "feedback_report"
    assert report is not None
    assert (report.action, report.recipients, report.diagnostic) == ("complained", (recipient,), why)
    assert report.original == "ticket-17.3@support.acme.example"


def test_outlooks_complaint_has_no_type_of_its_own() -> None:
    raw = (
        "From: staff@hotmail.com\nSubject: complaint about message from 192.0.2.1\nContent-Type: multipart/mixed; boundary=b\n\n"
        f"--b\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: ann@customer.example\n{OURS}--b--\n"
    )
    message = parse_mail(raw.encode())
    assert message.kind == "feedback_report"
    assert message.report
    assert message.report.recipients == ("ann@customer.example",)


def test_many_recipients_are_cut_off() -> None:
    groups = "".join(f"\nFinal-Recipient: rfc822; a{n}@b.example\nAction: failed\nStatus: 5.1.1\n" for n in range(1000))
    raw = (
        "From: MAILER-DAEMON@x.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n{groups}\n--b--\n"
    )
    report = parse_mail(raw.encode()).report
    assert report
    assert len(report.recipients) == 50


PIECES = st.sampled_from(
    [
        "<ann@customer.example>", "ann@customer.example", ":", "\n", "\n\n", "    ", "550 5.1.1", "(expanded from: ", "RCPT TO:", "smtp=",
        "Original message", "Message-ID: <x@y>", "To: ", "@", "a" * 600, "[", "]", "(", ")", "c=US;", "\uff1a", "\0", "Delayed", "\x1d",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join))
def test_whatever_a_notice_says_it_is_read_in_bounds(text: str) -> None:
    notice = read_notice(text)
    assert len(notice.recipients) <= 50
    assert all(one.count("@") == 1 and one == one.lower() and one in text.lower() for one in notice.recipients)


STATUS = st.sampled_from(
    [
        "Final-Recipient: ", "Original-Recipient: ", "Action: ", "Status: ", "Diagnostic-Code: ", "rfc822;", "utf-8; \\x{110000}@x.example",
        "utf-8; \\x{D800}@x.example", "failed", "delayed", "5.1.1", "5.0.0", "\n", "\n\n", "\n ", "ann@customer.example", "<", ">", "smtp; 550",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(STATUS | st.text(max_size=4), max_size=40).map("".join))
def test_whatever_a_report_says_it_is_read(fields: str) -> None:
    head = "From: MAILER-DAEMON@x.example\nContent-Type: message/delivery-status\n\n"
    message = parse_mail((head + fields).encode("utf-8", "replace"))
    assert message.report
    assert message.report.action in {"failed", "delayed", "delivered", "relayed", "expanded"}
    message.model_dump_json().encode()
