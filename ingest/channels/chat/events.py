"""What is new, over HTTP: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) or long-poll."""

import json
import time
from collections.abc import AsyncIterator
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ingest.channels.chat.feed import Feed
from ingest.channels.chat.hall import FullError
from ingest.channels.chat.session import Frame, Session
from tickets.live import Hearing
from tickets.trouble import Temporary

LONGEST_WAIT: Final = 25.0
COMMENT_SECONDS: Final = 15.0
STREAM_SECONDS: Final = 600.0
"""So long a stream lasts; then the client asks again, and a proxy that counts has nothing to complain of."""
RETRY_MS: Final = 1000

log = structlog.get_logger()


async def events(request: Request, session: Session) -> Response:
    """Answer with what is new after the line the client has last; raises `Temporary` and `FullError`."""
    after = _number(request.headers.get("last-event-id") or request.query_params.get("after", ""))
    if "text/event-stream" in request.headers.get("accept", ""):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_stream(session, after), headers=headers, media_type="text/event-stream")
    with session.hall.place(session.config, session.address), session.hall.front.live.subscribe(session.key) as hearing:
        frames = await _polled(session, hearing, after, _number(request.query_params.get("wait", "0")))
    return JSONResponse({"events": frames}, headers={"Cache-Control": "no-store"})


async def _polled(session: Session, hearing: Hearing, after: int, wait: float) -> list[Frame]:
    feed = Feed(session, hearing, after)
    await feed.welcome()
    frames, ends = await feed.lines(), time.monotonic() + min(wait, LONGEST_WAIT)
    while not frames and not feed.ended and (left := ends - time.monotonic()) > 0:
        frames = await feed.news(left)
    return [*(frame for frame in frames if frame["type"] != "state"), feed.state]


async def _stream(session: Session, after: int) -> AsyncIterator[str]:
    try:
        with (
            session.hall.place(session.config, session.address),
            session.hall.front.live.subscribe(session.key) as hearing,
        ):
            feed, ends = Feed(session, hearing, after), time.monotonic() + STREAM_SECONDS
            yield f"retry: {RETRY_MS}\n\n"
            yield _event(await feed.welcome())
            while not feed.ended and time.monotonic() < ends:
                frames = await feed.news(COMMENT_SECONDS)
                for frame in frames:
                    yield _event(frame)
                if not frames:
                    yield ":\n\n"
            if feed.ended:
                yield _event({"type": "bye", "why": "restart", "again": True})
    except (FullError, Temporary) as trouble:
        log.info("a stream ends", channel=session.config.name, why=str(trouble))
        yield _event({"type": "bye", "why": "busy" if isinstance(trouble, FullError) else "trouble", "again": True})


def _event(frame: Frame) -> str:
    number = f"id: {frame['seq']}\n" if frame["type"] == "entry" else ""
    return f"{number}data: {json.dumps(frame, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _number(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else 0
