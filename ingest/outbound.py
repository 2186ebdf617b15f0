"""Asking platforms from here: one client for every call and every file, which goes nowhere it should not.

A URL may come from a stranger's payload, so where it leads is checked (server-side request forgery): a name that resolves to
a private address is not asked, the connection goes to the address that was checked, a redirect is followed for files only and
checked like the first URL, and a platform's credentials never go along to another origin. What is exempt is an origin the
operator wrote into the desk file (`base_url`), unless a redirect leads there. Everything is bounded in size and in time.
"""

import asyncio
import json as json_format
import socket
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urljoin

import httpx2

from config.model import MissingSecretError, Secret
from tickets.trouble import FailureKind, failure

CALL_SECONDS = 15.0
FILE_SECONDS = 60.0
"""How long a call, or a file with its redirects, may take altogether."""
CONNECT_SECONDS = 5.0
CALL_BYTES = 1_048_576
FILE_BYTES = 26_214_400
MOST_REDIRECTS = 3
MOST_ADDRESSES = 4
_NAT64 = IPv6Network("64:ff9b::/96")

_KINDS: Mapping[int, FailureKind] = {
    401: "auth", 403: "auth", 404: "not_found", 408: "transient", 410: "not_found", 413: "too_long", 425: "transient",
    429: "rate_limited",
}  # fmt: skip

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host; raises `OSError`."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses the system's resolver knows for a host; raises `OSError`."""
    return [str(where[0]) for *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def revealed(secret: Secret) -> str:
    """Return the value of a secret that a call needs; raises `Temporary` (auth) when it is not there."""
    try:
        return secret.reveal()
    except (MissingSecretError, ValueError):
        raise failure("auth", f"{secret} is not set or cannot be read; set it, and what waits goes out") from None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a platform answered, whatever its status; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status <= 299

    @property
    def json(self) -> Mapping[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            said = json_format.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}

    @property
    def kind(self) -> FailureKind:
        """What a status that is no success means where the platform says no more (RFC 9110, 15)."""
        return _KINDS.get(self.status, "transient" if self.status >= 500 else "invalid")

    @property
    def retry_after(self) -> float | None:
        """The seconds in `Retry-After`, at most an hour, where the platform wrote a number there (RFC 9110, 10.2.3)."""
        said = self.headers.get("retry-after", "").strip()
        return min(float(said), 3600.0) if said.isascii() and said.isdigit() and len(said) < 10 else None


@dataclass(frozen=True, slots=True)
class File:
    """The bytes behind an attachment, and what the server called them; both words may be empty and neither is to be trusted."""

    data: bytes
    content_type: str = ""
    filename: str = ""


@dataclass(frozen=True)
class Outbound:
    """The client. Thread-safe; it keeps no connection. It blocks, and never belongs on a thread with an event loop.

    `own` are the origins that an operator named, such as a proxy's.
    """

    own: Collection[str] = ()
    resolve: Resolve = resolve
    trust: Callable[[], ssl.SSLContext] = field(default=ssl.create_default_context)

    def call(  # noqa: PLR0913  # what an HTTP request is made of
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str | list[str]] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        content: bytes | None = None,
        login: tuple[str, str] | None = None,
    ) -> Answered:
        """Call a platform and return what it answered; nothing is redirected.

        Raises `Temporary` (transient) when there is no answer, and `Permanent` (invalid) for a URL that may not be asked.
        """
        said = {"headers": headers, "json": json, "data": form, "files": files, "content": content, "auth": login}
        return self._ask(method, url, said, CALL_BYTES, time.monotonic() + CALL_SECONDS)

    def file(
        self, url: str, *, headers: Mapping[str, str] | None = None, login: tuple[str, str] | None = None,
        most: int = FILE_BYTES,
    ) -> File:  # fmt: skip
        """Return a file of at most `most` bytes; `headers` and `login` go to the first URL's origin only.

        Raises what `failure` makes: not_found (also when it is gone), auth, rate_limited, too_long, transient, invalid.
        """
        ends, first = time.monotonic() + FILE_SECONDS, origin(url)
        for _ in range(MOST_REDIRECTS + 1):
            here = origin(url)
            if here != first and here in self.own:
                raise failure("invalid", f"a redirect to {here} is not followed: strangers may not send us there")
            said = {"headers": headers, "auth": login} if here == first else {}
            found = self._ask("GET", url, said, most, ends)
            where = found.headers.get("location")
            if found.status not in (301, 302, 303, 307, 308) or not where:
                return _file(found, url)
            url = _joined(url, where)
        raise failure("invalid", f"{_host(url)} redirects too often")

    def _ask(self, method: str, url: str, said: Mapping[str, Any], most: int, ends: float) -> Answered:
        own = origin(url) in self.own
        try:
            where = httpx2.URL(url)
            host = where.raw_host.decode()
            if not host or where.scheme not in (("https", "http") if own else ("https",)):
                raise failure("invalid", f"{where.scheme}://{host} is not asked: only https:// is")
            port = where.port or (443 if where.scheme == "https" else 80)
            if port > 65_535:
                raise failure("invalid", f"{host} has no port {port}")
            found = self.resolve(host, port)
        except (httpx2.InvalidURL, ValueError):  # a name no resolver takes is a ValueError
            raise failure("invalid", "the URL is none that can be asked") from None
        except OSError as error:
            raise failure("transient", f"{host} is not known: {error}") from error
        addresses = found if own else [one for one in found if public(one)]
        if not addresses:
            raise failure("invalid", f"{host} has no public address; nothing was asked there")
        try:
            return asyncio.run(self._answered(method, where, addresses[:MOST_ADDRESSES], said, most, ends))
        except (httpx2.LocalProtocolError, UnicodeError):  # its words may hold a secret
            raise failure(
                "auth", f"{host} cannot be asked: a secret of this channel has a line break or accent"
            ) from None
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            why = str(error) or "it takes too long"
            raise failure("transient", f"{host} cannot be asked: {why}") from error

    async def _answered(
        self, method: str, url: httpx2.URL, addresses: Sequence[str], said: Mapping[str, Any], most: int, ends: float
    ) -> Answered:
        """Ask the first address that can be reached, all within the time: a server that trickles is given up, too."""
        context = self._context if url.scheme == "https" else False
        limits = httpx2.Timeout(None, connect=CONNECT_SECONDS)
        async with (
            asyncio.timeout(ends - time.monotonic()),
            httpx2.AsyncClient(verify=context, trust_env=False, timeout=limits) as client,
        ):
            for address in addresses[:-1]:
                with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                    return await _one(client, method, (url, address), said, most)
            return await _one(client, method, (url, addresses[-1]), said, most)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self.trust()


