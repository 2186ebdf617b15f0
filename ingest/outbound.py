"""Asking platforms from here: one client for every call and every file, which goes nowhere it should not.

A URL may come from a stranger's payload, so where it leads is checked (server-side request forgery): a name that resolves to
a private address is not asked, the connection goes to the address that was checked, a redirect is followed for files only and
checked like the first URL, and a platform's credentials never go along to another origin. What is exempt is an origin the
operator wrote into the desk file (`base_url`). Everything is bounded in size and in time.
"""

import json as json_format
import socket
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from config.model import MissingSecretError, Secret
from tickets.trouble import failure

CALL_SECONDS = 15.0
FILE_SECONDS = 60.0
"""How long a call, or a file with its redirects, may take altogether."""
CALL_BYTES = 1_048_576
FILE_BYTES = 26_214_400
MOST_REDIRECTS = 3

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
    """The client. Thread-safe; it keeps no connection. `own` are the origins that an operator named, such as a proxy's."""

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

        Raises what `failure` makes: not_found (also when it is gone or withheld), auth, rate_limited, too_long, transient.
        """
        ends, first = time.monotonic() + FILE_SECONDS, origin(url)
        for _ in range(MOST_REDIRECTS + 1):
            said = {"headers": headers, "auth": login} if origin(url) == first else {}
            found = self._ask("GET", url, said, most, ends)
            where = found.headers.get("location")
            if found.status not in (301, 302, 303, 307, 308) or not where:
                return _file(found, url)
            url = urljoin(url, where)
        raise failure("invalid", f"{urlsplit(url).hostname} redirects too often")

    def _ask(self, method: str, url: str, said: Mapping[str, Any], most: int, ends: float) -> Answered:
        try:
            where = urlsplit(url)
            host, port = where.hostname or "", where.port or (443 if where.scheme == "https" else 80)
        except ValueError:
            raise failure("invalid", "the URL is none") from None
        own = origin(url) in self.own
        if not host or where.scheme not in (("https", "http") if own else ("https",)):
            raise failure("invalid", f"{where.scheme}://{host} is not asked: only https:// is")
        failed: Exception | None = None
        try:
            addresses = self.resolve(host, port)
            checked = addresses if own else [one for one in addresses if _public(one)]
            if not checked:
                raise failure("invalid", f"{host} has no public address; nothing was asked there")
            with httpx2.Client(verify=self._context if where.scheme == "https" else False, trust_env=False) as client:
                for address in checked:
                    try:
                        return _answered(client, method, (url, host, address), said, most, ends)
                    except httpx2.ConnectError as error:
                        failed = error
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            failed = error
        raise failure("transient", f"{host} cannot be asked: {failed or type(failed).__name__}") from failed

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self.trust()


def _answered(
    client: httpx2.Client, method: str, to: tuple[str, str, str], said: Mapping[str, Any], most: int, ends: float
) -> Answered:
    """Ask one address that was checked, whatever the name says by now; the whole must end in time."""
    url, host, address = to
    headers = {
        **(said.get("headers") or {}),
        "Host": urlsplit(url).netloc.rpartition("@")[2],
        "Accept-Encoding": "identity",
    }
    pinned = httpx2.URL(url).copy_with(host=address)
    rest = {name: value for name, value in said.items() if name != "headers" and value is not None}
    left = ends - time.monotonic()
    if left <= 0:
        raise httpx2.ReadTimeout("it took too long")
    with client.stream(
        method, pinned, headers=headers, timeout=min(left, CALL_SECONDS), extensions={"sni_hostname": host}, **rest
    ) as answer:
        body = bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > most:
                raise failure("too_long", f"{host} answered with more than {most} bytes")
            if time.monotonic() > ends:
                raise httpx2.ReadTimeout("it took too long")
    return Answered(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, bytes(body))


def _file(found: Answered, url: str) -> File:
    host = urlsplit(url).hostname
    if found.status == 429:
        raise failure("rate_limited", f"{host} asks to wait", found.retry_after)
    if found.status in (401, 403):
        raise failure("auth", f"{host} does not give out the file to us (HTTP {found.status})")
    if found.status >= 500 or found.status == 202:
        raise failure("transient", f"{host} cannot give out the file yet (HTTP {found.status})", found.retry_after)
    if not found.ok:
        raise failure("not_found", f"{host} has no such file any more (HTTP {found.status})")
    told = Message()
    with suppress(ValueError):
        told["content-disposition"] = found.headers.get("content-disposition", "")
    return File(found.body, found.headers.get("content-type", ""), told.get_filename() or "")


def origin(url: str) -> str:
    """Return the scheme, host and port of a URL as they stand in it, in lower case."""
    where = urlsplit(url)
    return f"{where.scheme}://{where.netloc.rpartition('@')[2]}".lower()


def _public(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_global
