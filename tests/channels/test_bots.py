"""Bots besides their payloads and answers: files and names, secrets that are being changed, deliveries over HTTP."""

import base64
import hmac
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from commands.ways import open_outbox
from config.desk import ChannelConfig
from ingest.channel import Refused, Request, find
from ingest.inbox import Inbox
from ingest.outbound import File, Outbound
from notify.answers import Answers
from tests.channels import conformance, sending
from tests.desks import HEAD, desk
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.reply import Reply
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Permanent, Temporary
from web.app import Parts, build
from web.metrics import Metrics, ready

TOKEN = "7000:AAtoken"


def config(word: str, base: str, **settings: Any) -> ChannelConfig:
    return find(word).Config.model_validate({"name": "bot", "type": word, "base_url": base, **settings})


def step(method: str, path: str, answer: Any, **expect: Any) -> dict[str, Any]:
    return {"expect": {"method": method, "path": path, **expect}, "answer": answer}


def asked(word: str, verb: str, script: list[dict[str, Any]], *about: str, **settings: Any) -> Any:
    """Return what a channel's `fetch` or `name` returns while its platform plays the script; `<BASE>` is its address."""
    with sending.platform(script) as local, sending.environment({"BOT_TOKEN": TOKEN}):
        made = config(word, local.base, **{key: value.replace("<BASE>", local.base) for key, value in settings.items()})
        said = [one.replace("<BASE>", local.base) for one in about]
        try:
            return getattr(find(word), verb)(made, *said, Outbound(own=(local.base,)))
        finally:
            assert local.wrong == []
            assert local.taken == len(script)


TELEGRAM: dict[str, Any] = {"secret": "env:SECRET", "token": "env:BOT_TOKEN"}
GET_FILE = ("POST", f"/bot{TOKEN}/getFile")


def test_telegrams_file_is_asked_for_by_its_id_and_fetched_from_where_it_lies(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)  # what `commands.logs` lets through
    where = {"status": 200, "json": {"ok": True, "result": {"file_id": "L", "file_path": "photos/file 0.jpg"}}}
    bytes_ = {"status": 200, "headers": {"Content-Type": "application/octet-stream"}, "text": "picture"}
    script = [
        step(*GET_FILE, where, json={"file_id": "L"}),
        step("GET", f"/file/bot{TOKEN}/photos/file%200.jpg", bytes_),
    ]
    found = asked("telegram", "fetch", script, "", "telegram:L", **TELEGRAM)
    assert found == File(b"picture", "application/octet-stream", "file 0.jpg")
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Bad Request: file is too big", "too_long"),
        ("Bad Request: wrong file_id or the file is temporarily unavailable", "not_found"),
        ("Bad Request: invalid file_id", "not_found"),
    ],
)
def test_a_file_that_telegram_does_not_give_out_is_told_for_what_it_is(words: str, kind: str) -> None:
    refusal = {"status": 400, "json": {"ok": False, "error_code": 400, "description": words}}
    with pytest.raises(Permanent) as failed:
        asked("telegram", "fetch", [step(*GET_FILE, refusal, json={"file_id": "L"})], "", "telegram:L", **TELEGRAM)
    assert failed.value.kind == kind


def test_no_trouble_with_telegrams_files_tells_the_token() -> None:
    where = {"status": 200, "json": {"ok": True, "result": {"file_path": "a"}}}
    for answer, error in (({"status": 404}, Permanent), ({"status": 500}, Temporary), ("hang up", Temporary)):
        script = [step(*GET_FILE, where, json={"file_id": "L"}), step("GET", f"/file/bot{TOKEN}/a", answer)]
        with pytest.raises(error) as failed:
            asked("telegram", "fetch", script, "", "telegram:L", **TELEGRAM)
        assert TOKEN not in str(failed.value)


def test_telegrams_old_and_new_secret_are_both_right_while_it_is_changed() -> None:
    both = config("telegram", "https://x.example", secret=["env:OLD", "env:NEW"])
    with sending.environment({"OLD": "old", "NEW": "new"}):
        for given in ("old", "new"):
            find("telegram").verify(both, Request(b"{}", {"x-telegram-bot-api-secret-token": given}))  # type: ignore[attr-defined]
        with pytest.raises(Refused):
            find("telegram").verify(both, Request(b"{}", {"x-telegram-bot-api-secret-token": "other"}))  # type: ignore[attr-defined]


