"""HTTP: deliveries are kept before they are answered, trouble here is 503, and a refusal says what to do."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from ingest.arrival import Arrival, Kept
from ingest.inbox import Inbox
from tests.desks import desk
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Temporary
from web.app import Parts, build
from web.metrics import Metrics, ready

SECRET = "s3cret"
TOKEN = {"x-telegram-bot-api-secret-token": SECRET}
HELLO = {"visitor": "v1", "client_msg_id": "1", "text": "Hello"}


@pytest.fixture
def client(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Give a client of an application over a real inbox."""
    monkeypatch.setenv("TELEGRAM_SECRET", SECRET)
    at = desk()
    keeper = Inbox(store)
    keeper.start()

    metrics = Metrics(store, lambda: 100.0)
    with TestClient(build(Parts(lambda: at, keeper.accepted, lambda: ready(store), metrics.text))) as made:
        yield made
    keeper.stop()


def rows(store: Store) -> list[tuple[str, str, str | None]]:
    with store.read() as connection:
        return [(row.channel, row.state, row.cause) for row in connection.execute(select(inbox).order_by(inbox.c.id))]


def update(number: int, text: str = "Hi") -> dict[str, Any]:
    chat = {"id": 5, "type": "private"}
    return {
        "update_id": number,
        "message": {"message_id": 1, "from": {"id": 5, "first_name": "Tom"}, "chat": chat, "date": 1, "text": text},
    }


def test_a_chat_message_is_kept_and_a_second_delivery_gets_the_first_answer(client: TestClient, store: Store) -> None:
    first = client.post("/chat/site/messages", json=HELLO)
    second = client.post("/chat/site/messages", json=HELLO)
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (202, {"id": 1})
    assert rows(store) == [("site", "received", None)]


def test_a_browser_of_an_allowed_origin_may_read_the_answer_and_another_is_refused(client: TestClient) -> None:
    mine, other = {"origin": "https://acme.example"}, {"origin": "https://acme.example.evil.example"}
    assert client.options("/chat/site/messages", headers=mine).headers["access-control-allow-origin"] == mine["origin"]
    assert client.post("/chat/site/messages", json=HELLO, headers=mine).status_code == 202
    refused = client.post("/chat/site/messages", json={**HELLO, "client_msg_id": "2"}, headers=other)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


def test_a_telegram_update_needs_the_secret(client: TestClient, store: Store) -> None:
    assert client.post("/in/bot", json=update(1)).status_code == 401
    assert (
        client.post("/in/bot", json=update(1), headers={"x-telegram-bot-api-secret-token": "wrong"}).status_code == 401
    )
    assert client.post("/in/bot", json=update(1), headers=TOKEN).status_code == 200
    assert client.post("/in/bot", json=update(1), headers=TOKEN).status_code == 200
    assert rows(store) == [("bot", "received", None)]


def test_a_secret_that_is_not_set_is_our_trouble_not_telegrams(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TELEGRAM_SECRET")
    answer = client.post("/in/bot", json=update(1), headers=TOKEN)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_body_that_is_no_json_but_rightly_signed_is_kept_in_quarantine(client: TestClient, store: Store) -> None:
    assert client.post("/in/bot", content=b"\xff{not json", headers=TOKEN).status_code == 200
    [(channel, state, cause)] = rows(store)
    assert (channel, state) == ("bot", "quarantined")
    assert cause


@pytest.mark.parametrize("path", ["/in/nobody", "/in/site", "/in/mail", "/chat/bot/messages", "/chat/nobody/messages"])
def test_a_channel_that_is_not_there_is_404_in_words(client: TestClient, path: str) -> None:
    answer = client.post(path, json={})
    assert answer.status_code == 404
    assert "channel" in answer.json()["error"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: TestClient, store: Store) -> None:
    answer = client.post("/chat/site/messages", content=b"x" * 200_000, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    chunks = (b"x" * 50_000 for _ in range(4))
    answer = client.post("/chat/site/messages", content=chunks, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert rows(store) == []


@pytest.mark.parametrize("trouble", [Temporary("disk full"), RuntimeError("a defect of ours"), TimeoutError()])
def test_whatever_goes_wrong_here_the_sender_is_told_to_come_back(trouble: Exception) -> None:
    at = desk()

    async def accept(_arrivals: Sequence[Arrival]) -> list[Kept]:
        raise trouble

    def not_ready() -> None:
        raise Temporary("no database")

    with TestClient(build(Parts(lambda: at, accept, not_ready, bytes))) as broken:
        answer = broken.post("/chat/site/messages", json=HELLO)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "defect" not in answer.text
        assert broken.get("/readyz").status_code == 503
        assert broken.get("/healthz").status_code == 200


def test_health_and_metrics_answer(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.post("/chat/site/messages", json=HELLO)
    text = client.get("/metrics").text
    assert "frontdesk_inbox_depth 1.0" in text
    assert "frontdesk_quarantine_size 0.0" in text
    ages = [line for line in text.splitlines() if line.startswith("frontdesk_inbox_oldest_seconds ")]
    assert json.loads(ages[0].split()[1]) >= 0
