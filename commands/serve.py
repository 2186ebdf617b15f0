"""Serving: listeners and HTTP in one event loop, started in order, stopped in reverse."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import structlog
import uvicorn
from starlette.applications import Starlette

from config.desk import Desk
from ingest.channels import smtp

GRACE_SECONDS = 3
LARGEST_CONCURRENCY = 500

log = structlog.get_logger()


class CannotListenError(Exception):
    """An address cannot be listened on; the message says which and what to do."""


async def serve(
    desk: Callable[[], Desk], accept: smtp.Accept, app: Starlette, http: str, started: Callable[[list[str]], None]
) -> None:
    """Listen until SIGINT or SIGTERM; `started` is told the addresses. Raises `CannotListenError`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with contextlib.AsyncExitStack() as stack:
            addresses = [await stack.enter_async_context(_http(app, http))]
            for config in desk().channels:
                if isinstance(config, smtp.Config):
                    await stack.enter_async_context(_smtp(config, desk, accept))
                    addresses.append(f"smtp://{config.listen}")
            started(addresses)
            await stop.wait()
            log.info("stopping")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _smtp(config: smtp.Config, desk: Callable[[], Desk], accept: smtp.Accept) -> AsyncIterator[None]:
    try:
        server = await smtp.listen(config, desk, accept)
    except OSError as error:
        raise CannotListenError(_words(config.listen, f"channel {config.name}: listen", error)) from error
    try:
        yield
    finally:
        server.close()  # the sessions under way end with the inbox, which answers everybody it still keeps


@contextlib.asynccontextmanager
async def _http(app: Starlette, address: str) -> AsyncIterator[str]:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, int(port)))
    except OSError as error:
        listening.close()
        raise CannotListenError(_words(address, "FRONTDESK_HTTP", error)) from error
    server = _Server(
        uvicorn.Config(
            app,
            ws="none",
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


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`: there is more to stop than HTTP."""
        yield


def _words(address: str, setting: str, error: OSError) -> str:
    return f"Nothing can listen on {address}: {error.strerror or error}. Stop what uses it, or change {setting}"