LINE: dict[str, Any] = {"secrets": "env:SECRET", "token": "env:BOT_TOKEN", "content_url": "<BASE>"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CONTENT = ("GET", "/v2/bot/message/32%2F5/content")


def test_lines_file_is_fetched_by_the_id_of_its_message_with_the_token() -> None:
    bytes_ = {"status": 200, "headers": {"Content-Type": "video/mp4"}, "text": "film"}
    found = asked("line", "fetch", [step(*CONTENT, bytes_, headers=BEARER)], "U0f5c", "line:32/5", **LINE)
    assert found == File(b"film", "video/mp4", "")


def test_a_file_that_line_still_prepares_is_asked_for_again_later() -> None:
    with pytest.raises(Temporary) as failed:
        asked("line", "fetch", [step(*CONTENT, {"status": 202}, headers=BEARER)], "U0f5c", "line:32/5", **LINE)
    assert failed.value.kind == "transient"


def test_lines_token_does_not_go_to_addresses_outside_of_line() -> None:
    script = [step("GET", "/box.jpg", {"status": 200, "text": "box"}, headers={"Authorization": None})]
    assert asked("line", "fetch", script, "U0f5c", "<BASE>/box.jpg", **LINE).data == b"box"


@pytest.mark.parametrize(
    ("sender", "path", "answer", "called"),
    [
        ("U4af", "/v2/bot/profile/U4af", {"json": {"displayName": "Ann", "userId": "U4af"}}, "Ann"),
        ("Ca56", "/v2/bot/group/Ca56/summary", {"json": {"groupName": "Neighbours"}}, "Neighbours"),
        ("U4af", "/v2/bot/profile/U4af", {"status": 404, "json": {"message": "Not found"}}, ""),
        ("Ra8d", None, None, ""),
        ("", None, None, ""),
    ],
)
def test_line_is_asked_what_somebody_is_called(sender: str, path: str | None, answer: Any, called: str) -> None:
    script = [step("GET", path, answer, headers=BEARER)] if path else []
    assert asked("line", "name", script, "U0f5c", sender, **LINE) == called


def test_a_name_that_line_does_not_tell_now_is_asked_for_again_later() -> None:
    script = [step("GET", "/v2/bot/profile/U4af", {"status": 429, "headers": {"Retry-After": "9"}})]
    with pytest.raises(Temporary) as failed:
        asked("line", "name", script, "U0f5c", "U4af", **LINE)
    assert failed.value.retry_after == 9


# --- over HTTP ------------------------------------------------------------------------------------------------------

SIGNED: dict[str, Callable[[bytes, bytes], dict[str, str]]] = {
    "viber": lambda key, raw: {"x-viber-content-signature": hmac.digest(key, raw, "sha256").hex()},
    "line": lambda key, raw: {"x-line-signature": base64.b64encode(hmac.digest(key, raw, "sha256")).decode()},
}
CHANNELS = """
  - {name: viber, type: viber, tokens: ["env:NEW", "env:OLD"]}
  - {name: line, type: line, secrets: ["env:NEW", "env:OLD"], token: "env:NOT_ASKED"}
"""
each_bot = pytest.mark.parametrize("word", SIGNED)


@pytest.fixture
def client(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("OLD", "old")
    monkeypatch.setenv("NEW", "new")
    at, keeper = desk(HEAD.replace("\ntags:", f"{CHANNELS}\ntags:")), Inbox(store)
    keeper.start()
    parts = Parts(lambda: at, keeper.accepted, lambda: ready(store), Metrics(store, lambda: 100.0).text)
    with TestClient(build(parts)) as made:
        yield made
    keeper.stop()


def rows(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.scalars(select(inbox.c.external_id).order_by(inbox.c.id)))


def posted(client: TestClient, word: str, fixture: str, key: bytes = b"new") -> int:
    raw = Path(conformance.FOLDER / word / f"{fixture}.json").read_bytes()
    return client.post(f"/in/{word}", content=raw, headers=SIGNED[word](key, raw)).status_code


@pytest.mark.parametrize(("word", "fixture"), [("viber", "webhook_is_set"), ("line", "verify_of_the_console")])
def test_a_platform_that_tries_the_webhook_hears_200_and_nothing_is_kept(
    client: TestClient, store: Store, word: str, fixture: str
) -> None:
    assert posted(client, word, fixture) == 200
    assert rows(store) == []


@each_bot
def test_the_old_and_the_new_secret_are_both_right_and_a_repetition_is_one_message(
    client: TestClient, store: Store, word: str
) -> None:
    assert [posted(client, word, "text", key) for key in (b"old", b"new", b"other")] == [200, 200, 401]
    assert len(rows(store)) == 1


def test_every_event_of_a_batch_is_a_row_of_its_own(client: TestClient, store: Store) -> None:
    assert posted(client, "line", "batch_of_mixed_events") == 200
    assert len(set(rows(store))) == 8


def test_what_a_platform_repeats_of_our_token_is_told_to_nobody(store: Store, tmp_path: Path) -> None:
    refusal = {"status": 400, "json": {"ok": False, "description": f"no such path: /bot{TOKEN}/sendMessage"}}
    script = [step("POST", f"/bot{TOKEN}/sendMessage", refusal, json={"chat_id": 7, "text": "Hi"})]
    reply = Reply("1.channel.aa", "", "7", "7", "Hi", 0.0)
    with sending.platform(script) as local, sending.environment({"BOT_TOKEN": TOKEN}):
        bot = f'\n  - {{name: chatty, type: telegram, secret: "env:SECRET", token: "env:BOT_TOKEN", base_url: "{local.base}"}}'
        at = desk(HEAD.replace("\ntags:", f"{bot}\ntags:"))
        outbox = open_outbox(store, at, Blobs(FolderShelf(tmp_path)), tmp_path)
        answers = outbox.notifiers["channel"]
        assert isinstance(answers, Answers)
        with pytest.raises(Permanent, match=r"/botenv:BOT_TOKEN/sendMessage") as failed:
            list(answers.through(at.channels_by_name["chatty"], reply))
        assert failed.value.kind == "invalid"
        assert TOKEN not in str(failed.value)
    assert local.wrong == []
