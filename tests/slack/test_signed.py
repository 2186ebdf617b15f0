"""What is not signed by Slack is not heard: 401 for whatever it is, never 500."""

import hashlib
import hmac
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from ingest.channel import Refused, Request
from ingest.slack_signature import signed_by_slack
from tests.slack.clicking import LUCA, Clicking, members, slack_desk
from tests.slack.fake import FakeSlack
from tickets.store import Store
from tickets.trouble import Temporary

Headers = dict[str, str]
Forge = Callable[[bytes, Headers], tuple[bytes, Mapping[str, str | bytes]]]


@pytest.fixture
def store(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Store]:
    """Give one engine alone: no signature depends on it."""
    shutil.copyfile(migrated_sqlite, tmp_path / "desk.sqlite3")
    made = Store(f"sqlite:///{tmp_path / 'desk.sqlite3'}")
    yield made
    made.close()


@pytest.fixture
def front(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clicking]:
    with FakeSlack() as slack:
        monkeypatch.setenv("SLACK_BOT_TOKEN", slack.token)
        monkeypatch.setenv("SLACK_SIGNING_SECRET", slack.signing_secret)
        members(slack)
        yield Clicking(store, slack, tmp_path / "out", slack_desk(slack))


@pytest.fixture
def client(front: Clicking) -> Iterator[TestClient]:
    with front.serving() as made:
        yield made


def resigned(secret: str, body: bytes, when: str, version: str = "v0") -> Headers:
    digest = hmac.new(secret.encode(), f"{version}:{when}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": when, "X-Slack-Signature": f"{version}={digest}"}


def moved(seconds: int) -> Forge:
    """Sign rightly, at another time."""

    def forge(body: bytes, headers: Headers) -> tuple[bytes, Mapping[str, str | bytes]]:
        when = str(int(headers["X-Slack-Request-Timestamp"]) + seconds)
        return body, headers | resigned(FakeSlack.signing_secret, body, when)

    return forge


def said(when: str) -> Forge:
    """Sign rightly with a time that is none."""
    return lambda body, headers: (body, headers | resigned(FakeSlack.signing_secret, body, when))


def other(**changed: str | bytes) -> Forge:
    """Change headers."""
    return lambda body, headers: (body, headers | {name.replace("_", "-"): one for name, one in changed.items()})


def sign(change: Callable[[str], str]) -> Forge:
    """Change the signature."""
    return lambda body, headers: (body, headers | {"X-Slack-Signature": change(headers["X-Slack-Signature"])})


def without(name: str) -> Forge:
    """Leave a header out."""
    return lambda body, headers: (body, {key: one for key, one in headers.items() if key != name})


