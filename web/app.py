"""The HTTP side: every channel's way in, the API, `/healthz`, `/readyz`, `/metrics`.

Trouble here is 503 with `Retry-After`, never 500: the sender comes back and nothing is lost.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from config.desk import ChannelConfig, Desk
from ingest import channel as channels
from ingest.arrival import Accept
from ingest.channel import Answer, Hook, Refused, Request, WebChannel
from ingest.fetch import Fetch, Fetcher
from ingest.front import Front
from ingest.limits import counted_address
from ingest.webhook import arrivals
from router.book import Shelf
from router.opened import Acted
from tickets.availability import Availability
from tickets.trouble import Temporary
from web import api, choices, devices, notices, page, rate, slack, stop
from web.api import Api
from web.body import RETRY_AFTER, Held, Share, body_of
from web.slack import Slack

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes need: the desk of the moment, the inbox, the readiness check (raises `Temporary`), the metrics' text.

    `fetch` asks providers for what their deliveries need, such as certificates; `front` is what channels with paths of their own
    are given, without it these are not there. `acted` is told what an act came to, and rings for it; `slack` takes what Slack sends.
    """

    desk: Callable[[], Desk]
    accept: Accept
    ready: Callable[[], None]
    metrics: Callable[[], bytes]
    fetch: Fetch = field(default_factory=Fetcher)
    front: Front | None = None
    acted: Callable[[Acted], None] = lambda _acted: None
    slack: Slack | None = None

    def present(self) -> Availability:
        """Return who is there now, without a front everybody; raises `Temporary`."""
        return self.front.present() if self.front else Availability(self.desk(), frozenset(), time.time())


def build(parts: Parts) -> Starlette:
    """Return the application; it owns nothing and may be built as often as a test likes."""
    routes = [
        Route("/healthz", _healthz, methods=["GET"]),
        Route("/readyz", _readyz, methods=["GET"]),
        Route("/metrics", _metrics, methods=["GET"]),
        *(Route(path, _channel, methods=["GET", "POST", "OPTIONS"]) for path in _paths()),
        *(_own(parts.front) if parts.front else ()),
        *(stop.routes(parts.front.store, parts.desk) if parts.front else ()),
        *(_api(parts.front, parts) if parts.front else ()),
        *(slack.routes(parts.slack) if parts.slack else ()),
    ]
    app = Starlette(routes=routes)
    app.state.parts = parts
    app.state.held = Held()
    return app


def _paths() -> list[str]:
    modules = (channels.find(word) for word in channels.words())
    return sorted(
        {path for module in modules if hasattr(module, "HOOK") for path in cast(WebChannel, module).HOOK.paths}
    )


def _own(front: Front) -> Iterator[BaseRoute]:
    for module in map(channels.find, channels.words()):
        if (routed := channels.routed(module)) is not None:
            yield from routed.routes(front)


def _api(front: Front, parts: Parts) -> Iterator[BaseRoute]:
    base = Api(front.store, parts.desk, parts.acted)
    yield from api.routes(base)
    yield from choices.routes(base)
    yield from devices.routes(base)
    yield from notices.routes(base, front.live)
    yield from rate.routes(front, Shelf(parts.desk), parts.acted)
    yield from page.routes()


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
    desk = parts.desk()
    config = desk.channels_by_name.get(request.path_params["channel"])
    module = cast(WebChannel, channels.find(config.type)) if config else None
    hook: Hook | None = getattr(module, "HOOK", None)
    if config is None or module is None or hook is None or cast(Route, request.scope["route"]).path not in hook.paths:
        return JSONResponse(
            {"error": "no channel of this desk is called here; check the URL against the desk file"}, 404
        )
    delivery = _delivery(request)
    shared = dict(hook.cors(config, delivery)) if hook.cors else {}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=shared)
    try:
        answer = await _answered(request, parts, config, module, delivery)
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
    return _response(answer, shared)


async def _answered(
    request: HttpRequest, parts: Parts, config: ChannelConfig, module: WebChannel, delivery: Request
) -> Answer:
    """Return the answer to a handshake, or to a delivery whose messages are kept by now."""
    greeting, responding = channels.greeting(module), channels.responding(module)
    if delivery.method == "GET":
        answer = greeting.handshake(config, delivery) if greeting else None
        return answer or Answer(405, {"error": "this path takes POST"})
    await _within_rate(request, parts, config, module.HOOK)
    with Share(request.app.state.held) as share:
        delivery = replace(delivery, raw=await body_of(request, module.HOOK.max_bytes, share))
        found = await arrivals(module, config, delivery, parts.fetch)
        if greeting and (answer := greeting.handshake(config, delivery)):
            return answer
        kept = await parts.accept(found)
    if responding:
        return responding.respond(config, delivery, kept, await asyncio.to_thread(parts.present))
    return module.answer(kept)


async def _within_rate(request: HttpRequest, parts: Parts, config: ChannelConfig, hook: Hook) -> None:
    """Return when a stranger's delivery is not one too many; raises `Refused`."""
    address = counted_address(request.client.host if request.client else None)
    if hook.rate and parts.front and address:
        seconds = await parts.front.limiter.wait(hook.rate(config), "deliveries", config.name, address)
        if seconds is not None:
            raise Refused(429, "too many messages come from your address; wait a while", int(seconds))


def _delivery(request: HttpRequest) -> Request:
    raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    target = (raw_path + (b"?" + query if query else b"")).decode("latin-1")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(b"", headers, method=request.method, target=target)


def _response(answer: Answer, shared: Mapping[str, str]) -> Response:
    if answer.text is not None:
        return Response(answer.text, answer.status, shared, media_type=answer.media_type)
    return JSONResponse(dict(answer.body), answer.status, shared)


def _problem(status: int, words: str, shared: Mapping[str, str], retry_after: int | None) -> Response:
    headers = dict(shared)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return JSONResponse({"error": words}, status, headers)


def _parts(request: HttpRequest) -> Parts:
    state: Any = request.app.state
    return cast(Parts, state.parts)
