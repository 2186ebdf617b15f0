"""The widget's own files: the loader, the page of the iframe, what runs in it."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.responses import Response

from ingest.channels.chat.config import Config

STATIC: Final = Path(__file__).parent / "static"
KINDS: Final[Mapping[str, str]] = {
    "widget.js": "text/javascript; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
    "frame.html": "text/html; charset=utf-8",
}
_TURNSTILE: Final = "https://challenges.cloudflare.com"


@dataclass(frozen=True, slots=True)
class _Page:
    data: bytes
    packed: bytes
    etag: str


@lru_cache(maxsize=16)
def _page(name: str) -> _Page:
    data = (STATIC / name).read_bytes()
    return _Page(data, gzip.compress(data, 9, mtime=0), f'"{hashlib.sha256(data).hexdigest()[:20]}"')


def page(config: Config, name: str, headers: Mapping[str, str]) -> Response:
    """Return one of the widget's files; a browser asks again each time whether it has changed, and a new version is there at once."""
    found = _page(name)
    said = {
        "ETag": found.etag,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        # The loader runs in pages of other sites; the rest in the iframe only.
        "Cross-Origin-Resource-Policy": "cross-origin" if name == "widget.js" else "same-origin",
    }
    if name == "frame.html":
        said |= {"Content-Security-Policy": _policy(config), "Referrer-Policy": "no-referrer"}
    if found.etag in headers.get("if-none-match", ""):
        return Response(status_code=304, headers=said)
    if "gzip" in headers.get("accept-encoding", ""):
        return Response(found.packed, headers={**said, "Content-Encoding": "gzip"}, media_type=KINDS[name])
    return Response(found.data, headers=said, media_type=KINDS[name])


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
