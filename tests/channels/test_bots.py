"""What bots ask their platforms besides sending: files and names; and secrets that are being changed."""

import logging
from typing import Any

import pytest

from config.desk import ChannelConfig
from ingest.channel import Refused, Request, find
from ingest.outbound import File, Outbound
from tests.channels import sending
from tickets.trouble import Permanent, Temporary

TOKEN = "7000:AAtoken"


def config(word: str, base: str, **settings: Any) -> ChannelConfig:
    return find(word).Config.model_validate({"name": "bot", "type": word, "base_url": base, **settings})


def step(method: str, path: str, answer: Any, **expect: Any) -> dict[str, Any]:
    return {"expect": {"method": method, "path": path, **expect}, "answer": answer}


def asked(word: str, verb: str, script: list[dict[str, Any]], *about: str, **settings: Any) -> Any:
    """Return what a channel's `fetch` or `name` returns while its platform plays the script."""
    with sending.platform(script) as local, sending.environment({"BOT_TOKEN": TOKEN}):
        try:
            return getattr(find(word), verb)(config(word, local.base, **settings), *about, Outbound(own=(local.base,)))
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
