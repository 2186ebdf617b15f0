"""Conversations in a channel that Slack Connect shares, and on X: from the customer's words to what is changed in them later."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from notify.note import key_of
from tests.channels.sending import Platform
from tests.path.answering import Answering, scripted, talking
from tickets.schema import outbox
from tickets.store import Store

DESK, CUSTOMERS, US, ANN = "T0DESK", "T0CUST", "2244001100220033", "7700112233445566"
ROOT = "1795348800.000100"
CHANNELS = """
  - {name: shared, type: slack, signing_secrets: ["env:S"], token: "env:TOKEN", base_url: "<BASE>"}
  - {name: x, type: x, paid_per_event: true, consumer_secrets: ["env:S"], token: "env:TOKEN", base_url: "<BASE>"}"""


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("TOKEN", "secret-token-1")
    with scripted() as made:
        yield made


@pytest.fixture
def front(store: Store, tmp_path: Path, there: Platform) -> Answering:
    return talking(store, tmp_path / "out", there, CHANNELS)


def answered(front: Answering, there: Platform, number: int, path: str, body: dict[str, Any], **says: Any) -> None:
    """Answer a ticket; the platform must be sent this, and says that."""
    front.answer(number)
    there.script.append({"expect": {"method": "POST", "path": path, "json": body}, "answer": {"json": says}})
    front.deliver()
    assert front.last(number)["state"] == "sent"


def slack(**event: Any) -> bytes:
    """Return an event in a channel that a customer's company and ours share."""
    said = {"type": "message", "channel": "C0SHARED", "user": "U0CARLA", "user_team": CUSTOMERS, **event}
    bot = {"team_id": DESK, "user_id": "U0BOT", "is_bot": True}
    outer = {
        "type": "event_callback",
        "event_id": "Ev1",
        "api_app_id": "A0DESK",
        "authorizations": [bot],
        "event": said,
    }
    return json.dumps({**outer, "context_team_id": DESK, "is_ext_shared_channel": True}).encode()


def key(front: Answering) -> str:
    """Return the key of the answer that is owed."""
    with front.store.read() as connection:
        row = connection.execute(select(outbox).where(outbox.c.recipient == "customer")).one()
    return key_of(row.event_id, row.recipient, row.notifier, row.created_at)


def test_a_thread_in_a_shared_channel_is_one_ticket_with_all_that_is_said_in_it(
    front: Answering, there: Platform
) -> None:
    number = front.payload("shared", slack(ts=ROOT, text="The import failed.")).ticket
    other = front.payload("shared", slack(ts="1795348801.000100", text="And another thing")).ticket
    assert number is not None
    assert other not in (None, number)
    front.answer(number)
    metadata = {"event_type": "frontdesk_answer", "event_payload": {"delivery": key(front), "piece": 0}}
    plainly = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "metadata": metadata}
    body = {"channel": "C0SHARED", "thread_ts": ROOT, "text": "It is on its way.", **plainly}
    expect = {"method": "POST", "path": "/chat.postMessage", "json": body}
    there.script.append({"expect": expect, "answer": {"json": {"ok": True, "ts": "1795348802.1"}}})
    front.deliver()
    assert front.last(number)["state"] == "sent"
    own = slack(ts="1795348802.1", thread_ts=ROOT, user="U0BOT", bot_id="B1", app_id="A0DESK", text="It is on its way.")
    assert front.payload("shared", own).ticket is None
    colleague = slack(ts="1795348803.1", thread_ts=ROOT, user="U0SONA", user_team=DESK, text="I look into it.")
    assert front.payload("shared", colleague).ticket == number
    assert front.last(number)["kind"] == "echo"
    assert front.payload("shared", slack(ts="1795348805.1", thread_ts=ROOT, text="Thanks")).ticket == number


