"""The widget's files: how large they are, that they belong together, and how the desk serves them."""

import asyncio
import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from ingest.channels.chat.pages import STATIC
from ingest.channels.chat.texts import OURS
from tests.chat.conftest import MakeDesk

LOADER_BYTES = 5 * 1024
WIDGET_BYTES = 40 * 1024
NAMES = sorted(path.name for path in STATIC.iterdir())
TEXTS = {path.stem: json.loads(path.read_text("utf-8")) for path in OURS.glob("*.json")}


def _packed(name: str) -> int:
    return len(gzip.compress((STATIC / name).read_bytes(), 9))


def test_the_page_of_a_site_pays_little_for_the_button() -> None:
    assert _packed("widget.js") <= LOADER_BYTES


def test_a_visitor_pays_little_for_the_chat() -> None:
    assert sum(_packed(name) for name in NAMES if name != "widget.js") <= WIDGET_BYTES


def test_the_iframe_asks_for_all_its_modules_at_once() -> None:
    page = (STATIC / "frame.html").read_text("utf-8")
    asked = re.findall(r'(?:href|src)="([a-z]+\.(?:js|css))"', page)
    assert Counter(asked) == Counter(name for name in NAMES if name not in ("widget.js", "frame.html"))


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_says_everything_and_nothing_else(language: str) -> None:
    english, texts = TEXTS["en"], TEXTS[language]
    assert list(texts) == sorted(english)
    assert all(text.strip() == text and text for text in texts.values())
    for key, text in english.items():
        assert Counter(re.findall(r"\{\w+\}", texts[key])) == Counter(re.findall(r"\{\w+\}", text)), key


def test_every_text_is_said_somewhere() -> None:
    scripts = "".join((STATIC / name).read_text("utf-8") for name in NAMES if name.endswith(".js"))
    composed = ("refused_", "score_")
    assert [key for key in TEXTS["en"] if not key.startswith(composed) and not re.search(rf"\b{key}\b", scripts)] == []


def test_the_loader_knows_how_the_channel_looks(make_desk: MakeDesk, tmp_path: Path) -> None:
    own = tmp_path / "texts"
    own.mkdir()
    (own / "de.json").write_text('{"launcher": "Fragen Sie uns \\u2028 </script>"}')
    settings = 'theme: {colour: "#0a7d4f", position: left}\nlang: de\ntexts: texts'

    async def main() -> None:
        async with make_desk(settings).serving(workers=False) as desk:
            answer = await desk.ask("GET", "widget.js")
            said = re.search(r"^  const LOOK = (.*);$", answer.text, re.MULTILINE)
            assert said is not None
            assert said[1].isascii()
            look = json.loads(said[1])
            assert {"colour": "#0a7d4f", "position": "left", "lang": "de"}.items() <= look.items()
            assert look["labels"]["en"] == "Chat with us"
            assert look["labels"]["de"] == "Fragen Sie uns \u2028 </script>"
            assert {*look["labels"]} == {*TEXTS}
            again = await desk.ask("GET", "widget.js", headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304
            plain = await desk.ask("GET", "widget.js", channel="other")
            assert plain.headers["etag"] != answer.headers["etag"]

    asyncio.run(main())


def test_every_file_of_the_widget_is_served_as_what_it_is(make_desk: MakeDesk) -> None:
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}

    async def main() -> None:
        async with make_desk().serving(workers=False) as desk:
            for name in NAMES:
                answer = await desk.ask("GET", name.removesuffix(".html"))
                assert answer.status_code == 200
                assert answer.headers["content-type"].startswith(kinds[Path(name).suffix])
                assert answer.headers["content-encoding"] == "gzip"

    asyncio.run(main())
