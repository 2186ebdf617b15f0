"""Slack by a WebSocket of ours, for desks that no URL leads to (https://docs.slack.dev/apis/events-api/using-socket-mode).

Slack sends envelopes and repeats those that are not acknowledged: each is, when what it asks for is committed. A connection lives
for some hours; before Slack ends it, it says so, and the next one is opened while the old one is still read.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from ingest.channel import Unreadable
from ingest.payload import Fields, count, opened, part, word
from notify.slack import Config
from tickets.trouble import Permanent, Temporary
from web.slack import Slack
from web.slack_clicks import Heard

LOOK_SECONDS: Final = 2.0
"""How often the desk file is asked whether there is a token, and still the same."""
LONGEST_WAIT: Final = 60.0
LARGEST_FRAME: Final = 1_048_576
MOST_AT_ONCE: Final = 16

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a connection ended, in words, and how long to wait at least, in seconds."""

    why: str
    wait: float = 0.0


class SocketMode:
    """One connection of this process, as long as the desk file has an `app_token`. `jitter` gives a number from 0 to 1."""

    def __init__(self, slack: Slack, jitter: Callable[[], float] = random.random) -> None:
        self._slack = slack
        self._jitter = jitter
        self._failures = 0

    async def run(self) -> None:
        """Listen until cancelled; what fails is tried again, later each time."""
        open_ = set[asyncio.Task[Ended]]()
        try:
            while True:
                config = self._slack.config()
                if config is None or config.app_token is None:
                    await asyncio.sleep(LOOK_SECONDS)
                    continue
                ends = asyncio.Event()
                task = asyncio.create_task(self._listen(config, ends))
                open_.add(task)
                task.add_done_callback(open_.discard)
                await self._while_good(task, ends, config)
                if task.done() and not task.cancelled() and not ends.is_set():
                    await asyncio.sleep(self._wait(task.result()))
        finally:
            for task in open_:
                task.cancel()
            await asyncio.gather(*open_, return_exceptions=True)

    async def _while_good(self, task: asyncio.Task[Ended], ends: asyncio.Event, config: Config) -> None:
        """Return when a connection has ended or will, or the desk file does not want it any more."""
        until = asyncio.create_task(ends.wait())
        try:
            while not (task.done() or ends.is_set()):
                await asyncio.wait({task, until}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if self._slack.config() != config:
                    task.cancel()
                    return
        finally:
            until.cancel()

    def _wait(self, ended: Ended) -> float:
        """Return how long to wait before the next connection, in seconds; say why the last one ended."""
        wait = max(min(LONGEST_WAIT, 2.0**self._failures) * (0.5 + 0.5 * self._jitter()), ended.wait)
        self._failures = min(self._failures + 1, 10)
        log.warning("Slack's socket is not open", error=ended.why, seconds=round(wait, 1))
        return wait

    async def _listen(self, config: Config, ends: asyncio.Event) -> Ended:
        """Take envelopes until the connection has ended; `ends` is set when Slack says that it will."""
        try:
            url = await asyncio.to_thread(self._slack.workspace(config).socket_url)
            async with connect(url, max_size=LARGEST_FRAME, open_timeout=10) as socket:
                return Ended(await self._take(socket, ends))
        except (Temporary, Permanent) as error:
            return Ended(str(error), getattr(error, "retry_after", None) or 0.0)
        except InvalidURI:  # whose words are the URL, a secret for one use
            return Ended("Slack names no address of a socket")
        except (ConnectionClosed, InvalidHandshake, OSError) as error:  # a time-out is an OSError
            return Ended(f"it cannot be opened: {error}")

    async def _take(self, socket: ClientConnection, ends: asyncio.Event) -> str:
        """Take envelopes until the connection has ended, and what they ask for is done; return why in words."""
        room = asyncio.Semaphore(MOST_AT_ONCE)
        async with asyncio.TaskGroup() as envelopes:
            try:
                async for frame in socket:
                    said = _read(frame)
                    match word(said, "type"):
                        case "hello":
                            self._failures = 0
                            log.info("Slack's socket is open")
                        case "disconnect" if word(said, "reason") == "link_disabled":
                            return "Socket Mode is switched off in the app's settings"
                        case "disconnect":
                            ends.set()
                        case "interactive" | "events_api" | "slash_commands":
                            await room.acquire()
                            envelopes.create_task(self._envelope(socket, said, room))
            except ConnectionClosed as error:
                return f"the connection broke: {error}"
        return "it was closed"

    async def _envelope(self, socket: ClientConnection, said: Fields, room: asyncio.Semaphore) -> None:
        """Do what an envelope asks for and acknowledge it; what is not done is not acknowledged, and comes again."""
        try:
            heard = await asyncio.to_thread(self._heard, said)
            answer = {"envelope_id": word(said, "envelope_id")} | ({"payload": heard.body} if heard.body else {})
            with suppress(ConnectionClosed):  # it comes again, and was done before
                await socket.send(json.dumps(answer))
            if heard.later:
                await asyncio.to_thread(heard.later)
        except Temporary as error:
            log.warning("not taken, Slack sends it again", error=str(error))
        except Exception:
            log.exception("an envelope of Slack failed")
        finally:
            room.release()

    def _heard(self, said: Fields) -> Heard:
        payload = part(said, "payload")
        match word(said, "type"):
            case "interactive":
                return self._slack.interaction(payload)
            case "events_api":
                return self._slack.event(payload, count(said, "retry_attempt"))
        return Heard()


def _read(frame: str | bytes) -> Fields:
    """Return what a frame says; nothing when it cannot be read."""
    try:
        return opened(frame.encode() if isinstance(frame, str) else frame)
    except Unreadable as error:
        log.warning("Slack sent what cannot be read", error=str(error))
        return {}