async def _one(
    client: httpx2.AsyncClient, method: str, to: tuple[httpx2.URL, str], said: Mapping[str, Any], most: int
) -> Answered:
    """Ask one address that was checked, whatever the name says by now."""
    url, address = to
    rest = {name: value for name, value in said.items() if name != "headers" and value is not None}
    own = {"Host": url.netloc.decode(), "Accept-Encoding": "identity"}
    async with client.stream(
        method,
        url.copy_with(host=address),
        headers={**(said.get("headers") or {}), **own},
        extensions={"sni_hostname": url.raw_host.decode()},
        **rest,
    ) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        too_long = failure("too_long", f"{url.host} answers with more than {most} bytes")
        declared = headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > most:
            raise too_long
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > most:
                raise too_long
    return Answered(answer.status_code, headers, bytes(body))


def _file(found: Answered, url: str) -> File:
    host = _host(url)
    if found.status == 429:
        raise failure("rate_limited", f"{host} asks to wait", found.retry_after)
    if found.status in (401, 403):
        raise failure("auth", f"{host} does not give out the file to us (HTTP {found.status})")
    if found.status >= 500 or found.status == 202:
        raise failure("transient", f"{host} cannot give out the file yet (HTTP {found.status})", found.retry_after)
    if not found.ok:
        raise failure("not_found", f"{host} has no such file any more (HTTP {found.status})")
    told = Message()
    told["content-disposition"] = found.headers.get("content-disposition", "")
    return File(found.body, found.headers.get("content-type", ""), told.get_filename() or "")


def origin(url: str) -> str:
    """Return the scheme, host and port of a URL in their usual form; "" when it is none."""
    try:
        where = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        return ""
    return f"{where.scheme}://{where.netloc.decode()}" if where.host else ""


def public(address: str) -> bool:
    """Tell whether an IP address is one host's of the public internet, also where it means one of IPv4.

    Of what embeds an IPv4 address only NAT64 (RFC 6052) leads anywhere today; the rest is refused.
    """
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found in _NAT64:
        found = IPv4Address(int(found) & 0xFFFF_FFFF)
    embeds = isinstance(found, IPv6Address) and (found.is_site_local or found.sixtofour or found.teredo)
    return found.is_global and not (found.is_multicast or found.is_reserved or embeds)


def _joined(url: str, where: str) -> str:
    try:
        return urljoin(url, where)
    except ValueError:
        raise failure("invalid", f"{_host(url)} redirects to what is no URL") from None


def _host(url: str) -> str:
    return origin(url).partition("://")[2]
