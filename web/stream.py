"""The live stream of an agent's notices: server-sent events.

    event: unread          first of all: the tickets with something unread, and nothing else is unread
    data: {"unread": 2, "tickets": [17, 23]}

    event: notice          how a ticket's unread notices stand now, as in the list
    id: 4711
    data: {"id": 4711, "ticket": 17, "headline": "Customer replied", "count": 3, …}

    event: read            somebody with the agent's token, or the agent by another way, has read it
    data: {"ticket": 17, "id": 4711}

    event: retracted       it is no news for the agent any more: taken by somebody else, or out of their sight
    data: {"ticket": 17, "id": 4711}

The rows are the truth and are read again whenever the bell rings, and every two seconds in case it did not. What is compared is
all that is unread, so a row that is committed late is told as well. Who comes back with `Last-Event-ID` is told what came behind
that row, and again what was written within a minute before it.

Vendor's document: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from notify import in_app
from notify.in_app import Unread
from tickets.live import Live
from tickets.trouble import Temporary
from web.api import LARGEST, Api, Asked, RefusedError

TOPIC: Final = "notices"
"""Rung by whoever has told somebody something."""
MOST_STREAMS: Final = 200
MOST_OF_AN_AGENT: Final = 8
"""Streams one process keeps open."""
HEARTBEAT_SECONDS: Final = 15.0
POLL_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.2
"""The least time between two looks of one stream, however often the bell rings."""
MOST_LOOKING: Final = 4
"""Streams that ask the database at once: the threads are needed for others, too."""
CHECK_SECONDS: Final = 30.0
"""So often it is looked whether the token still is somebody's."""

log = structlog.get_logger()


class Streams:
    """The streams of one process; they live in its event loop."""

    def __init__(self, api: Api, live: Live) -> None:
        self._api = api
        self._live = live
        self._open: Counter[str] = Counter()
        self._looking = asyncio.Semaphore(MOST_LOOKING)

    async def open(self, asked: Asked, request: Request) -> "_Response":
        """Answer with the stream; raises `RefusedError` when there are too many, and `Temporary`."""
        if self._open[asked.agent] >= MOST_OF_AN_AGENT:
            raise RefusedError(429, f"{MOST_OF_AN_AGENT} streams of this agent are open; close one")
        if self._open.total() >= MOST_STREAMS:
            raise RefusedError(503, f"{MOST_STREAMS} streams are open; ask the list instead, or try again later")
        return _Response(self._follow(asked.agent, request, _last(request)), self._open, asked.agent)

    async def _follow(self, agent: str, request: Request, last: int | None) -> AsyncGenerator[str]:
        seen = Seen()
        with self._live.subscribe(TOPIC) as hearing:
            looked = said = checked = time.monotonic()
            while True:
                try:
                    async with self._looking:
                        if looked - checked >= CHECK_SECONDS:
                            await asyncio.to_thread(self._api.asked, request)
                            checked = looked
                        lines = await asyncio.to_thread(self._look, agent, seen, last)
                except RefusedError:
                    return
                except Temporary as error:
                    log.warning("a stream of notices cannot look, it tries again", error=str(error))
                    lines = ""
                if not lines and looked - said >= HEARTBEAT_SECONDS:
                    lines = ": still here\n\n"
                if lines:
                    yield lines
                    said = time.monotonic()
                if (await hearing.wait(POLL_SECONDS)).ended:
                    return
                await asyncio.sleep(looked + PAUSE_SECONDS - time.monotonic())
                looked = time.monotonic()

    def _look(self, agent: str, seen: "Seen", last: int | None) -> str:
        """Return what has to be said since the last look."""
        store, desk = self._api.store, self._api.desk()
        now = in_app.unread(store, desk, agent, seen.beyond)
        if seen.first:
            missed = {} if last is None else in_app.since(store, desk, agent, last)
            fresh = {ticket: one for ticket, one in now.items() if ticket in missed}
            begin = None if fresh else max((one.newest for one in now.values()), default=0)
            lines = ["retry: 2000\n\n", event("unread", {"unread": len(now), "tickets": sorted(now)}, begin)]
            gone: Mapping[int, Unread] = {}
        else:
            lines = []
            fresh = {ticket: one for ticket, one in now.items() if seen.known.get(ticket) != one}
            gone = {ticket: one for ticket, one in seen.known.items() if ticket not in now}
        told = in_app.documents(store, desk, {one.newest: one.count for one in fresh.values()})
        lines += [event("notice", one, one["id"]) for one in reversed(told)]
        if gone:
            became = in_app.became(store, desk, agent, [one.newest for one in gone.values()])
            lines += [
                event(became[one.newest], {"ticket": ticket, "id": one.newest})
                for ticket, one in gone.items()
                if one.newest in became
            ]
        seen.note(now)
        return "".join(lines)


@dataclass(slots=True)
class Seen:
    """What one stream has said: the tickets that are unread, and the row from which on it looks."""

    known: Mapping[int, Unread] = field(default_factory=dict)
    beyond: int = 0
    first: bool = True

    def note(self, now: Mapping[int, Unread]) -> None:
        """Remember what is unread now."""
        if sum(one.count for one in now.values()) == in_app.MOST_UNREAD:
            self.beyond = min(one.newest for one in now.values())
        self.known, self.first = now, False


class _Response(StreamingResponse):
    """A stream that counts among those of its agent for as long as it is sent, however it ends."""

    media_type = "text/event-stream"

    def __init__(self, lines: AsyncGenerator[str], counted: Counter[str], agent: str) -> None:
        super().__init__(lines, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._lines, self._counted, self._agent = lines, counted, agent
        counted[agent] += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._counted[self._agent] -= 1
            await self._lines.aclose()


def event(word: str, data: Mapping[str, Any], id_: int | None = None) -> str:
    """Return an event in the form of the stream; JSON has no line break in it."""
    said = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {word}\n" + (f"id: {id_}\n" if id_ is not None else "") + f"data: {said}\n\n"


def _last(request: Request) -> int | None:
    said = request.headers.get("last-event-id", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 and int(said) <= LARGEST else None
