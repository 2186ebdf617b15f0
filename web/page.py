"""The pages `/notices`, what an agent has not read and the switch for push, and `/tickets/N`, what was said in a ticket.

Plain files; what they show comes over the API.
"""

from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

STATIC: Final = Path(__file__).parent / "static"
PAGE: Final = "notices.html"
TICKET: Final = "ticket.html"
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
    """Return the paths of the pages and those of their parts."""
    parts = sorted(path.name for path in STATIC.iterdir() if path.suffix != ".html")
    return [
        Route("/notices", _page),
        Route("/tickets/{number:int}", _ticket),
        *(Route(f"/notices/{name}", _page) for name in parts),
    ]


async def _page(request: Request) -> Response:
    return _file(request.url.path.removeprefix("/notices").removeprefix("/") or PAGE)


async def _ticket(_request: Request) -> Response:
    """Answer the same for every number: whether there is such a ticket only who may see it learns, over the API."""
    return _file(TICKET)


def _file(name: str) -> Response:
    return Response(_read(name), headers=_HEADERS, media_type=_KINDS[Path(name).suffix])


@cache
def _read(name: str) -> bytes:
    return (STATIC / name).read_bytes()
