"""The paths of a chat channel over HTTP; docs/chat-protocol.md says what they promise."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from ingest.channel import Refused
from ingest.channels.chat import pages, uploads
from ingest.channels.chat.config import Config
from ingest.channels.chat.events import events
from ingest.channels.chat.frames import LARGEST, STATUS, Nacked
from ingest.channels.chat.hall import FullError, Hall
from ingest.channels.chat.session import RETRY_AFTER, Session, begun, file_stamp, resumed, told
from ingest.channels.chat.sites import may_ask, shared
from ingest.channels.chat.socket import answered, serve
from ingest.channels.chat.texts import wanted
from ingest.channels.chat.tokens import InvalidTokenError
from ingest.front import Front
from ingest.limits import counted_address
from ingest.payload import word
from tickets.blobs import LostBlobError
from tickets.trouble import Temporary

BODY_SECONDS: Final = 60
MOST_HELD: Final = 67_108_864
"""Bytes of files that may be on their way in at once; who brings more is told to wait."""
_FOREIGN: Final = "pages of this site may not ask here; add its origin to the channel's `origins`"
_FILE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Act = Callable[[Request, Config], Awaitable[Response]]

log = structlog.get_logger()


def routes(front: Front) -> list[BaseRoute]:
    """Return the routes of all chat channels."""
    return Paths(Hall(front)).all()


@dataclass(slots=True)
class Paths:
    """What is behind the paths."""

    hall: Hall
    held: int = 0

    def all(self) -> list[BaseRoute]:
        """Return the routes."""
        given = [
            ("{part}.js", self.part, ["GET"]),
            ("{part}.css", self.part, ["GET"]),
            ("frame", self.frame, ["GET"]),
            ("session", self._guarded(self.session, "POST"), ["POST", "OPTIONS"]),
            ("frames", self._guarded(self.frames, "POST"), ["POST", "OPTIONS"]),
            ("events", self._guarded(self.events, "GET"), ["GET", "OPTIONS"]),
            ("files", self._guarded(self.hand_in, "POST"), ["POST", "OPTIONS"]),
            ("files/{file}", self._guarded(self.file, "GET"), ["GET", "OPTIONS"]),
        ]
        made: list[BaseRoute] = [
            Route(f"/chat/{{channel}}/{path}", act, methods=methods) for path, act, methods in given
        ]
        return [*made, WebSocketRoute("/chat/{channel}/ws", self.socket)]

    async def part(self, request: Request) -> Response:
        """Give out a script or a style sheet of the widget."""
        return self._page(request, request.url.path.rpartition("/")[2])

    async def frame(self, request: Request) -> Response:
        """Give out the page of the iframe."""
        return self._page(request, pages.FRAME)

    def _page(self, request: Request, name: str) -> Response:
        config = self.hall.channel(request.path_params["channel"])
        if config is None:
            return _no_channel()
        if name != pages.FRAME and not pages.is_part(name):
            return _problem(404, "the widget has no such part", None)
        return pages.page(config, self.hall.front.desk(), name, request.headers)

    def _guarded(self, act: Act, method: str) -> Callable[[Request], Awaitable[Response]]:
        return partial(self._answer, act=act, methods=f"{method}, OPTIONS")

    async def _answer(self, request: Request, *, act: Act, methods: str) -> Response:
        """Answer a request of a page that may ask, or of a program; whatever goes wrong here, it may come again."""
        config = self.hall.channel(request.path_params["channel"])
        if config is None:
            return _no_channel()
        cors = shared(config.origins, request.headers, methods)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=cors)
        try:
            await self._may_ask(request, config)
            answer = await act(request, config)
        except (Refused, InvalidTokenError, FullError, Temporary) as refusal:
            answer = _refused(refusal, config)
        except ClientDisconnect:
            answer = Response(status_code=400)  # nobody reads it
        except (Exception, asyncio.CancelledError):  # cancelled when the desk stops; uvicorn would answer 500
            log.exception("a chat request failed", channel=config.name)
            answer = _problem(503, "we cannot do that right now; please try again", RETRY_AFTER)
        answer.headers.update(cors)
        return answer

    async def session(self, request: Request, config: Config) -> Response:
        """Begin or renew a session."""
        raw = await self._body(request, LARGEST)
        said = _object(raw) if raw else {}
        if said is None:
            raise Refused(400, "the body is not a JSON object; send token, site_token and lang, or nothing")
        session = await begun(self.hall, config, said, _address(request))
        languages = wanted(word(said, "lang"), request.headers.get("accept-language", ""))
        answer = await told(session, time.time(), languages, word(said, "department"))
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def frames(self, request: Request, config: Config) -> Response:
        """Take one frame."""
        frame = _object(await self._body(request, LARGEST)) or {}
        number = word(frame, "id")
        try:
            try:
                session = await self._session(request, config)
            except InvalidTokenError as error:
                raise Nacked("token", str(error)) from None
            answer = await answered(session, frame) or {"type": "ack"}
        except Nacked as refusal:
            answer = refusal.frame(number)
        if answer["type"] != "nack":
            return JSONResponse(answer, 202)
        headers = {"Retry-After": str(answer["retry_after"])} if answer["retry_after"] else None
        return JSONResponse(answer, STATUS.get(answer["why"], 422), headers)

    async def events(self, request: Request, config: Config) -> Response:
        """Tell what is new."""
        return await events(request, await self._session(request, config))

    async def hand_in(self, request: Request, config: Config) -> Response:
        """Take a file."""
        session = await self._session(request, config)
        await uploads.may_hand_in(session)
        data = await self._body(request, config.upload.most_bytes)
        return JSONResponse(await uploads.hand_in(session, request.headers.get("x-filename", ""), data), 201)

    async def file(self, request: Request, config: Config) -> Response:
        """Give out a file of the conversation."""
        front, name = self.hall.front, request.path_params["file"]
        stamp, found = request.query_params.get("t"), None
        if _FILE_ID.fullmatch(name):
            if stamp is not None:
                allowed = (await self.hall.tokens(config)).is_stamped(file_stamp(name), stamp)
            else:
                session = await self._session(request, config)
                allowed = await asyncio.to_thread(uploads.belongs, front.store, name, session.key)
            if allowed:
                try:
                    found = await asyncio.to_thread(uploads.given, front.store, front.blobs, name)
                except LostBlobError:
                    log.exception("a file of a chat is lost", channel=config.name, file=name)
        if found is None:
            return _problem(404, "there is no such file in this conversation, or its link is too old", None)
        way = "inline" if found.shown else "attachment"
        headers = {
            "Content-Disposition": f"{way}; filename*=UTF-8''{quote(found.name)}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, max-age=3600",
        }
        kind = found.content_type if found.shown else "application/octet-stream"
        return Response(found.data, headers=headers, media_type=kind)

    async def socket(self, websocket: WebSocket) -> None:
        """Open a visitor's socket."""
        config = self.hall.channel(websocket.path_params["channel"])
        if config is None:
            return await websocket.send_denial_response(_no_channel())
        if not may_ask(config.origins, websocket.headers):
            return await websocket.send_denial_response(_problem(403, _FOREIGN, None))
        try:
            with self.hall.place(config, websocket.client.host if websocket.client else None):
                await websocket.accept()
                return await serve(self.hall, config, websocket)
        except FullError as error:
            return await websocket.send_denial_response(_problem(429, str(error), RETRY_AFTER))

    async def _may_ask(self, request: Request, config: Config) -> None:
        """Return when a request is one of an allowed page or of a program, and not one too many; raises `Refused`."""
        if not may_ask(config.origins, request.headers):
            raise Refused(403, _FOREIGN)
        counted = counted_address(_address(request))
        if counted is not None:
            seconds = await self.hall.front.limiter.wait(
                config.limits.requests, "chat", config.name, "requests", counted
            )
            if seconds is not None:
                raise Refused(429, "too many requests come from your address; wait a while", int(seconds))

    async def _session(self, request: Request, config: Config) -> Session:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise InvalidTokenError("show the session's token, Authorization: Bearer …")
        return await resumed(self.hall, config, token.strip(), _address(request))

    async def _body(self, request: Request, most: int) -> bytes:
        """Return the body; raises `Refused`."""
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > most:
            raise Refused(413, f"the body is larger than the {most} bytes taken here")
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    self.held += len(chunk)
                    if len(body) > most:
                        raise Refused(413, f"the body is larger than the {most} bytes taken here")
                    if self.held > MOST_HELD:
                        raise Refused(503, "too many files are on their way; try again", RETRY_AFTER)
        except TimeoutError:
            raise Refused(408, f"the body did not arrive within {BODY_SECONDS} seconds; send it again") from None
        finally:
            self.held -= len(body)
        return bytes(body)


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


def _object(raw: bytes) -> Mapping[str, Any] | None:
    try:
        said: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _no_channel() -> Response:
    return _problem(404, "no chat channel of this desk is called here; check the URL against the desk file", None)


def _refused(refusal: Exception, config: Config) -> Response:
    if isinstance(refusal, Refused):
        return _problem(refusal.status, str(refusal), refusal.retry_after)
    if isinstance(refusal, InvalidTokenError):
        return _problem(401, str(refusal), None)
    if isinstance(refusal, FullError):
        return _problem(429, str(refusal), RETRY_AFTER)
    log.warning("a chat request failed, it may come again", channel=config.name, error=str(refusal))
    return _problem(503, "we cannot do that right now; please try again", RETRY_AFTER)


def _problem(status: int, words: str, retry_after: int | None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse({"error": words}, status, headers)
