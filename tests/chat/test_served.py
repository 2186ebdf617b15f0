"""What a browser is given: files packed, a frame only the channel's origins may embed, texts in the visitor's language."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest

from commands.parts import CHECKS, KINDS
from config.load import load
from config.problems import DeskError
from ingest.channels.chat import pages, texts
from tests.chat.conftest import MakeDesk

OURS = {
    "en": {"send": "Send", "launcher": "Chat with us"},
    "de": {"send": "Senden", "launcher": "Chat mit uns"},
    "pt": {"send": "Enviar"},
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put small files where those of the widget lie."""
    static, ours = tmp_path / "static", tmp_path / "ours"
    static.mkdir()
    ours.mkdir()
    (static / "widget.js").write_text('(() => {\n  const LOOK = {"colour": "#000000"};\n})();\n', encoding="utf-8")
    (static / "app.js").write_text("let one = 1;\n" * 100, encoding="utf-8")
    (static / "app.css").write_text("body { margin: 0 }\n", encoding="utf-8")
    (static / "frame.html").write_text("<!doctype html>", encoding="utf-8")
    for lang, said in OURS.items():
        (ours / f"{lang}.json").write_text(json.dumps(said), encoding="utf-8")
    monkeypatch.setattr(pages, "STATIC", static)
    monkeypatch.setattr(texts, "OURS", ours)
    monkeypatch.setattr("ingest.channels.chat.OURS", ours)
    pages._page.cache_clear()


