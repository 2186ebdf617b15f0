"""Web Push to agents' browsers and phones: RFC 8030, encrypted for the device (RFC 8291), signed by this desk (RFC 8292).

    POST https://fcm.googleapis.com/fcm/send/dEv1ce
    authorization: vapid t=<JWT of aud, exp and sub>, k=<the desk's public key>
    content-encoding: aes128gcm
    ttl: 86400    urgency: high    topic: t17

One row of the outbox goes to all devices of its agent. It is told when one device's service has taken it: what the others
answered stands in the log, and is not tried again, for the agent would be told twice. The push service learns nothing but the size,
and the notification has no word of the customer in it.

Vendor's document: https://www.w3.org/TR/push-api/
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import structlog
from pydantic import AfterValidator, Field

from config.model import Model
from config.notices import URGENT
from notify.note import Note, one_line
from notify.notifier import LOOPBACK, Answer, Call, Called
from tickets import devices
from tickets.devices import Device
from tickets.store import Store
from tickets.trouble import Permanent, Temporary

SERVICES: Final = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
"""Hosts of the browsers' push services; an endpoint comes from a browser, and leads nowhere else."""
GONE: Final = (404, 410)
"""What a push service answers for a device that is not there any more."""
TOKEN_SECONDS: Final = 12 * 3600
"""A signature counts for so long; more than 24 hours are refused."""
KEPT_SECONDS: Final = 86_400
RINGING_SECONDS: Final = 60
"""How long a service keeps what a device that is off did not get; a chat does not ring for longer."""
MOST_AT_ONCE: Final = 8
"""Devices asked at once: with the most devices, and each as slow as may be, it takes less than a lease."""
_PLAIN: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
"""A host, and a port perhaps: in anything else two readers of URLs may find different hosts."""

log = structlog.get_logger()


def _origin(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from error
    if not host or parts.scheme not in ("https", "http") or value != f"{parts.scheme}://{parts.netloc}" or "@" in value:
        raise ValueError("write it as https://host, without a path")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("must begin with https://; http:// is for this machine only")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}"


class Service(Called):
    """A push service besides those of the browsers."""

    url: Annotated[str, AfterValidator(_origin)] = Field(description="https://host; http:// for this machine only")


class Config(Model):
    """`notifiers: push:` whom a push service may ask about what we send, and services besides those of the browsers."""

    contact: str = Field(
        pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://[^\s]+)$", description="mailto:ops@acme.example, or an https:// page"
    )
    services: tuple[Service, ...] = Field(default=(), description="push services of your own")


@dataclass(frozen=True, slots=True)
class _Told:
    """What came of one device: its service took it (`ok`), it is `dead`, may take it later, or never takes it and why."""

    ok: bool = False
    dead: bool = False
    later: float | None = None
    why: str = ""


