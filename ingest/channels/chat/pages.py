"""The widget's own files: the loader, the page of the iframe, what runs in it."""

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.responses import Response

from config.desk import Desk
from ingest.channels.chat.config import Config
from ingest.channels.chat.texts import launchers

STATIC: Final = Path(__file__).parent / "static"
LOADER: Final = "widget.js"
FRAME: Final = "frame.html"
_KINDS: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
_LOOK: Final = re.compile(rb"^ *const LOOK = .*;$", re.MULTILINE)
_TURNSTILE: Final = "https://challenges.cloudflare.com"


@dataclass(frozen=True, slots=True)
class _Page:
    data: bytes
    packed: bytes
    etag: str


def is_part(name: str) -> bool:
    """Tell whether a browser may ask for a file of this name."""
    return name in {path.name for path in STATIC.glob("*") if path.suffix in (".js", ".css")}


@lru_cache(maxsize=64)
def _page(name: str, look: str) -> _Page:
    data = (STATIC / name).read_bytes()
    if look:
        data = _LOOK.sub(lambda _: f"  const LOOK = {look};".encode(), data, count=1)
    return _Page(data, gzip.compress(data, 9, mtime=0), f'"{hashlib.sha256(data).hexdigest()[:20]}"')


def page(config: Config, desk: Desk, name: str, headers: Mapping[str, str]) -> Response:
    """Return one of the widget's files. A browser asks each time whether it has changed, so that a new version is there at once."""
    found = _page(name, _look(config, desk) if name == LOADER else "")
    said = {
        "ETag": found.etag,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        # The loader runs in pages of other sites; the rest in the iframe only.
        "Cross-Origin-Resource-Policy": "cross-origin" if name == LOADER else "same-origin",
    }
    if name == FRAME:
        said |= {"Content-Security-Policy": _policy(config), "Referrer-Policy": "no-referrer"}
    if found.etag in headers.get("if-none-match", ""):
        return Response(status_code=304, headers=said)
    kind = f"{_KINDS[Path(name).suffix]}; charset=utf-8"
    if "gzip" in headers.get("accept-encoding", ""):
        return Response(found.packed, headers={**said, "Content-Encoding": "gzip"}, media_type=kind)
    return Response(found.data, headers=said, media_type=kind)


def _look(config: Config, desk: Desk) -> str:
    """Return what the loader shows before anybody opens the chat, as a line of JavaScript."""
    look = {
        "colour": config.theme.colour,
        "position": config.theme.position,
        "lang": config.lang,
        "labels": launchers(config, desk.folder),
    }
    return json.dumps(look)


def _policy(config: Config) -> str:
    """Return what the iframe's page may do, and who may embed it (https://www.w3.org/TR/CSP3/)."""
    asks = f" {_TURNSTILE}" if config.turnstile is not None else ""
    rules = {
        "frame-ancestors": " ".join(("'self'", *config.origins)),
        "default-src": "'none'",
        "script-src": f"'self'{asks}",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' blob:",
        "font-src": "'self'",
        "frame-src": asks.strip() or "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