def test_the_widgets_files_come_packed_and_only_once(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            script = await desk.ask("GET", "app.js")
            assert script.headers["content-type"] == "text/javascript; charset=utf-8"
            assert script.headers["content-encoding"] == "gzip"
            assert script.headers["x-content-type-options"] == "nosniff"
            assert int(script.headers["content-length"]) < len(script.content) == 1300
            plain = await desk.ask("GET", "app.js", headers={"Accept-Encoding": "identity"})
            assert (plain.content, "content-encoding" in plain.headers) == (script.content, False)
            again = await desk.ask("GET", "app.js", headers={"If-None-Match": script.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            style = await desk.ask("GET", "app.css")
            assert style.headers["content-type"] == "text/css; charset=utf-8"
            for name in ("none.js", "frame.html", "..%2Fconfig.js", "conversation.css"):
                assert (await desk.ask("GET", name)).status_code == 404

    asyncio.run(main())


def test_the_loader_runs_on_other_sites_and_the_rest_does_not(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            for name, policy in [("widget.js", "cross-origin"), ("app.js", "same-origin"), ("frame", "same-origin")]:
                assert (await desk.ask("GET", name)).headers["cross-origin-resource-policy"] == policy

    asyncio.run(main())


def policy_of(said: str) -> dict[str, str]:
    return dict(one.split(" ", 1) for one in said.split("; "))


def test_only_the_channels_origins_embed_the_frame_and_nothing_in_it_comes_from_elsewhere(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNSTILE", "s3cret")
    desk = make_desk('turnstile: {site_key: "0x4A", secret: env:TURNSTILE}')

    async def main() -> None:
        async with desk.serving(workers=False):
            asking = policy_of((await desk.ask("GET", "frame")).headers["content-security-policy"])
            assert asking["frame-ancestors"] == "'self' https://acme.example https://*.shop.example"
            assert asking["script-src"] == "'self' https://challenges.cloudflare.com"
            assert asking["frame-src"] == "https://challenges.cloudflare.com"
            plain = policy_of((await desk.ask("GET", "frame", channel="other")).headers["content-security-policy"])
            assert plain["frame-ancestors"] == "'self' https://acme.example"
            assert (plain["default-src"], plain["script-src"], plain["connect-src"]) == ("'none'", "'self'", "'self'")
            assert (plain["frame-src"], plain["form-action"], plain["base-uri"]) == ("'none'", "'none'", "'none'")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("lang", "accept", "chosen"),
    [
        ("de", "", "de"),
        ("de-AT", "en", "de"),
        ("PT_br", "", "pt"),
        ("xx,de,en", "", "de"),
        ("", "fr, de;q=0.5, en;q=0.7", "en"),
        ("", "fr;q=0, de;q=oops, pt;q=0.1", "pt"),
        ("xx", "", "en"),
        ("../../etc/passwd", "", "en"),
        ("x" * 10_000, "," * 10_000, "en"),
    ],
)
def test_texts_come_in_the_visitors_language_and_in_english_where_it_has_none(
    make_desk: MakeDesk, lang: str, accept: str, chosen: str
) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            headers = {"Accept-Language": accept} if accept else {"Accept-Language": ""}
            answer = await desk.ask("POST", "session", json={"lang": lang}, headers=headers)
            said = answer.json()
            assert (said["lang"], said["texts"]["send"]) == (chosen, OURS[chosen]["send"])
            assert said["texts"]["launcher"] == OURS[chosen].get("launcher", "Chat with us")

    asyncio.run(main())


def test_a_desk_has_texts_of_its_own_and_other_languages(make_desk: MakeDesk, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "de.json").write_text('{"send": "Abschicken"}', encoding="utf-8")
    (own / "hu.json").write_text('{"send": "Küldés"}', encoding="utf-8")
    desk = make_desk("texts: own\nlang: hu")

    async def main() -> None:
        async with desk.serving(workers=False):
            for lang, send, launcher in [
                ("de", "Abschicken", "Chat mit uns"),
                ("hu", "Küldés", "Chat with us"),
                ("xx", "Küldés", "Chat with us"),
            ]:
                answer = await desk.ask("POST", "session", json={"lang": lang}, headers={"Accept-Language": ""})
                said = answer.json()["texts"]
                assert (said["send"], said["launcher"]) == (send, launcher)
            (own / "de.json").write_text('{"send": "Los"}', encoding="utf-8")
            assert (await desk.session(lang="de"))["texts"]["send"] == "Los"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("de.json", "{", "de.json"),
        ("de.json", '{"send": 5}', "one object with texts"),
        ("de.json", '{"sned": "Los"}', 'did you mean "send"'),
        ("readme.txt", "x", "there is no <language>.json"),
    ],
)
def test_texts_that_are_wrong_are_told_with_the_desk_file(
    make_desk: MakeDesk, tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_text(content, encoding="utf-8")
    with pytest.raises(DeskError, match=words):
        make_desk("texts: own")


def test_texts_lie_below_the_desk_file(make_desk: MakeDesk) -> None:
    with pytest.raises(DeskError, match="or below it"):
        make_desk("texts: ../..")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("theme: {colour: red}", "colour"),
        ("limits: {session: many}", "30/minute"),
        ("upload: {types: [png]}", "no media type"),
        ("form: {fields: [{id: a, label: A, type: select}]}", "a select needs some"),
        ("form: {fields: [{id: a, label: A, options: [b]}]}", "a select needs some"),
        ('proof_bits: 16\nturnstile: {site_key: "a", secret: env:A}', "either proof_bits or turnstile"),
        ("wait_seconds: 1", "10"),
        ("lang: English", "lang"),
    ],
)
def test_a_wrong_setting_is_explained(make_desk: MakeDesk, settings: str, words: str) -> None:
    with pytest.raises(DeskError, match=words):
        make_desk(settings)


def test_what_is_packed_is_what_is_sent(tmp_path: Path) -> None:
    found = pages._page("app.js", "")
    assert gzip.decompress(found.packed) == found.data == (tmp_path / "static" / "app.js").read_bytes()


def test_the_example_desk_with_every_setting_of_a_chat_is_read(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(
        """
desk: {name: A, domain: a.example}
agents: [{id: sona, name: Sona, email: sona@a.example}]
departments: [{id: d, name: D, agents: all, addresses: [d@a.example]}]
channels:
  - name: site
    type: chat
    origins: ["https://a.example"]
    theme: {title: Ask us, colour: "#0a7d4f", position: left, greeting: Hello}
    lang: de
    form: {name: required, email: off, department: false, fields: [{id: order, label: Order}]}
    wait_seconds: null
    site_secrets: [env:SITE]
    upload: {most_bytes: 5000, most_files: 2, types: [image/*]}
    limits: {requests: 1/second, sessions: 1/hour, address: 1/minute, session: 1/minute, conversation: 1/hour, files: 1/hour, sockets: 3}
    proof_bits: 16
    program_secrets: [env:SHOP]
""",
        encoding="utf-8",
    )
    [channel] = load(file, KINDS, CHECKS).desk.channels
    assert channel.model_dump()["wait_seconds"] is None
