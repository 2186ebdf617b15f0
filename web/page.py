"""The page `/notices`: what an agent has not read, and the switch for push. Plain files; what they show comes over the API."""

from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

STATIC: Final = Path(__file__).parent / "static"
PAGE: Final = "notices.html"
_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Service-Worker-Allowed": "/notices",
}


def routes() -> list[BaseRoute]:
    """Return the path of the page and those of its parts."""
    parts = sorted(path.name for path in STATIC.iterdir() if path.name != PAGE)
    return [Route("/notices", _page), *(Route(f"/notices/{name}", _page) for name in parts)]


async def _page(request: Request) -> Response:
    name = request.url.path.removeprefix("/notices").removeprefix("/") or PAGE
    return Response(_read(name), headers=_HEADERS, media_type=_KINDS[Path(name).suffix])


@cache
def _read(name: str) -> bytes:
    return (STATIC / name).read_bytes()
