"""Conversations with bots, from a customer's words to what becomes of the answer: Telegram, Viber and LINE."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.channels.sending import Platform
from tests.path.answering import NOON, Answering, scripted, talking
from tickets.store import Store

ANN = {"id": 7, "is_bot": False, "first_name": "Ann"}
CHANNELS = """
  - {name: paper-plane, type: telegram, secret: "env:SECRET", token: "env:TOKEN", base_url: "<BASE>"}
  - {name: viber, type: viber, tokens: "env:TOKEN", base_url: "<BASE>"}
  - {name: line, type: line, secrets: "env:SECRET", token: "env:TOKEN", base_url: "<BASE>"}"""


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("TOKEN", "t0ken")
    with scripted() as made:
        yield made


@pytest.fixture
def front(store: Store, tmp_path: Path, local: Platform) -> Answering:
    return talking(store, tmp_path / "out", local, CHANNELS)


def takes(local: Platform, path: str, body: Any, answer: Any) -> None:
    local.script.append({"expect": {"method": "POST", "path": path, "json": body}, "answer": {"json": answer}})


def happens(front: Answering, channel: str, payload: dict[str, Any]) -> int | None:
    return front.payload(channel, json.dumps(payload).encode()).ticket


def telegram(front: Answering, update: int, kind: str, **content: Any) -> int | None:
    private = {"id": 7, "type": "private"}
    about = {"chat": private, "date": int(NOON), **({"from": ANN} if "message" in kind else {}), **content}
    return happens(front, "paper-plane", {"update_id": update, kind: about})


def test_in_telegram_an_edit_a_reaction_and_a_quotation_find_what_they_are_about(
    front: Answering, local: Platform
) -> None:
    number = telegram(front, 1, "message", message_id=20, text="Where is my order?")
    assert number is not None
    takes(local, "/bott0ken/sendMessage", {"chat_id": 7, "text": "On its way."},
          {"ok": True, "result": {"message_id": 21, "chat": {"id": 7}}})  # fmt: skip
    front.answer(number, text="On its way.")
    front.deliver()
    asked, answered = front.ticket(number)["entries"]
    assert (asked["external_id"], answered["external_id"], answered["state"]) == ("7:20", "7:21", "sent")
    for update, message, emoji in ((2, 20, "🙏"), (3, 21, "👍")):
        telegram(front, update, "message_reaction", message_id=message, user=ANN,
                 new_reaction=[{"type": "emoji", "emoji": emoji}])  # fmt: skip
    reacted = [one["facts"]["reactions"] for one in front.ticket(number)["entries"]]
    assert reacted == [{"7": "🙏"}, {"7": "👍"}]
    assert telegram(front, 4, "edited_message", message_id=20, text="Where is my order 17?") == number
    assert front.last(number)["facts"]["in_reply_to"] == "7:20"
    assert telegram(front, 5, "message", message_id=22, text="Thanks", reply_to_message={"message_id": 21}) == number
    assert front.last(number)["facts"]["in_reply_to"] == "7:21"


def test_in_telegram_a_message_deleted_in_a_business_account_is_marked(front: Answering) -> None:
    business = {"business_connection_id": "bc1"}
    number = telegram(front, 1, "business_message", message_id=20, text="My card is 4111", **business)
    assert number is not None
    telegram(front, 2, "business_message", message_id=21, text="Delete that!", **{**business, "from": {"id": 99}})
    telegram(front, 3, "deleted_business_messages", message_ids=[20], **business)
    asked, echo = front.ticket(number)["entries"]
    assert (asked["deleted_at"] is not None, echo["kind"], echo["deleted_at"]) == (True, "echo", None)


def test_in_viber_a_receipt_finds_its_answer_though_its_token_is_larger_than_most_numbers(
    front: Answering, local: Platform
) -> None:
    token = 5741311803571721087
    asked = {"event": "message", "timestamp": 1, "message_token": token, "sender": {"id": "a="},
             "message": {"type": "text", "text": "Hello"}}  # fmt: skip
    number = happens(front, "viber", asked)
    assert number is not None
    said = {"receiver": "a=", "type": "text", "text": "Hi.", "sender": {"name": "Support"}, "min_api_version": 1}
    takes(local, "/pa/send_message", said, {"status": 0, "message_token": token + 1})
    front.answer(number, text="Hi.")
    front.deliver()
    happens(front, "viber", {"event": "seen", "timestamp": 2, "message_token": token + 1, "user_id": "a="})
    assert front.last(number)["state"] == "read"


def test_in_line_a_quick_answer_is_free_a_later_one_is_pushed_and_what_is_taken_back_is_marked(
    front: Answering, local: Platform
) -> None:
    def event(number: int, kind: str, **more: Any) -> dict[str, Any]:
        source = {"type": "user", "userId": "U4af"}
        one = {"type": kind, "webhookEventId": f"01H{number}", "timestamp": 1, "source": source, **more}
        return {"destination": "U0f5c", "events": [one]}

    text = {"id": "3257", "type": "text", "text": "Hello"}
    number = happens(front, "line", event(1, "message", replyToken="nHuy", message=text))
    assert number is not None
    takes(local, "/v2/bot/message/reply", {"replyToken": "nHuy", "messages": [{"type": "text", "text": "Hi."}]},
          {"sentMessages": [{"id": "3258"}]})  # fmt: skip
    front.answer(number, text="Hi.")
    front.deliver()
    front.now += 60
    takes(local, "/v2/bot/message/push", {"to": "U4af", "messages": [{"type": "text", "text": "Found it."}]},
          {"sentMessages": [{"id": "3259"}]})  # fmt: skip
    front.answer(number, text="Found it.")
    front.deliver()
    assert [one["external_id"] for one in front.ticket(number)["entries"]] == ["3257", "3258", "3259"]
    happens(front, "line", event(2, "unsend", unsend={"messageId": "3257"}))
    assert front.ticket(number)["entries"][0]["deleted_at"] is not None
