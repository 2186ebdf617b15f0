"""Mails that a person forwarded by hand: whose they were. The fixtures are named for the program or the oddity."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mail.forward import forwarded
from ingest.mail.read import parse_mail

HERE = Path(__file__).parent / "forwarded"
EXPECTED: dict[str, dict[str, Any] | None] = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))


def test_every_forwarded_mail_is_expected() -> None:
    assert {path.stem for path in HERE.glob("*.eml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_forwarded_mail_is_its_first_writers(name: str) -> None:
    found = parse_mail((HERE / f"{name}.eml").read_bytes()).forwarded
    said = found and {
        "sender": found.sender.id,
        "name": found.sender.name,
        "subject": found.subject,
        "text": found.text,
        "to": list(found.to),
        "sent_at": found.sent_at and found.sent_at.isoformat(),
        "message_id": found.message_id,
    }
    assert said == EXPECTED[name]


def test_a_list_says_nothing_about_who_forwarded() -> None:
    raw = (HERE / "gmail.eml").read_bytes()
    tagged = raw.replace(b"Subject: Fwd:", b"List-Id: <support.acme.example>\nSubject: [support] Fwd:", 1)
    message = parse_mail(tagged)
    assert message.kind == "list"
    assert message.forwarded
    assert message.forwarded.sender.id == "ann@customer.example"


PIECES = st.sampled_from(
    [
        "From: ", "Von: ", "Sent: ", "To: ", "Subject: ", "Date: ", "Ann <ann@customer.example>", "[mailto:a@b.example]", "\n", "\n\n", "> ",
        "---------- Forwarded message ---------", "----", "*", ":", "\uff1a", "@", "<", "a" * 3000, "Mon, 23 Nov 2026 15:04:05 +0100", "\0",
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join),
    st.sampled_from(["Fwd: x", "x", "Re: x", "[Fwd: x]"]),
)
def test_whatever_is_forwarded_has_one_sender_with_an_address_or_none(text: str, subject: str) -> None:
    found = forwarded("message", subject, text, [])
    assert found is None or (found.sender.id.count("@") == 1 and found.sender.id in text.lower())


def test_a_very_long_text_is_looked_at_only_so_far() -> None:
    block = "From: Ann <ann@customer.example>\nSent: Monday\nTo: b@c.example\nSubject: x\n\nhi"
    assert forwarded("message", "Fwd: x", "line\n" * 1000 + block, []) is not None
    assert forwarded("message", "Fwd: x", "line\n" * 3000 + block, []) is None
