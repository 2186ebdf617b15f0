"""A conversation in Messenger, and a comment on Instagram, from the customer's words to the read mark."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.channels.sending import Platform
from tests.path.answering import NOON, Answering, scripted, talking
from tickets.store import Store

PAGE, ANN = "1044", "7311"
CHANNELS = """
  - name: page
    type: facebook
    app_secrets: ["env:APP_SECRET"]
    verify_tokens: ["env:VERIFY"]
    pages: {1044: "env:PAGE_TOKEN"}
    base_url: <BASE>
  - name: insta
    type: instagram
    app_secrets: ["env:APP_SECRET"]
    verify_tokens: ["env:VERIFY"]
    accounts: {1044: "env:PAGE_TOKEN"}
    base_url: <BASE>"""


@pytest.fixture
def meta(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("PAGE_TOKEN", "EAAtoken")
    with scripted() as made:
        yield made


@pytest.fixture
def front(store: Store, tmp_path: Path, meta: Platform) -> Answering:
    return talking(store, tmp_path / "out", meta, CHANNELS)


def said(at: int, *, echo: bool = False, **what: Any) -> bytes:
    """Return a delivery with one event between Ann and the page, so many seconds after the first."""
    ann, page = {"id": ANN}, {"id": PAGE}
    two = {"sender": page, "recipient": ann} if echo else {"sender": ann, "recipient": page}
    event = {**two, "timestamp": int(NOON + at) * 1000, **what}
    return json.dumps({"object": "page", "entry": [{"id": PAGE, "messaging": [event]}]}).encode()


def taken(meta: Platform, mid: str, **body: Any) -> None:
    """Let the platform expect one more message, and give it an id."""
    expect = {"method": "POST", "path": "/v25.0/me/messages", "json": body}
    meta.script.append({"expect": expect, "answer": {"json": {"recipient_id": ANN, "message_id": mid}}})


def test_an_answer_goes_back_its_echo_is_known_and_its_read_mark_stands_on_it(front: Answering, meta: Platform) -> None:
    number = front.payload("page", said(0, message={"mid": "m_1", "text": "Where is my parcel?"})).ticket
    assert number is not None
    taken(
        meta,
        "m_2",
        recipient={"id": ANN},
        messaging_type="RESPONSE",
        message={"text": "It is on its way."},
        reply_to={"mid": "m_1"},
    )
    front.answer(number)
    front.deliver()
    assert front.last(number)["state"] == "sent"
    known = front.payload("page", said(101, echo=True, message={"mid": "m_2", "is_echo": True, "text": "It is …"}))
    assert known.ticket is None
    front.payload("page", said(102, delivery={"mids": ["m_2"], "watermark": 0}))
    assert front.last(number)["state"] == "delivered"
    front.payload("page", said(103, read={"watermark": int(front.now + 3) * 1000}))
    assert front.last(number)["state"] == "read"
    assert front.payload("page", said(104, message={"mid": "m_3", "text": "Thanks"})).ticket == number


def test_what_is_written_in_metas_inbox_stands_in_the_ticket_as_the_businesss(front: Answering) -> None:
    number = front.payload("page", said(0, message={"mid": "m_1", "text": "Where is my parcel?"})).ticket
    assert number is not None
    elsewhere = said(9, echo=True, message={"mid": "m_2", "is_echo": True, "app_id": 2639, "text": "Here it is"})
    assert front.payload("page", elsewhere).ticket == number
    assert (front.last(number)["kind"], front.last(number)["text"]) == ("echo", "Here it is")


def test_a_comment_is_a_conversation_of_its_own_and_answered_once_in_private(front: Answering, meta: Platform) -> None:
    value = {"id": "c1", "from": {"id": ANN, "username": "ann"}, "text": "Is it waterproof?", "media": {"id": "m"}}
    comment = {"id": PAGE, "time": int(NOON), "changes": [{"field": "comments", "value": value}]}
    number = front.payload("insta", json.dumps({"object": "instagram", "entry": [comment]}).encode()).ticket
    other = front.payload("insta", said(1, message={"mid": "m_1", "text": "Hello"})).ticket
    assert number is not None
    assert other not in (None, number)
    taken(meta, "m_2", recipient={"comment_id": "c1"}, message={"text": "Yes, to 3 m."})
    front.answer(number, text="Yes, to 3 m.")
    front.deliver()
    assert front.last(number)["state"] == "sent"
