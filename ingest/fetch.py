"""Asking a provider something on its own servers: one GET over HTTPS, to a public address, with a size and a time limit.

Whoever calls has checked that the URL is the provider's own. What is checked here is where it leads: a name that resolves
to a private address is not followed (server-side request forgery), nor is any redirect.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol
from urllib.parse import urlsplit

import httpx2

from ingest.outbound import public
from tickets.trouble import Temporary

MAX_BYTES = 262_144
SECONDS = 8
"""All of a GET together; Amazon SNS waits 15 seconds for its answer."""
AT_ONCE = 8
MOST_KNOWN = 32
OLD = 86_400.0
"""After so many seconds a document is fetched again: keys are changed."""
NEW = 300.0
"""A document of this age is not fetched again, even when something is missed in it: anybody can make us miss something."""
PAUSE = 5.0
"""So long nobody else asks for a document that could not be had."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; raises `OSError`."""


class Fetch(Protocol):
    """What a delivery may ask for; both raise `Temporary` when there is no answer with status 200."""

    async def document(self, url: str, *, anew: bool = False) -> bytes:
        """Return what stands at a URL, as it was within the last day; with `anew`, within the last five minutes."""

    async def visit(self, url: str) -> None:
        """Get a URL for what that does there."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses the system's resolver knows for a host; raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(where[0]) for *_, where in found]


@dataclass(slots=True)
class _Document:
    """What is known of a URL; times are the clock's. The lock lets one delivery ask for all that wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body: bytes | None = None
    at: float = 0.0
    trouble: str = ""
    tried: float = 0.0


class Fetcher:
    """The real one. Documents are remembered for a day, so that a provider is not asked for each delivery."""

    def __init__(
        self,
        resolve: Resolve = resolve,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve
        self._trust = trust
        self._clock = clock
        self._known: dict[str, _Document] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def document(self, url: str, *, anew: bool = False) -> bytes:
        """Return what stands at a URL, as it was within the last day or five minutes; raises `Temporary`."""
        if url not in self._known and len(self._known) >= MOST_KNOWN:
            self._known.clear()
        known = self._known.setdefault(url, _Document())
        async with known.lock:
            now = self._clock()
            if known.body is not None and now - known.at < (NEW if anew else OLD):
                return known.body
            if known.trouble and now - known.tried < PAUSE:
                raise Temporary(known.trouble)
            try:
                known.body, known.at, known.trouble = await self._get(url), now, ""
            except Temporary as error:
                known.trouble, known.tried = str(error), now
                if known.body is None:
                    self._known.pop(url, None)  # what a stranger made up must not push out what is real
                raise
            return known.body

    async def visit(self, url: str) -> None:
        """Get a URL for what that does there; raises `Temporary`."""
        await self._get(url)

    async def _get(self, url: str) -> bytes:
        where = urlsplit(url)
        host = where.hostname or ""
        failed: Exception | None = None
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._turn,
                httpx2.AsyncClient(verify=self._context, trust_env=False, timeout=SECONDS) as client,
            ):
                for address in await self._public_addresses(host, where.port or 443):
                    try:
                        return await _ask(client, url, address)
                    except httpx2.ConnectError as error:
                        failed = error
        except (TimeoutError, OSError, httpx2.HTTPError) as error:
            failed = error
        raise Temporary(f"{host} cannot be asked: {str(failed) or 'it takes too long'}") from failed

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._trust()

    async def _public_addresses(self, host: str, port: int) -> Sequence[str]:
        found = [one for one in await self._resolve(host, port) if public(one)]
        if not found:
            raise Temporary(f"{host} has no public address; nothing was asked there")
        return found


async def _ask(client: httpx2.AsyncClient, url: str, address: str) -> bytes:
    """Return the body of a 200; the connection goes to the address that was checked, whatever the name says by now."""
    host = urlsplit(url).hostname or ""
    headers = {"Host": urlsplit(url).netloc, "Accept-Encoding": "identity"}
    pinned = httpx2.URL(url).copy_with(host=address)
    async with client.stream("GET", pinned, headers=headers, extensions={"sni_hostname": host}) as answer:
        if answer.status_code != 200:
            raise Temporary(f"{host} answered {answer.status_code}")
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > MAX_BYTES:
                raise Temporary(f"{host} answered with more than {MAX_BYTES} bytes")
    return bytes(body)