def test_what_a_customer_changes_in_slack_is_about_the_message_that_stands_there(front: Answering) -> None:
    number = front.payload("shared", slack(ts=ROOT, text="The import failed.")).ticket
    assert number is not None
    before = {"user": "U0CARLA", "ts": ROOT, "text": "The import failed."}
    now = {**before, "text": "Row 7 failed.", "edited": {"user": "U0CARLA", "ts": "1795348804.0"}}
    changed = {"message": now, "previous_message": before}
    edit = slack(subtype="message_changed", event_ts="1795348804.1", **changed)
    assert front.payload("shared", edit).ticket == number
    assert (front.last(number)["kind"], front.last(number)["text"]) == ("edit", "Row 7 failed.")
    item = {"type": "message", "channel": "C0SHARED", "ts": ROOT}
    liked = slack(type="reaction_added", reaction="tada", item=item, event_ts="1795348806.1")
    assert front.payload("shared", liked).ticket == number
    gone = slack(subtype="message_deleted", deleted_ts=ROOT, event_ts="1795348807.1", previous_message=before)
    assert front.payload("shared", gone).ticket == number
    assert [line["event"] for line in front.ticket(number)["history"]][-2:] == ["message.reacted", "message.deleted"]


def activity(kind: str, payload: dict[str, Any]) -> bytes:
    """Return an event of the X Activity API."""
    event = {"event_uuid": "1", "event_type": kind, "filter": {"user_id": US}, "payload": payload}
    return json.dumps({"data": event}).encode()


def dm(number: str, text: str, *, ours: bool = False) -> bytes:
    """Return a direct message between Ann and the account."""
    sender, to = (US, ANN) if ours else (ANN, US)
    created = {"target": {"recipient_id": to}, "sender_id": sender, "message_data": {"text": text}}
    event = {"type": "message_create", "id": number, "created_timestamp": "1795348800000", "message_create": created}
    return activity("dm.sent" if ours else "dm.received", {"direct_message_events": [event]})


def post(number: str, text: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "author_id": ANN, "text": text, "created_at": "2026-11-22T12:00:00.000Z", **more}


def test_a_direct_message_is_answered_by_one_whose_echo_is_known_and_which_is_read(
    front: Answering, there: Platform
) -> None:
    number = front.payload("x", dm("1795400000000000001", "Where is my parcel?")).ticket
    assert number is not None
    path = f"/2/dm_conversations/with/{ANN}/messages"
    answered(front, there, number, path, {"text": "It is on its way."}, data={"dm_event_id": "1795400000000000002"})
    assert front.payload("x", dm("1795400000000000002", "It is on its way.", ours=True)).ticket is None
    when = f"{int(front.now + 3)}000"
    mark = {"created_timestamp": when, "sender_id": ANN, "last_read_event_id": "1795400000000000002"}
    front.payload("x", activity("dm.read", {"direct_message_mark_read_events": [mark]}))
    assert front.last(number)["state"] == "read"


def test_a_post_is_answered_in_public_apart_from_the_same_customers_messages(front: Answering, there: Platform) -> None:
    private = front.payload("x", dm("1795400000000000001", "My number is 5512")).ticket
    first = post("1795400000000000101", "@AcmeHelp where is my parcel?")
    number = front.payload("x", activity("post.mention.create", first)).ticket
    assert number is not None
    assert private not in (None, number)
    reply = {"in_reply_to_tweet_id": "1795400000000000101"}
    body = {"text": "It is on its way.", "reply": reply}
    answered(front, there, number, "/2/tweets", body, data={"id": "1795400000000000102"})
    versions = ["1795400000000000101", "1795400000000000103"]
    edited = post("1795400000000000103", "@AcmeHelp where is it?", edit_history_tweet_ids=versions)
    assert front.payload("x", activity("post.mention.create", edited)).ticket == number
    assert front.last(number)["kind"] == "edit"
    gone = activity("post.delete", {"id": "1795400000000000101", "author_id": ANN})
    assert front.payload("x", gone).ticket == number