FORGED: dict[str, Forge] = {
    "no signature": without("X-Slack-Signature"),
    "no time": without("X-Slack-Request-Timestamp"),
    "an empty signature": sign(lambda _: ""),
    "an empty time": other(X_Slack_Request_Timestamp=""),
    "another body": lambda body, headers: (body + b" ", headers),
    "no body": lambda _, headers: (b"", headers),
    "half a body": lambda body, headers: (body[: len(body) // 2], headers),
    "bytes that are no text": lambda _, headers: (b"payload=\xff\xfe\x00", headers),
    "another secret": lambda body, headers: (
        body,
        headers | resigned("another", body, headers["X-Slack-Request-Timestamp"]),
    ),
    "an empty secret": lambda body, headers: (body, headers | resigned("", body, headers["X-Slack-Request-Timestamp"])),
    "another version": lambda body, headers: (
        body,
        headers | resigned(FakeSlack.signing_secret, body, headers["X-Slack-Request-Timestamp"], "v1"),
    ),
    "no version": sign(lambda one: one.removeprefix("v0=")),
    "one digit less": sign(lambda one: one[:-1]),
    "one digit more": sign(lambda one: one + "0"),
    "another digit": sign(lambda one: one[:-1] + ("0" if one[-1] != "0" else "1")),
    "capitals": sign(str.upper),
    "spaces inside": sign(lambda one: one.replace("v0=", "v0= ")),
    "two signatures": sign(lambda one: f"{one},{one}"),
    "letters with accents": other(X_Slack_Signature="v0=é".encode()),
    "letters of another alphabet": other(X_Slack_Signature="v0=\u0430".encode()),
    "another time": lambda body, headers: (
        body,
        headers | {"X-Slack-Request-Timestamp": str(int(headers["X-Slack-Request-Timestamp"]) + 1)},
    ),
    "six minutes old": moved(-360),
    "six minutes ahead": moved(360),
    "a time that is no number": said("abc"),
    "a time with a point": said("1795348800.5"),
    "a negative time": said("-1"),
    "no time at all, signed": said(""),
    "a time of many digits": said("9" * 5000),
    "a time in other digits": other(X_Slack_Request_Timestamp="\u0661\u0662".encode()),
    "a time with an exponent": said("1e9"),
    "a time with an underscore": said("1_795_348_800"),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_what_is_forged_is_401_and_does_nothing(client: TestClient, front: Clicking, forge: Forge) -> None:
    number, ts = front.ticket_with_card()
    click = front.fake.people.clicks(LUCA, front.billing, ts, "take")
    event = front.fake.people.writes(LUCA, front.billing, "reply: forged", ts)
    for path, payload in (("/slack/interactions", click), ("/slack/events", event)):
        body, forged = forge(*front.fake.signed(payload))
        answer = client.post(path, content=body, headers=list(forged.items()))  # type: ignore[arg-type]
        assert answer.status_code == 401, answer.text
    assert front.ticket(number)["agent"] is None
    assert len(front.ticket(number)["entries"]) == 1


@given(st.binary(max_size=200), st.text(max_size=40), st.text(max_size=90))
def test_no_bytes_and_no_headers_raise_anything_but_a_refusal(body: bytes, when: str, signature: str) -> None:
    request = Request(body, {"x-slack-request-timestamp": when, "x-slack-signature": signature}, at=1_795_348_800.0)
    with pytest.raises(Refused) as refused:
        signed_by_slack([b"a secret"], request)
    assert refused.value.status == 401


def test_the_challenge_is_answered_when_it_is_signed(client: TestClient, front: Clicking) -> None:
    said = {"type": "url_verification", "challenge": "3eZbrw1a", "token": "old"}
    assert front.post(client, said).json() == {"challenge": "3eZbrw1a"}
    assert client.post("/slack/events", json=said).status_code == 401


def test_without_a_signing_secret_the_paths_are_not_there(
    client: TestClient, front: Clicking, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ts = front.ticket_with_card()
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    answer = front.click(client, LUCA, ts, "take")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    front.at = slack_desk(front.fake).model_copy(update={"notifiers": {}})
    assert front.click(client, LUCA, ts, "take").status_code == 404
    assert client.get("/slack/events").status_code == 405


def test_what_is_signed_and_cannot_be_read_is_refused_and_no_error_of_ours(client: TestClient, front: Clicking) -> None:
    for path, body in (
        ("interactions", b"payload=%7B"),
        ("interactions", b"\xff"),
        ("events", b"[1]"),
        ("events", b""),
    ):
        headers = resigned(front.fake.signing_secret, body, str(int(front.fake.clock())))
        assert client.post(f"/slack/{path}", content=body, headers=headers).status_code == 400


def test_a_body_beyond_a_mebibyte_is_not_read(client: TestClient) -> None:
    assert client.post("/slack/events", content=b"x" * 1_048_577).status_code == 413


def test_odd_payloads_are_heard_and_nothing_more(client: TestClient, front: Clicking) -> None:
    odd: list[Any] = [None, 1, "x", [], {}, [[]], {"id": 1}]
    for key in ("user", "team", "channel", "container", "actions", "view", "message", "event"):
        for one in odd:
            for kind in ("block_actions", "view_submission", "message_action", "event_callback"):
                assert front.post(client, {"type": kind, key: one}).status_code == 200, (kind, key, one)
    assert front.rung == []


def test_an_event_that_cannot_be_kept_comes_again(
    client: TestClient, front: Clicking, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, ts = front.ticket_with_card()
    event = front.fake.people.writes(LUCA, front.billing, "He called.", ts)

    def away() -> None:
        raise Temporary("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(front.store, "write", away)
        answer = front.post(client, event)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert front.words() == []
        assert front.post(client, event, again=3).status_code == 200
        assert front.words() == ["The desk was in trouble and has not taken this. Please write it again in a minute"]
    assert front.post(client, json.loads(json.dumps(event)), again=1).status_code == 200
    assert front.last(number)["text"] == "He called."
