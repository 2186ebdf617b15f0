"""What the payloads and the sending cases of Messenger and Instagram cannot show: names, settings, sizes."""

from typing import Any

import pytest

from config.desk import Desk
from ingest.channel import answering, find
from ingest.channels import facebook, instagram
from ingest.outbound import Outbound
from tests.channels.sending import platform
from tests.desks import HEAD, desk
from tickets.reply import Reply, Upload
from tickets.trouble import Permanent, Temporary

PAGE, ACCOUNT = "104477001", "17841405822304914"
CHANNELS = f"""
  - name: pages
    type: facebook
    app_secrets: ["env:APP_SECRET"]
    verify_tokens: ["env:VERIFY"]
    pages: {{{PAGE}: "env:PAGE_TOKEN"}}
  - name: insta
    type: instagram
    app_secrets: ["env:APP_SECRET", "env:INSTAGRAM_SECRET"]
    verify_tokens: ["env:VERIFY"]
    accounts: {{{ACCOUNT}: "env:PAGE_TOKEN"}}
    human_agent: true
tags:"""


@pytest.fixture
def said() -> Desk:
    """Return a desk with both channels."""
    return desk(HEAD.replace("\ntags:", CHANNELS))


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the token."""
    monkeypatch.setenv("PAGE_TOKEN", "EAAtoken")


def test_ids_in_the_desk_file_need_no_quotes(said: Desk) -> None:
    pages, insta = said.channels_by_name["pages"], said.channels_by_name["insta"]
    assert isinstance(pages, facebook.Config)
    assert isinstance(insta, instagram.Config)
    assert list(pages.tokens) == [PAGE]
    assert list(insta.tokens) == [ACCOUNT]


def test_a_customer_may_be_answered_for_a_day_or_by_a_human_agent_for_seven(said: Desk) -> None:
    for name, days in (("pages", 1), ("insta", 7)):
        config = said.channels_by_name[name]
        assert find(config.type).answer_until(config, {}, 1000.0) == 1000.0 + days * 86_400  # type: ignore[attr-defined]
        assert find(config.type).answer_until(config, {"comment_id": "c"}, 1000.0) == 1000.0 + 7 * 86_400  # type: ignore[attr-defined]


def test_instagram_is_asked_where_its_tokens_were_made(said: Desk) -> None:
    insta = said.channels_by_name["insta"]
    assert isinstance(insta, instagram.Config)
    assert insta.graph == "https://graph.facebook.com/v25.0"
    assert insta.model_copy(update={"login": "instagram"}).graph == "https://graph.instagram.com/v25.0"
    assert (
        insta.model_copy(update={"base_url": "https://proxy.acme.example/"}).graph == "https://proxy.acme.example/v25.0"
    )


def asked(said: Desk, channel: str, sender: str, answer: dict[str, Any]) -> str:
    """Return the name a platform gives that answers so; the request must be the documented one."""
    config = said.channels_by_name[channel]
    account, fields = (PAGE, "name,first_name") if channel == "pages" else (ACCOUNT, "name,username")
    path = f"/v25.0/{sender.replace('/', '%2F')}?fields={fields}"
    expect = {"method": "GET", "path": path, "headers": {"authorization": "Bearer EAAtoken"}}
    with platform([{"expect": expect, "answer": answer}]) as local:
        config = config.model_copy(update={"base_url": local.base})
        try:
            return str(find(config.type).name(config, account, sender, Outbound(own=(local.base,))))  # type: ignore[attr-defined]
        finally:
            assert local.wrong == []


@pytest.mark.parametrize(
    ("channel", "profile", "name"),
    [
        ("pages", {"name": "Ann Berg", "first_name": "Ann", "id": "7"}, "Ann Berg"),
        ("pages", {"first_name": "Ann", "id": "7"}, "Ann"),
        ("insta", {"name": "Ann Berg", "username": "ann.berg", "id": "9"}, "Ann Berg"),
        ("insta", {"name": "", "username": "ann.berg", "id": "9"}, "ann.berg"),
        ("insta", {"id": "9"}, ""),
    ],
)
def test_a_profile_has_a_name_or_something_like_one(said: Desk, channel: str, profile: Any, name: str) -> None:
    assert asked(said, channel, "77", {"json": profile}) == name


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        ("pages", {"code": 100, "error_subcode": 2018218}),
        ("pages", {"code": 100, "error_subcode": 33}),
        ("insta", {"code": 9010}),
        ("insta", {"code": 230}),
    ],
)
def test_who_has_no_profile_has_no_name(said: Desk, channel: str, error: Any) -> None:
    assert asked(said, channel, "77", {"status": 400, "json": {"error": error}}) == ""


def test_a_name_that_cannot_be_asked_for_now_is_asked_for_later(said: Desk) -> None:
    with pytest.raises(Temporary) as trouble:
        asked(said, "pages", "../me", {"status": 400, "json": {"error": {"code": 190}}})
    assert trouble.value.kind == "auth"


@pytest.mark.parametrize(("channel", "account", "most"), [("pages", PAGE, 26_214_400), ("insta", ACCOUNT, 8_388_608)])
def test_a_picture_that_is_too_large_is_refused_before_a_word_is_sent(
    said: Desk, channel: str, account: str, most: int
) -> None:
    config = said.channels_by_name[channel]
    module = answering(find(config.type))
    picture = Upload("lamp.png", "image/png", b"x" * (most + 1))
    reply = Reply("k", account, "7", "7", "Here", now=0.0, attachments=(picture,))
    with pytest.raises(Permanent) as refused:
        list(module.send(config, reply, Outbound()))  # type: ignore[union-attr]
    assert refused.value.kind == "too_long"
