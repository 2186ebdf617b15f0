"""The WebSocket of a visitor (RFC 6455): frames in, frames out, and nothing remembered that the database does not have."""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ingest.channels.chat.config import Config
from ingest.channels.chat.feed import Feed
from ingest.channels.chat.frames import LARGEST, Nacked, is_kept, take
from ingest.channels.chat.hall import Hall
from ingest.channels.chat.session import Frame, Session, resumed
from ingest.channels.chat.tokens import InvalidTokenError
from ingest.payload import word
from tickets.trouble import Temporary

HELLO_SECONDS: Final = 10.0
SLOW_SECONDS: Final = 30.0
"""How long a client may take to read what it is sent."""
TYPING_SECONDS: Final = 1.0
MOST_AT_ONCE: Final = 60
"""Frames in `MOST_SECONDS`, of whatever type; who sends more is disconnected."""
MOST_SECONDS: Final = 10.0
_CODES: Final = {
    "token": 4401,
    "hello": 1008,
    "frame": 1008,
    "busy": 1013,
    "slow": 1013,
    "restart": 1012,
    "trouble": 1013,
}

log = structlog.get_logger()


class Bye(Exception):  # noqa: N818  # a word of the protocol
    """The socket is closed by the desk; `why` is a word for the client, `again` whether it should connect again."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.again = again


async def serve(hall: Hall, config: Config, websocket: WebSocket) -> None:
    """Speak with a client until either side ends it. The socket is accepted and has a place already."""
    try:
        session, after = await _hello(hall, config, websocket)
        with hall.front.live.subscribe(session.key) as hearing:
            feed = Feed(session, hearing, after)
            welcome = await feed.welcome()
            await _send(websocket, welcome)
            try:
                await _both_ways(websocket, session, feed, begun=welcome["seq"] > 0)
            finally:
                await hall.marks.settle()
    except Bye as bye:
        await _bye(websocket, bye)
    except Temporary as error:
        log.warning("a socket is closed, its client comes back", channel=config.name, error=str(error))
        await _bye(websocket, Bye("trouble"))
    except (WebSocketDisconnect, OSError):
        pass  # the client has gone
    except Exception:
        log.exception("a socket failed, its client comes back", channel=config.name)
        await _bye(websocket, Bye("trouble"))


async def _hello(hall: Hall, config: Config, websocket: WebSocket) -> tuple[Session, int]:
    """Return the session of the client's first frame, and the last line it has; raises `Bye`."""
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            frame = await _receive(websocket)
    except TimeoutError:
        raise Bye("hello") from None
    if frame.get("type") != "hello":
        raise Bye("hello", again=False)
    address = websocket.client.host if websocket.client else None
    try:
        session = await resumed(hall, config, word(frame, "token"), address)
    except InvalidTokenError:
        raise Bye("token", again=False) from None
    after = frame.get("after")
    return session, after if isinstance(after, int) and 0 < after < 2**53 else 0


async def _both_ways(websocket: WebSocket, session: Session, feed: Feed, *, begun: bool) -> None:
    """Listen and tell at once, until one of both ends; raises what ended it."""
    tasks = [asyncio.create_task(one) for one in (_listen(websocket, session, begun), _tell(websocket, feed))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _tell(websocket: WebSocket, feed: Feed) -> None:
    while not feed.ended:
        for frame in await feed.news():
            await _send(websocket, frame)
    raise Bye("restart")


async def _listen(websocket: WebSocket, session: Session, begun: bool) -> None:
    recent: list[float] = []
    typed_at = 0.0
    while True:
        frame = await _receive(websocket)
        now = time.monotonic()
        recent = [*(at for at in recent if at > now - MOST_SECONDS), now]
        if len(recent) > MOST_AT_ONCE:
            raise Bye("busy")
        if frame.get("type") == "typing":
            if now - typed_at < TYPING_SECONDS and frame.get("on"):
                continue
            typed_at = now
        answer = await answered(session, frame, begun=begun)
        begun = begun or (frame.get("type") == "message" and answer is not None and answer["type"] == "ack")
        await _send(websocket, answer)


async def answered(session: Session, frame: Mapping[str, Any], *, begun: bool = False) -> Frame | None:
    """Do what a frame asks and return the answer, nothing where it gets none; `begun` as for `take`."""
    if is_kept(frame):
        try:
            return await take(session, frame, begun=begun)
        except Nacked as refusal:
            return refusal.frame(word(frame, "id"))
    kind = frame.get("type")
    if kind == "typing":
        told = {"type": "typing", "by": "visitor", "on": bool(frame.get("on"))}
        session.hall.front.live.tell(session.key, told)
    elif kind == "read" and isinstance(frame.get("seq"), int):
        if 0 < frame["seq"] < 2**31:
            session.hall.marks.put(session.key, frame["seq"])
    elif kind == "ping":
        return {"type": "pong"}
    else:
        return Nacked("frame", "no such frame; see the protocol").frame(word(frame, "id"))
    return None


async def _receive(websocket: WebSocket) -> Mapping[str, Any]:
    """Return the client's next frame; raises `Bye` for what is none."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    try:
        frame = json.loads(text) if isinstance(text, str) and len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        raise Bye("frame", again=False)
    return frame


async def _send(websocket: WebSocket, frame: Frame | None) -> None:
    """Send a frame; raises `Bye` when the client does not read, so that nothing piles up here."""
    if frame is None:
        return
    try:
        async with asyncio.timeout(SLOW_SECONDS):
            await websocket.send_text(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))
    except TimeoutError:
        raise Bye("slow") from None


async def _bye(websocket: WebSocket, bye: Bye) -> None:
    if websocket.client_state is not WebSocketState.CONNECTED:
        return
    with suppress(WebSocketDisconnect, OSError, RuntimeError, TimeoutError):  # it may have gone at the same moment
        async with asyncio.timeout(1):
            if bye.why != "slow":
                await websocket.send_text(json.dumps({"type": "bye", "why": bye.why, "again": bye.again}))
            await websocket.close(_CODES[bye.why])
