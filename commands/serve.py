"""Serving: listeners and HTTP in one event loop, started in order, stopped in reverse."""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from commands.output import line
from config.desk import ChannelConfig, Desk
from ingest import channel as channels
from ingest.channel import ListeningChannel
from ingest.front import Front

GRACE_SECONDS = 3
LARGEST_CONCURRENCY = 6000
"""Connections over HTTP, those of chats among them; each channel and `web` have narrower bounds of their own."""
LARGEST_FRAME = 65_536
SLOW_SECONDS = 30.0
"""A client that does not read what it is sent is cut off after so long."""
FILES = 65_536
"""File descriptors a process asks for, as far as it may have them: a connection is one."""
AGAIN_SECONDS = 60

Run = Callable[[], Coroutine[Any, Any, None]]
"""Runs for as long as it is let."""

log = structlog.get_logger()


class CannotListenError(Exception):
    """An address cannot be listened on; the message says which and what to do."""


async def serve(
    front: Front,
    app: Starlette,
    *,
    http: str,
    started: Callable[[list[str]], None],
    beside: Mapping[str, Run] | None = None,
    reuse_port: bool = False,
) -> None:
    """Listen and watch until SIGINT or SIGTERM; `started` is told the addresses. Raises `CannotListenError`.

    What is `beside`, by its name, runs meanwhile; when it fails it begins again.
    With `reuse_port` several processes share the addresses (SO_REUSEPORT), and the kernel deals the connections out.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(front.limiter.close)
            await stack.enter_async_context(front.live.running())
            addresses = [await stack.enter_async_context(_http(app, http, reuse_port=reuse_port))]
            stack.callback(front.live.end)  # first of all: whoever follows a conversation says goodbye
            for config in front.desk().channels:
                address = f"{getattr(config, 'protocol', config.type)}://{getattr(config, 'listen', '')}"
                if (module := channels.listening(config.type)) is not None and address not in addresses:
                    await stack.enter_async_context(_listening(module, config, front, reuse_port=reuse_port))
                    addresses.append(address)
                if (watcher := channels.watching(config.type)) is not None:
                    watch = partial(watcher.watch, config, front.desk, front.accept, front.store)
                    await stack.enter_async_context(_meanwhile(f"channel {config.name}", watch))
            for name, run in (beside or {}).items():
                await stack.enter_async_context(_meanwhile(name, run))
            started(addresses)
            await stop.wait()
            log.info("stopping")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _listening(
    module: ListeningChannel, config: ChannelConfig, front: Front, *, reuse_port: bool
) -> AsyncIterator[None]:
    try:
        server = await module.listen(config, front.desk, front.accept, reuse_port=reuse_port)
    except OSError as error:
        where = str(getattr(config, "listen", "its address"))
        raise CannotListenError(_words(where, f"channel {config.name}: listen", error)) from error
    try:
        yield
    finally:
        server.close()  # the sessions under way end with the inbox, which answers everybody it still keeps


@contextlib.asynccontextmanager
async def _meanwhile(name: str, run: Run) -> AsyncIterator[None]:
    task = asyncio.create_task(_for_ever(name, run))
    try:
        yield
    finally:
        task.cancel()  # what is fetched and not kept is fetched again
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _for_ever(name: str, run: Run) -> None:
    while True:
        try:
            await run()
        except Exception:
            log.exception("it failed and begins again", what=name)
            await asyncio.sleep(AGAIN_SECONDS)


@contextlib.asynccontextmanager
async def _http(app: Starlette, address: str, *, reuse_port: bool) -> AsyncIterator[str]:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    _room_for_connections()
    try:
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SLOW_SECONDS * 2000))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, int(port)))
    except OSError as error:
        listening.close()
        raise CannotListenError(_words(address, "FRONTDESK_HTTP", error)) from error
    server = _Server(
        uvicorn.Config(
            app,
            ws=_Socket,
            ws_max_size=LARGEST_FRAME,
            ws_per_message_deflate=False,  # a third of a megabyte for each socket that is open
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=LARGEST_CONCURRENCY,
            h11_max_incomplete_event_size=65_536,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://{address}"
    finally:
        server.should_exit = True
        await task
        listening.close()


class _Socket(WebSocketsSansIOProtocol):
    """A WebSocket that is cut off when its client does not read: closing it would wait for that client."""

    _slow: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Begin to wait for the client."""
        super().pause_writing()
        self._slow = self.loop.call_later(SLOW_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self._in_time()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._in_time()
        super().connection_lost(exc)

    def _in_time(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None


def _room_for_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < LARGEST_CONCURRENCY:
        log.warning("this process may open few files; raise its limit (ulimit -n, LimitNOFILE)", files=wanted)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`: there is more to stop than HTTP."""
        yield


def _words(address: str, setting: str, error: OSError) -> str:
    advice = "Stop what uses it, or change" if error.errno else "See"
    return f"Nothing can listen on {address}: {error.strerror or error}. {advice} {setting}"


def greet(desk: Desk, file: Path, addresses: Sequence[str], facts: Sequence[str]) -> None:
    """Tell a person what runs, and three lines to try; `facts` are where it keeps things and how agents are told."""
    line(f"{desk.desk.name} is at work: desk file {file} (version {desk.version})", "bold")
    for fact in (*(f"listening on {address}" for address in addresses), *facts):
        line(f"  {fact}")
    line("Try, in another terminal:", "bold")
    address = next(iter(desk.departments_by_address), "support@example.com")
    mail_at = next((found.partition("://")[2] for found in addresses if found.startswith("smtp://")), None)
    if mail_at:
        host, _, port = mail_at.rpartition(":")
        line(
            f"""  python3 -c "import smtplib; smtplib.SMTP('{host}', {port}).sendmail('ann@example.com', '{address}', """
            """'From: Ann <ann@example.com>\\nSubject: My invoice\\n\\nWhere is it?')\""""
        )
    line("  .venv/bin/frontdesk tickets")
    line("  .venv/bin/frontdesk why 1")
    line("Ctrl-C stops it.", "dim")
