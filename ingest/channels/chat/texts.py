"""What the widget says, by language: files of ours, and a desk's own over them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ingest.channels.chat.config import Config

OURS: Final = Path(__file__).parent / "texts"
FALLBACK: Final = "en"
_LONGEST: Final = 500


def texts_for(config: Config, folder: Path | None, languages: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """Return the first of the languages there are texts in, else the channel's own, and its texts.

    What a language does not have is said in English. `folder` is the desk file's.
    """
    own = own_folder(config, folder)
    there = _languages(own)
    chosen = next((found for one in (*languages, config.lang) if (found := _nearest(one, there))), FALLBACK)
    return chosen, {**_texts(FALLBACK, own), **_texts(chosen, own)}


def launchers(config: Config, folder: Path | None) -> Mapping[str, str]:
    """Return what the button that opens the chat is called, by language."""
    own = own_folder(config, folder)
    found = {lang: _texts(lang, own).get("launcher") for lang in sorted(_languages(own))}
    return {lang: label for lang, label in found.items() if label}


def _languages(own: Path | None) -> set[str]:
    return {*languages_in(OURS), *(languages_in(own) if own else ())}


def _texts(lang: str, own: Path | None) -> Mapping[str, str]:
    return {**_read(OURS / f"{lang}.json"), **(_read(own / f"{lang}.json") if own else {})}


def wanted(asked: str, accept: str) -> list[str]:
    """Return the languages a visitor wants, the first one most: the page's, and those of Accept-Language (RFC 9110, 12.5.4)."""
    weighed: list[tuple[float, str]] = []
    for piece in accept[:_LONGEST].split(","):
        tag, _, rest = piece.strip().partition(";")
        quality = rest.strip().removeprefix("q=") if rest else "1"
        try:
            weighed.append((-float(quality), tag.strip()))
        except ValueError:
            continue
    return [
        one
        for one in (
            *asked[:_LONGEST].split(","),
            *(tag for weight, tag in sorted(weighed, key=lambda one: one[0]) if weight),
        )
        if one
    ]


def own_folder(config: Config, folder: Path | None) -> Path | None:
    """Return the folder of a desk's own texts."""
    return (folder or Path()) / config.texts if config.texts else None


def languages_in(folder: Path) -> Iterator[str]:
    """Yield the languages a folder has texts in."""
    yield from (path.stem for path in sorted(folder.glob("*.json")))


def _nearest(tag: str, there: set[str]) -> str | None:
    tag = tag.strip().lower().replace("_", "-")
    return next((one for one in (tag, tag.partition("-")[0]) if one in there), None)


def _read(path: Path) -> Mapping[str, str]:
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):  # not there; a desk's own that is wrong is told by `check`
        return {}


@lru_cache(maxsize=128)
def _parsed(path: Path, _changed: int) -> Mapping[str, str]:
    return parsed(path.read_text(encoding="utf-8"))


def parsed(text: str) -> Mapping[str, str]:
    """Return the texts in a file; raises `ValueError` with words."""
    said: Any = json.loads(text)
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise ValueError('must be one object with texts, {"send": "Send"}')
    return said
