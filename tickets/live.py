"""Live signals: a bell for whoever has a conversation open. What is rung is never the message, and may be lost.

Whoever changes a conversation says so after the commit (`tell`); whoever shows it hears that and reads the database, which is
the truth. In one process signals go from thread to event loop; with Redis every process hears those of all others, over one
connection (publish and subscribe, https://redis.io/docs/latest/develop/pubsub/). A subscriber that cannot keep up, or whose
process lost Redis for a while, is told that it missed something, and reads again.
"""

import asyncio
import json
import queue
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import structlog
from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

MOST_WAITING: Final = 32
"""Signals that wait for one subscriber; when there are more they are all dropped, and it is told that it missed some."""
LONGEST_QUEUE: Final = 10_000
"""Signals that wait for Redis; the next ones are dropped."""
PING_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 30.0
"""So long after the last word of Redis the connection is taken for dead."""
AGAIN_SECONDS: Final = 0.5
STOP_SECONDS: Final = 5

Signal = Mapping[str, Any]
"""What is told, as JSON can say it: `{"type": "line"}`."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Heard:
    """What came: the signals in their order, whether some are `missed`, and whether it has `ended`: nothing comes any more."""

    signals: tuple[Signal, ...] = ()
    missed: bool = False
    ended: bool = False


class Hearing:
    """What one subscriber hears, in the event loop that subscribed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rung = asyncio.Event()
        self._signals: list[Signal] = []
        self._missed = self._ended = False

    async def wait(self, seconds: float) -> Heard:
        """Return what has come since the last call, as soon as there is something, or nothing after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        heard = Heard(tuple(self._signals), self._missed, self._ended)
        self._signals, self._missed = [], False
        if not self._ended:
            self._rung.clear()
        return heard

    def ring(self, what: Signal | None, *, ended: bool = False) -> None:
        """Give it a signal, or say that it missed one (nothing), or that it ends; from any thread, without waiting."""
        with suppress(RuntimeError):  # the loop is closed, nobody waits there
            self._loop.call_soon_threadsafe(self._take, what, ended)

    def _take(self, what: Signal | None, ended: bool) -> None:
        self._ended = self._ended or ended
        if what is None:
            self._missed = self._missed or not ended
        elif len(self._signals) == MOST_WAITING:
            self._signals, self._missed = [], True
        elif what not in self._signals:
            self._signals.append(what)
        self._rung.set()


class Live:
    """Signals inside one process. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._hearings: dict[str, set[Hearing]] = {}
        self._ended = False

    def tell(self, topic: str, what: Signal) -> None:
        """Tell everybody who subscribed to the topic, soon; never waits and never raises."""
        self._ring(topic, what)

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[Hearing]:
        """Hear what is told about a topic while the context lasts; call it in the event loop that waits."""
        hearing = Hearing(asyncio.get_running_loop())
        with self._guard:
            self._hearings.setdefault(topic, set()).add(hearing)
            if self._ended:
                hearing.ring(None, ended=True)
        try:
            yield hearing
        finally:
            with self._guard:
                others = self._hearings[topic]
                others.discard(hearing)
                if not others:
                    del self._hearings[topic]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear other processes while the context lasts; in memory there are none."""
        yield

    def end(self) -> None:
        """Tell every subscriber, also those who come later, that nothing comes any more: the process stops."""
        with self._guard:
            self._ended = True
            everybody = [one for some in self._hearings.values() for one in some]
        for one in everybody:
            one.ring(None, ended=True)

    def close(self) -> None:
        """Give back what is open."""

    def _ring(self, topic: str, what: Signal) -> None:
        with self._guard:
            here = list(self._hearings.get(topic, ()))
        for one in here:
            one.ring(what)

    def _missed(self) -> None:
        with self._guard:
            everybody = [one for some in self._hearings.values() for one in some]
        for one in everybody:
            one.ring(None)


class RedisLive(Live):
    """Signals between processes; while Redis is away, those inside the process go on."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._redis = Redis.from_url(url, socket_connect_timeout=3, socket_timeout=5)
        database = self._redis.connection_pool.connection_kwargs.get("db") or 0
        self._channel = f"frontdesk:{database}:live"  # what is published goes to every database of the server
        self._own = uuid4().hex
        self._told: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def tell(self, topic: str, what: Signal) -> None:
        """Tell everybody in any process who subscribed to the topic, soon; never waits and never raises."""
        self._ring(topic, what)
        if self._told.qsize() < LONGEST_QUEUE:
            self._told.put(json.dumps([self._own, topic, what]))
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._publish, name="live", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Tell what is in hand, then give back what is open."""
        if self._thread is not None:
            self._told.put(None)
            self._thread.join(STOP_SECONDS)
        self._redis.close()

    def _publish(self) -> None:
        silent = False
        while (told := self._told.get()) is not None:
            try:
                self._redis.publish(self._channel, told)
                silent = False
            except (RedisError, OSError) as error:
                if not silent:
                    log.warning("no live signals to other processes; they read the database", error=str(error))
                silent = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear other processes while the context lasts."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        silent = False
        while True:
            try:
                async with AsyncRedis.from_url(self._url, socket_connect_timeout=3) as redis, redis.pubsub() as heard:
                    await heard.subscribe(self._channel)
                    self._missed()  # what was told while nobody here listened
                    silent = False
                    await self._hear(heard)
            except (RedisError, OSError) as error:
                if not silent:
                    log.warning("no live signals of other processes; the database is read instead", error=str(error))
                silent = True
            await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, heard: Any) -> None:
        """Pass on what is told until the connection ends; raises `RedisError` or `OSError`."""
        waited = 0.0
        while waited < SILENT_SECONDS:
            message = await heard.get_message(timeout=PING_SECONDS)
            if message is None:
                waited += PING_SECONDS
                await heard.ping()
                continue
            waited = 0.0
            if message["type"] == "message":
                sender, topic, what = json.loads(message["data"])
                if sender != self._own:
                    self._ring(topic, what)
        raise TimeoutError("Redis has been silent for too long")


def open_live(broker_url: str | None) -> Live:
    """Return the signals of the settings: through Redis where there is one; nothing is connected yet."""
    return Live() if broker_url is None else RedisLive(broker_url)
