"""Socket Mode: the same acts over a WebSocket of ours, acknowledged when they are done, and again when they were not."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.slack.clicking import LUCA, SONA, Clicking, members, slack_desk
from tests.slack.fake import FakeSlack
from tickets.store import Store
from tickets.trouble import Temporary
from web.slack_socket import SocketMode


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    with FakeSlack() as slack:
        monkeypatch.setenv("SLACK_BOT_TOKEN", slack.token)
        monkeypatch.setenv("SLACK_SIGNING_SECRET", slack.signing_secret)
        monkeypatch.setenv("SLACK_APP_TOKEN", slack.app_token)
        members(slack)
        yield slack


@pytest.fixture
def front(store: Store, fake: FakeSlack, tmp_path: Path) -> Clicking:
    return Clicking(store, fake, tmp_path / "out", slack_desk(fake, ", app_token: env:SLACK_APP_TOKEN"))


@contextmanager
def listening(front: Clicking) -> Iterator[None]:
    """Let Socket Mode run in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(SocketMode(front.slack, lambda: 0.0).run(), loop)
    try:
        yield
    finally:
        running.cancel()
        asyncio.run_coroutine_threadsafe(_settled(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _settled() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


def test_a_click_is_acknowledged_when_it_is_done(front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    with listening(front):
        sent = front.fake.sockets.send("interactive", front.fake.people.clicks(LUCA, front.billing, ts, "take"))
        assert front.fake.sockets.answer(sent) is None
        assert front.ticket(number)["agent"] == "luca"


def test_a_modal_is_answered_in_the_acknowledgement(front: Clicking) -> None:
    number, ts = front.ticket_with_card()
    with listening(front):
        sent = front.fake.sockets.send("interactive", front.fake.people.clicks(LUCA, front.billing, ts, "reply"))
        front.fake.sockets.answer(sent)
        _until(lambda: front.fake.workspace.views)
        view = front.modal()["id"]
        for text, said in (("  ", "errors"), ("It is on its way.", "clear")):
            values: dict[str, dict[str, dict[str, Any]]] = {
                "to": {"value": {"selected_option": {"value": "answer"}}},
                "text": {"value": {"value": text}},
            }
            sent = front.fake.sockets.send("interactive", front.fake.people.submits(LUCA, view, values))
            answer = front.fake.sockets.answer(sent)
            assert answer is not None
            assert answer["response_action"] == said
    assert front.last(number)["text"] == "It is on its way."


def test_what_is_not_kept_is_not_acknowledged_and_kept_when_it_comes_again(
    front: Clicking, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, ts = front.ticket_with_card()
    event, tried = front.fake.people.writes(LUCA, front.billing, "He called.", ts), threading.Event()

    def away() -> None:
        tried.set()
        raise Temporary("the database is away")

    with listening(front):
        with monkeypatch.context() as patch:
            patch.setattr(front.store, "write", away)
            lost = front.fake.sockets.send("events_api", event)
            assert tried.wait(10)
        sent = front.fake.sockets.send("events_api", event, again="timeout")
        front.fake.sockets.answer(sent)
        assert front.last(number)["text"] == "He called."
        again = front.fake.sockets.send("events_api", event, again="timeout")
        front.fake.sockets.answer(again)
    assert lost not in front.fake.sockets.acknowledged
    assert [one["text"] for one in front.ticket(number)["entries"]].count("He called.") == 1


def test_a_connection_that_slack_ends_is_followed_by_another(front: Clicking) -> None:
    _, ts = front.ticket_with_card()
    with listening(front):
        for turn, action in enumerate(("take", "resolve", "reopen")):
            sent = front.fake.sockets.send("interactive", front.fake.people.clicks(SONA, front.billing, ts, action))
            front.fake.sockets.answer(sent)
            front.fake.sockets.refresh()
            assert len(front.fake.called("apps.connections.open")) in (turn + 1, turn + 2)
        sent = front.fake.sockets.send("slash_commands", {"command": "/unknown"})
        front.fake.sockets.answer(sent)


def test_a_slack_that_does_not_let_us_in_is_asked_again(front: Clicking) -> None:
    _, ts = front.ticket_with_card()
    front.fake.say("invalid_auth", method="apps.connections.open")
    front.fake.fail(503, method="apps.connections.open")
    with listening(front):
        sent = front.fake.sockets.send("interactive", front.fake.people.clicks(SONA, front.billing, ts, "take"))
        front.fake.sockets.answer(sent)
    assert len(front.fake.called("apps.connections.open")) == 3


def test_without_a_token_nobody_is_asked_and_with_one_it_begins(
    front: Clicking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.slack_socket.LOOK_SECONDS", 0.01)
    whole = front.at
    front.at = slack_desk(front.fake)
    number, ts = front.ticket_with_card()
    with listening(front):
        assert front.fake.called("apps.connections.open") == []
        front.at = whole
        sent = front.fake.sockets.send("interactive", front.fake.people.clicks(SONA, front.billing, ts, "take"))
        front.fake.sockets.answer(sent)
    assert front.ticket(number)["agent"] == "sona"


def _until(holds: Callable[[], object]) -> None:
    waiting = threading.Event()
    for _ in range(1000):
        if holds():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not happen")
