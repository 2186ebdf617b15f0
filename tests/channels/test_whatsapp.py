"""WhatsApp's files: asked for by their id, fetched with the token from Meta only; large ones go out as documents."""

import json
from dataclasses import replace

import pytest

from ingest.channel import Unreadable
from ingest.channels.whatsapp import Config, answer_until, fetch, parse, send
from ingest.outbound import File, Outbound
from tests.channels.conformance import delivery
from tests.channels.sending import Platform, environment, platform
from tickets.reply import Reply, Upload
from tickets.trouble import FailureKind, Permanent, Temporary

NUMBER = "106540352242922"
TOKEN = {"authorization": "Bearer t0ken"}
SAMPLE = delivery("whatsapp")
LOOKED_UP = {"method": "GET", "path": f"/v25.0/900?phone_number_id={NUMBER}", "headers": TOKEN}


def config(base: str) -> Config:
    return Config.model_validate({**SAMPLE.config.model_dump(), "base_url": base})


def fetched(local: Platform, url: str) -> File:
    with environment({"WHATSAPP_TOKEN": "t0ken"}):
        return fetch(
            config(local.base), NUMBER, url, Outbound(own=(local.base,), resolve=lambda _host, _port: ["127.0.0.1"])
        )


def test_a_file_is_looked_up_by_its_id_and_fetched_with_the_token() -> None:
    with platform([]) as local:
        download = {"method": "GET", "path": "/file?ext=1", "headers": TOKEN}
        local.script = [
            {"expect": LOOKED_UP, "answer": {"json": {"url": f"{local.base}/file?ext=1", "mime_type": "image/png"}}},
            {"expect": download, "answer": {"headers": {"Content-Type": "image/png"}, "text": "PNG"}},
        ]
        assert fetched(local, "whatsapp:900") == File(b"PNG", "image/png")
        assert local.wrong == []


@pytest.mark.parametrize(
    "where",
    ["https://evil.example/file", "https://evil.example/.fbsbx.com", "https://lookaside.fbsbx.com.evil.example/",
     "https://lookaside.fbsbx.com@evil.example/", "http://lookaside.fbsbx.com/file", "https://[", "", 7],
)  # fmt: skip
def test_the_token_goes_nowhere_else(where: object) -> None:
    with platform([{"expect": LOOKED_UP, "answer": {"json": {"url": where}}}]) as local:
        with pytest.raises(Permanent, match=r"not Meta's") as failed:
            fetched(local, "whatsapp:900")
        assert (failed.value.kind, local.wrong) == ("invalid", [])


def test_a_place_of_metas_is_asked() -> None:
    answer = {"json": {"url": "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=900"}}
    with (
        platform([{"expect": LOOKED_UP, "answer": answer}]) as local,
        pytest.raises(Permanent, match=r"lookaside\.fbsbx\.com has no public address"),
    ):
        fetched(local, "whatsapp:900")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status": 400, "json": {"error": {"code": 100, "error_subcode": 33}}}, "not_found"),
        ({"status": 401, "json": {"error": {"code": 190}}}, "auth"),
        ({"status": 500}, "transient"),
    ],
)
def test_what_meta_says_of_a_file_it_does_not_give_is_told(answer: object, kind: FailureKind) -> None:
    with platform([{"expect": LOOKED_UP, "answer": answer}]) as local:
        with pytest.raises((Permanent, Temporary)) as failed:
            fetched(local, "whatsapp:900")
        assert getattr(failed.value, "kind", None) == kind


def test_an_id_is_never_a_path() -> None:
    step = {"method": "GET", "path": f"/v25.0/..%2Fme%3Fx?phone_number_id={NUMBER}", "headers": TOKEN}
    with platform([{"expect": step, "answer": {"status": 404}}]) as local:
        with pytest.raises(Permanent):
            fetched(local, "whatsapp:../me?x")
        assert local.wrong == []


def test_a_file_at_a_plain_address_is_fetched_without_the_token() -> None:
    step = {"method": "GET", "path": "/plain", "headers": {"authorization": None}}
    with platform([{"expect": step, "answer": {"text": "x"}}]) as local:
        assert fetched(local, f"{local.base}/plain").data == b"x"
        assert local.wrong == []


def test_a_picture_too_large_to_be_shown_goes_as_a_document() -> None:
    picture = Upload("large.png", "image/png", b"x" * (5 * 1_048_576 + 1))
    reply = Reply("1.channel.aa", NUMBER, "49", "49", "", 0.0, attachments=(picture,))
    shown = {"id": "900", "filename": "large.png"}
    said = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "49", "type": "document"}
    upload = {"method": "POST", "path": f"/v25.0/{NUMBER}/media", "multipart": [{"name": "messaging_product"}, {}, {}]}
    message = {"method": "POST", "path": f"/v25.0/{NUMBER}/messages", "json": {**said, "document": shown}}
    script = [
        {"expect": upload, "answer": {"json": {"id": "900"}}},
        {"expect": message, "answer": {"json": {"messages": [{"id": "wamid.1"}]}}},
    ]
    with platform(script) as local, environment({"WHATSAPP_TOKEN": "t0ken"}):
        assert list(send(config(local.base), reply, Outbound(own=(local.base,)))) == ["wamid.1"]
        assert local.wrong == []


def test_the_window_is_open_until_its_last_second() -> None:
    reply = Reply("1.channel.aa", NUMBER, "49", "49", "", 86_400.0, heard_at=0.0)
    assert answer_until(config("https://graph.facebook.com"), {}, 0.0) == 86_400.0
    assert list(send(config("https://graph.facebook.com"), reply, Outbound())) == []
    with pytest.raises(Permanent, match="24 hours"):
        list(send(config("https://graph.facebook.com"), replace(reply, now=86_400.1), Outbound()))


@pytest.mark.parametrize("depth", [10, 300, 900, 5000])
@pytest.mark.parametrize("name", ["edit", "message", "x"])
def test_what_is_nested_deeply_is_read_or_unreadable(depth: int, name: str) -> None:
    nested = f'{{"type": "edit", "{name}": ' * depth + "{}" + "}" * depth
    change = f'{{"field": "messages", "value": {{"messages": [{nested}]}}}}'
    raw = f'{{"object": "whatsapp_business_account", "entry": [{{"changes": [{change}]}}]}}'
    try:
        [message] = parse(raw.encode())
    except Unreadable:
        with pytest.raises(RecursionError):
            json.dumps(json.loads(raw), sort_keys=True)
    else:
        assert message.kind == "edit"
