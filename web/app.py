"""The HTTP side: every channel's way in, `/healthz`, `/readyz`, `/metrics`.

Trouble here is 503 with `Retry-After`, never 500: the sender comes back and nothing is lost.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.desk import Desk
from ingest import channel as channels
from ingest.arrival import Accept
from ingest.channel import Hook, Refused, Request, WebChannel
from ingest.webhook import arrivals
from tickets.trouble import Temporary

BODY_SECONDS = 30
RETRY_AFTER = 30

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes need: the desk of the moment, the inbox, the readiness check (raises `Temporary`), the metrics' text."""

    desk: Callable[[], Desk]
    accept: Accept
    ready: Callable[[], None]
    metrics: Callable[[], bytes]


def build(parts: Parts) -> Starlette:
    """Return the application; it owns nothing and may be built as often as a test likes."""
    routes = [
        Route("/healthz", _healthz, methods=["GET"]),
        Route("/readyz", _readyz, methods=["GET"]),
        Route("/metrics", _metrics, methods=["GET"]),
        *(Route(path, _channel, methods=["POST", "OPTIONS"]) for path in _paths()),
    ]
    app = Starlette(routes=routes)
    app.state.parts = parts
    return app


def _paths() -> list[str]:
    modules = (channels.find(word) for word in channels.words())
    return sorted({cast(WebChannel, module).HOOK.path for module in modules if hasattr(module, "HOOK")})


async def _healthz(_request: HttpRequest) -> Response:
    return JSONResponse({"status": "ok"})


async def _readyz(request: HttpRequest) -> Response:
    try:
        async with asyncio.timeout(10):
            await asyncio.to_thread(_parts(request).ready)
    except (Temporary, TimeoutError) as error:
        return JSONResponse({"status": "not ready", "reason": str(error) or "the database does not answer"}, 503)
    return JSONResponse({"status": "ready"})


async def _metrics(request: HttpRequest) -> Response:
    try:
        text = await asyncio.to_thread(_parts(request).metrics)
    except Temporary as error:
        return JSONResponse({"error": str(error)}, 503)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _channel(request: HttpRequest) -> Response:
    """Take a delivery for the channel the path names: keep every message in it, then answer."""
    parts = _parts(request)
    config = parts.desk().channels_by_name.get(request.path_params["channel"])
    module = cast(WebChannel, channels.find(config.type)) if config else None
    hook: Hook | None = getattr(module, "HOOK", None)
    if config is None or module is None or hook is None or hook.path != cast(Route, request.scope["route"]).path:
        return JSONResponse(
            {"error": "no channel of this desk is called here; check the URL against the desk file"}, 404
        )
    delivery = Request(b"", {name.lower(): value for name, value in request.headers.items()})
    shared = dict(hook.cors(config, delivery)) if hook.cors else {}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=shared)
    try:
        delivery = Request(await _body(request, hook.max_bytes), delivery.headers)
        taken = arrivals(module, config, delivery)
        kept = await parts.accept(taken)
        answer = module.answer(kept)
    except Refused as refusal:
        return _problem(refusal.status, str(refusal), shared, refusal.retry_after)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    except (Exception, asyncio.CancelledError) as error:  # cancelled when the desk stops; uvicorn would answer 500
        if isinstance(error, (Temporary, asyncio.CancelledError)):
            log.warning("message not kept, its sender comes back", channel=config.name, error=str(error))
        else:
            log.exception("an HTTP delivery failed", channel=config.name)
        return _problem(503, "we cannot keep your message right now; please send it again", shared, RETRY_AFTER)
    return JSONResponse(dict(answer.body), answer.status, shared)


async def _body(request: HttpRequest, limit: int) -> bytes:
    too_large = Refused(413, f"the body is larger than the {limit} bytes taken here")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {BODY_SECONDS} seconds; please send it again") from None
    return bytes(body)


def _problem(status: int, words: str, shared: Mapping[str, str], retry_after: int | None) -> Response:
    headers = dict(shared)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return JSONResponse({"error": words}, status, headers)


def _parts(request: HttpRequest) -> Parts:
    state: Any = request.app.state
    return cast(Parts, state.parts)
