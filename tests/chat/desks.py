"""A whole desk on a loopback port, as `frontdesk run` starts it, and visitors who speak the protocol with it."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from commands.parts import CHECKS, KINDS
from commands.serve import _http
from config.settings import Settings
from config.watch import DeskFile
from tests.services import free_port
from worker import App

DESK = """
desk: {name: Acme Support, domain: support.acme.example}
agents:
  - {id: sona, name: Sona, email: sona@acme.example}
  - {id: luca, name: Luca, email: luca@acme.example}
departments:
  - {id: general, name: General, agents: all, addresses: [support@acme.example]}
  - {id: billing, name: Billing, agents: [sona], addresses: [billing@acme.example]}
  - {id: vip, name: VIP, agents: [luca], addresses: [vip@acme.example], hidden: true}
channels:
  - name: site
    type: chat
    origins: ["https://acme.example", "https://*.shop.example"]
<SETTINGS>
  - {name: other, type: chat, origins: ["https://acme.example"]}
"""
Frame = dict[str, Any]
SECONDS = 20


class ChatDesk:
    """One process of a desk. `app` is what it is made of."""

    def __init__(self, folder: Path, database_url: str, settings: str = "", broker_url: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "desk.yaml"
        lines = "\n".join(f"    {line}" for line in settings.strip().splitlines())
        self.file.write_text(DESK.replace("<SETTINGS>", lines), encoding="utf-8")
        self.http = f"127.0.0.1:{free_port()}"
        asked = Settings(
            config=self.file, data=folder / "var", database_url=database_url, broker_url=broker_url, http=self.http
        )
        self.app = App(asked, DeskFile(self.file, KINDS, CHECKS))

    @contextlib.asynccontextmanager
    async def serving(self, *, workers: bool = True) -> AsyncIterator[Self]:
        """Serve while the context lasts; without `workers` messages are kept and nothing is routed."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.app.close)
            if workers:
                stack.enter_context(self.app.workers())
                stack.enter_context(self.app.clock())
            stack.enter_context(self.app.intake())
            async with contextlib.AsyncExitStack() as serving:
                front = self.app.front()
                serving.push_async_callback(front.limiter.close)
                await serving.enter_async_context(front.live.running())
                await serving.enter_async_context(_http(self.app.http(front), self.http, reuse_port=False))
                serving.callback(front.live.end)
                await _listens(self.http)
                yield self

    def url(self, path: str, channel: str = "site") -> str:
        """Return the URL of a path of the channel."""
        return f"http://{self.http}/chat/{channel}/{path}"

    async def ask(self, method: str, path: str, *, channel: str = "site", **said: Any) -> httpx2.Response:
        """Return the answer to an HTTP request."""
        async with httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            return await client.request(method, self.url(path, channel), **said)

    async def session(self, channel: str = "site", **said: Any) -> Frame:
        """Return a new or renewed session."""
        answer = await self.ask("POST", "session", channel=channel, json=said)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def visitor(self, **said: Any) -> "Visitor":
        """Return a new visitor, or the one of a token."""
        return Visitor(self, await self.session(**said))

    @contextlib.asynccontextmanager
    async def socket(
        self, *, origin: str | None = None, channel: str = "site", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator["Socket"]:
        """Open a socket that has said nothing yet."""
        url = self.url("ws", channel).replace("http:", "ws:")
        named = {**({"Origin": origin} if origin else {}), **(headers or {})}
        async with connect(url, additional_headers=named, proxy=None, open_timeout=SECONDS) as connection:
            yield Socket(connection)


class Socket:
    """An open socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[Frame] = []

    async def say(self, frame: Mapping[str, Any]) -> None:
        """Send a frame."""
        await self.connection.send(json.dumps(frame))

    async def hear(self, kind: str | None = None, where: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """Return the next frame, or the next of a kind; those before it stand in `heard`."""
        async with asyncio.timeout(SECONDS):
            while True:
                frame = json.loads(await self.connection.recv())
                self.heard.append(frame)
                if kind in (None, frame["type"]) and where(frame):
                    return dict(frame)

    async def closed(self) -> int:
        """Return the code with which the desk has closed it; what it still said stands in `heard`."""
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(SECONDS):
                while True:
                    self.heard.append(json.loads(await self.connection.recv()))
        return self.connection.close_code or 0


class Visitor:
    """A visitor with a session."""

    def __init__(self, desk: ChatDesk, session: Frame) -> None:
        self.desk = desk
        self.session = session
        self.token: str = session["token"]
        self._numbers = itertools.count(1)

    @property
    def bearer(self) -> Mapping[str, str]:
        """What proves it over HTTP."""
        return {"Authorization": f"Bearer {self.token}"}

    def message(self, text: str = "Where is my order?", **said: Any) -> Frame:
        """Return a message as the widget makes it."""
        number = f"m{next(self._numbers)}"
        return {"type": "message", "id": number, "text": text, "trap": "", "after_ms": 5000, **said}

    @contextlib.asynccontextmanager
    async def connected(self, after: int = 0, **said: Any) -> AsyncIterator[Socket]:
        """Open a socket and say hello."""
        async with self.desk.socket(**said) as socket:
            await socket.say({"type": "hello", "token": self.token, "after": after})
            await socket.hear("welcome")
            yield socket

    async def post(self, frame: Mapping[str, Any], **headers: str) -> httpx2.Response:
        """Send a frame over HTTP."""
        content = json.dumps(frame).encode()
        return await self.desk.ask("POST", "frames", content=content, headers={**self.bearer, **headers})

    async def events(self, after: int = 0, wait: float = 0) -> list[Frame]:
        """Return what is new, by long-poll."""
        answer = await self.desk.ask("GET", f"events?after={after}&wait={wait:g}", headers=self.bearer)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["events"])


async def until_async(true: Callable[[], Any]) -> None:
    """Wait until something holds; the bound is for the day it never does."""
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110  # what is waited for happens in the database
            await asyncio.sleep(0.01)


async def _listens(address: str) -> None:
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                return
            await asyncio.sleep(0.01)