class Push:
    """The way `push` of the outbox. `clock` gives UTC seconds."""

    def __init__(self, config: Config, store: Store, call: Call, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._store = store
        self._call = call
        self._clock = clock

    def send(self, note: Note) -> str:
        """Tell every device of the agent, and return how many were told.

        Raises `Temporary` when none was told and one may be later, else `Permanent`; about the way when no device is left.
        """
        known = devices.of(self._store, note.recipient)
        if not known:
            raise Permanent("no device is registered for push; switch it on at /notices", way=True)
        body, headers = payload(note), _headers(note)
        with ThreadPoolExecutor(min(MOST_AT_ONCE, len(known)), "push") as pool:
            told = list(pool.map(lambda one: self._tell(one, body, headers), known))
        for device, one in zip(known, told, strict=True):
            if one.dead:
                devices.dead(self._store, device)
            if not one.ok:
                log.warning(
                    "a device was not told", device=device.id, agent=note.recipient, outbox=note.id, why=one.why
                )
        if any(one.ok for one in told):
            return f"push:{sum(one.ok for one in told)}/{len(told)}"
        later = [one for one in told if one.later is not None]
        if later:
            raise Temporary(later[0].why, min(one.later or 0.0 for one in later) or None)
        words = next((one.why for one in told if not one.dead), told[0].why)
        raise Permanent(words, way=all(one.dead for one in told))

    def describe(self) -> str:
        """Return in a few words where it sends."""
        return "push → the agents' devices"

    def close(self) -> None:
        """Nothing is kept open."""

    def _tell(self, device: Device, body: bytes, headers: Mapping[str, str]) -> _Told:
        from notify.sealed import sealed  # noqa: PLC0415  # it costs a tenth of a second to import

        host = urlsplit(device.endpoint).hostname or "?"
        if not allowed(device.endpoint, self._config):  # the desk file has changed since
            return _Told(why=f"{host} is no push service of this desk; see notifiers.push.services")
        try:
            said = {**headers, "authorization": self._signed(device.endpoint)}
            answer = self._call("POST", device.endpoint, headers=said, content=sealed(body, device))
        except Temporary as error:
            return _Told(later=error.retry_after or 0.0, why=str(error))
        except Permanent as error:
            return _Told(why=str(error))
        return _told(host, answer)

    def _signed(self, endpoint: str) -> str:
        """Return who sends, as RFC 8292 says it; for one push service and a while."""
        from notify.sealed import vapid  # noqa: PLC0415  # see above

        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(self._clock()) + TOKEN_SECONDS,
            "sub": self._config.contact,
        }
        return vapid(self._store, claims)


def _told(host: str, answer: Answer) -> _Told:
    """Return what an answer means (RFC 8030, 5 and 7.3)."""
    status = f"(HTTP {answer.status})"
    if answer.ok:
        return _Told(ok=True)
    if answer.status in GONE:
        return _Told(dead=True, why=f"{host} does not know the device any more {status}")
    if answer.status in (401, 403):
        words = "refuses this desk's key: register the device again, and see that the clock is right"
        return _Told(why=f"{host} {words} {status}")
    if answer.status == 429 or answer.status >= 500:
        return _Told(later=answer.retry_after or 0.0, why=f"{host} asks to come later {status}")
    return _Told(why=f"{host} does not take it {status}")


def allowed(endpoint: str, config: Config) -> bool:
    """Tell whether an endpoint is one of a push service this desk sends to."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint or not _PLAIN.fullmatch(parts.netloc):
        return False
    if f"{parts.scheme}://{host}{f':{port}' if port else ''}" in {one.url for one in config.services}:
        return True
    known = any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in SERVICES)
    return parts.scheme == "https" and port in (None, 443) and known


def payload(note: Note) -> bytes:
    """Return what the device shows, as JSON for the page's service worker (web/static/sw.js): no word of the customer."""
    tickets = {one.number for one in (note, *note.together)}
    said: dict[str, Any] = {
        "title": note.headline[:200],
        "body": f"#{note.number}: {one_line(note.reason)}"[:500],
        "ticket": note.number,
        "tag": f"ticket-{note.number}",
        "count": 1 + len(note.together),
    }
    if len(tickets) > 1:
        said |= {"title": f"{said['count']} notices", "body": f"of {len(tickets)} tickets", "tag": "digest"}
    if note.url:
        said["url"] = f"{note.url}/notices#ticket-{note.number}"
    return json.dumps(said, ensure_ascii=False).encode()


def _headers(note: Note) -> dict[str, str]:
    words = {one.word for one in (note, *note.together)}
    several = len({one.number for one in (note, *note.together)}) > 1
    return {
        "content-type": "application/octet-stream",
        "content-encoding": "aes128gcm",
        "ttl": str(RINGING_SECONDS if words == {"chat_ringing"} else KEPT_SECONDS),
        "urgency": "high" if words & URGENT else "normal",
        "topic": "digest" if several else f"t{note.number}",
    }
