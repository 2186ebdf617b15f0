"""What a channel is: one module in `ingest/channels/`, found by its file name, the `type:` of the desk file.

Every channel module has

* `Config`, a `ChannelConfig` with `type: Literal["<file name>"]` and the channel's own settings;
* `parse(raw) -> list[InboundMessage]`, a pure function of the bytes as they came, which raises `Unreadable` and nothing else.

A channel that is called over HTTP also has `HOOK`, `verify` and `answer` (see `WebChannel`), `mails` when what it is given
are whole mails (see `PostedMail`), and `wants` and `confirms` when it must ask its provider something (see `Asking`),
`handshake` when its provider asks it something (see `Greeting`), `whole` when the URL of a delivery counts (see
`Addressed`), `respond` when its answer depends on the desk (see `Responding`); one that listens by itself has `listen`, one
that fetches by itself `watch`, one with paths of its own `routes` (see `RoutedChannel`). One that takes mail says `MAIL =
True`. One through which agents answer has `send`, and perhaps `answer_until` (see `AnsweringChannel`), `name` and `fetch`
(see `LookingUp` and `Fetching`). The steps to add one stand in docs/adding-a-channel.md.
"""

import asyncio
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl

from starlette.routing import BaseRoute

import ingest.channels
from config.desk import ChannelConfig, Desk
from config.problems import Problem
from ingest.arrival import Accept, Kept
from ingest.front import Front
from ingest.mail.posted import Posted
from ingest.outbound import File, Outbound, origin
from tickets.availability import Availability
from tickets.message import InboundMessage
from tickets.reply import Reply
from tickets.store import Store


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP delivery: the body as it came, the headers (names in lower case) and when it came, in Unix seconds.

    `fetched` are the documents the channel `wants` for its verification, by their URLs. `target` is the path and the query
    string as they came, both still encoded; the scheme and host the sender used are not known behind a proxy.
    """

    raw: bytes
    headers: Mapping[str, str]
    at: float = field(default_factory=time.time)
    fetched: Mapping[str, bytes] = field(default_factory=dict)
    method: str = "POST"
    target: str = ""

    @property
    def query(self) -> Mapping[str, str]:
        """The first value of each parameter of the query string, decoded."""
        return dict(reversed(parse_qsl(self.target.partition("?")[2][:8192], keep_blank_values=True)))


class Unreadable(Exception):  # noqa: N818  # a word of the domain: what is unreadable goes to quarantine
    """The bytes were rightly delivered but cannot be understood; the message says why."""


class Refused(Exception):  # noqa: N818
    """The delivery is not taken: an HTTP status and words the sender can act on; `retry_after` in seconds."""

    def __init__(self, status: int, words: str, retry_after: int | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.retry_after = retry_after


class Outdated(Refused):
    """The delivery may be genuine, but what was fetched for it is too old to tell: it is fetched again, once, and verified."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A way in over HTTP: the path with `{channel}` in it, the largest body in bytes, and the CORS headers of an origin.

    `cors(config, request)` returns the headers a browser needs to read the answer; it is asked for every answer of the
    channel and for the preflight (https://fetch.spec.whatwg.org/#http-cors-protocol). `also` are other paths it takes.
    `rate(config)` is how many deliveries one address may make (`300/minute`), where senders are strangers.
    """

    path: str
    max_bytes: int
    cors: Callable[[Any, Request], Mapping[str, str]] | None = None
    also: tuple[str, ...] = ()
    rate: Callable[[Any], str] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path it takes."""
        return self.path, *self.also


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender hears once its messages are durable: `body` as JSON, or else `text` of the type `media_type`."""

    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    media_type: str = "text/plain; charset=utf-8"


class Channel(Protocol):
    """The module of a channel."""

    Config: type[ChannelConfig]

    def parse(self, raw: bytes) -> list[InboundMessage]:
        """Return every message in the bytes, in their order; raises `Unreadable`."""


class ListeningChannel(Channel, Protocol):
    """The module of a channel that listens by itself, at its setting `listen`."""

    async def listen(
        self, config: Any, desk: Callable[[], Desk], accept: Accept, *, reuse_port: bool
    ) -> asyncio.Server:
        """Listen until the returned server is closed; raises `OSError`. `desk` gives the desk of the moment.

        It is called once for channels of one type with the same `listen`; with `reuse_port` other processes share it.
        """


class WatchingChannel(Channel, Protocol):
    """The module of a channel that fetches its messages by itself."""

    async def watch(self, config: Any, desk: Callable[[], Desk], accept: Accept, store: Store) -> None:
        """Fetch until cancelled, waiting out any trouble. In `store` it keeps how far it came.

        Any number of processes may watch the same channel: it is the channel's own matter that one of them does the work.
        """


class WebChannel(Channel, Protocol):
    """The module of a channel that is called over HTTP."""

    HOOK: Hook

    def verify(self, config: Any, request: Request) -> None:
        """Return when the delivery is genuine, over the raw bytes and in constant time; raises `Refused`."""

    def answer(self, kept: Sequence[Kept]) -> Answer:
        """Return the answer for the rows the delivery became; the same for a repetition."""


class RoutedChannel(Channel, Protocol):
    """The module of a channel with paths of its own."""

    def routes(self, front: Front) -> Sequence[BaseRoute]:
        """Return the routes of all channels of the type, below `/<type>/{channel}/`; called once for an application.

        What they do is the channel's own matter, from the proof of who asks to trouble, which is 503 with `Retry-After`.
        """


class PostedMail(WebChannel, Protocol):
    """The module of a channel over HTTP whose payloads hold mails: each is kept as the mail it is, not as its payload."""

    def mails(self, request: Request) -> list[Posted]:
        """Return every mail of a delivery, pure and also from the body alone; raises `Unreadable`."""


class Asking(WebChannel, Protocol):
    """The module of a channel over HTTP that must ask its provider something, at addresses that are the provider's own."""

    def wants(self, config: Any, request: Request) -> Sequence[str]:
        """Return the URLs of what `verify` needs; the request is not verified yet. Raises `Refused`.

        What stands there is remembered for a day. `verify` raises `Outdated` when it misses something in it.
        """

    def confirms(self, config: Any, request: Request) -> Sequence[str]:
        """Return the URLs to visit before the delivery is answered; the request is verified. It may be missing."""


class Addressed(WebChannel, Protocol):
    """The module of a channel over HTTP of whose deliveries the URL tells something as well, such as one we gave away."""

    def whole(self, config: Any, request: Request) -> bytes:
        """Return what is kept of a verified delivery and given to `parse`, instead of its body alone."""


class Greeting(WebChannel, Protocol):
    """The module of a channel over HTTP whose provider asks whether we are who it was told."""

    def handshake(self, config: Any, request: Request) -> Answer | None:
        """Return the answer to a handshake, or nothing when the request is none; nothing of it is kept.

        A GET always is one and is not verified: raises `Refused` when it does not know our secret. A POST is verified.
        """


class Responding(WebChannel, Protocol):
    """The module of a channel over HTTP whose answer depends on who is there."""

    def respond(self, config: Any, request: Request, kept: Sequence[Kept], present: Availability) -> Answer:
        """Return the answer for the rows a verified delivery became, instead of `answer`."""


class AnsweringChannel(Channel, Protocol):
    """The module of a channel through which agents answer."""

    def send(self, config: Any, reply: Reply, out: Outbound) -> Iterator[str]:
        """Send an answer piece by piece and yield the provider's id of each when it was accepted, those of `reply.done` not again.

        Raises what `tickets.trouble.failure` makes: `Temporary` or `Permanent`, with its kind. It is called again with the
        same `key` after trouble or death; the yielded ids are kept before it goes on.
        """


class Fetching(Channel, Protocol):
    """The module of a channel whose files must be asked for in its own way."""

    def fetch(self, config: Any, account: str, url: str, out: Outbound) -> File:
        """Return the file behind an attachment's `url`; raises like `send`."""


class LookingUp(Channel, Protocol):
    """The module of a channel that can ask its platform what somebody is called."""

    def name(self, config: Any, account: str, sender: str, out: Outbound) -> str:
        """Return the display name of a sender, or "" when the platform does not tell; raises like `send`."""


def answering(module: Channel) -> AnsweringChannel | None:
    """Return the module when agents can answer through it."""
    return cast(AnsweringChannel, module) if hasattr(module, "send") else None


def answer_until(
    module: AnsweringChannel, config: ChannelConfig, handle: Mapping[str, str], heard_at: float
) -> float | None:
    """Return until when (UTC seconds) a customer who was heard at a time may be answered; nothing when for ever.

    `handle` is the newest message's. The module may have `answer_until(config, handle, heard_at)` for that.
    """
    if not hasattr(module, "answer_until"):
        return None
    until: float | None = module.answer_until(config, handle, heard_at)
    return until


def words() -> tuple[str, ...]:
    """Return the types there are: the names of the modules in `ingest/channels/`."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(ingest.channels.__path__)))


def find(word: str) -> Channel:
    """Return the channel module a `type:` names; raises `KeyError` for an unknown one."""
    name = f"ingest.channels.{word}"
    try:
        return cast(Channel, importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise  # a channel that is there, but wants something that is not
        raise KeyError(word) from None


def listening(word: str) -> ListeningChannel | None:
    """Return the module of a type when it listens by itself; raises `KeyError` for an unknown type."""
    module = find(word)
    return cast(ListeningChannel, module) if hasattr(module, "listen") else None


def takes_mail(word: str) -> bool:
    """Tell whether what a type takes is mail, so that a pipe may keep a mail in its name; raises `KeyError`."""
    return bool(getattr(find(word), "MAIL", False))


def posted_mail(module: Channel) -> PostedMail | None:
    """Return the module when what it is given are whole mails."""
    return cast(PostedMail, module) if hasattr(module, "mails") else None


def asking(module: Channel) -> Asking | None:
    """Return the module when it must ask its provider something."""
    return cast(Asking, module) if hasattr(module, "wants") else None


def whole(module: Channel, config: ChannelConfig, request: Request) -> bytes:
    """Return what is kept of a verified delivery and given to `parse`."""
    return cast(Addressed, module).whole(config, request) if hasattr(module, "whole") else request.raw


def greeting(module: Channel) -> Greeting | None:
    """Return the module when its provider asks it something."""
    return cast(Greeting, module) if hasattr(module, "handshake") else None


def responding(module: Channel) -> Responding | None:
    """Return the module when its answer depends on who is there."""
    return cast(Responding, module) if hasattr(module, "respond") else None


def routed(module: Channel) -> RoutedChannel | None:
    """Return the module when it has paths of its own."""
    return cast(RoutedChannel, module) if hasattr(module, "routes") else None


def fetching(module: Channel) -> Fetching | None:
    """Return the module when its files must be asked for in its own way."""
    return cast(Fetching, module) if hasattr(module, "fetch") else None


def looking_up(module: Channel) -> LookingUp | None:
    """Return the module when it can ask its platform what somebody is called."""
    return cast(LookingUp, module) if hasattr(module, "name") else None


def watching(word: str) -> WatchingChannel | None:
    """Return the module of a type when it fetches by itself; raises `KeyError` for an unknown type."""
    module = find(word)
    return cast(WatchingChannel, module) if hasattr(module, "watch") else None


def config_model(word: str) -> type[ChannelConfig]:
    """Return the `Config` of a type; raises `KeyError` for an unknown one."""
    return find(word).Config


def check(desk: Desk) -> Iterable[Problem]:
    """Return what is wrong between the desk's channels, as their modules see it."""
    for word in sorted({channel.type for channel in desk.channels} & {*words()}):
        module = find(word)
        if hasattr(module, "check"):
            yield from module.check(desk)


def origins(desk: Desk) -> frozenset[str]:
    """Return the origins that operators wrote into the desk file, such as a proxy's: they may be asked wherever they are.

    A channel's are its `base_url`, and what its module's `origins(config)` names besides.
    """
    found: set[str] = set()
    for config in desk.channels:
        base = getattr(config, "base_url", None)
        found.update([base] if base else [])
        module = find(config.type)
        found.update(module.origins(config) if hasattr(module, "origins") else [])
    return frozenset(origin(url) for url in found)
