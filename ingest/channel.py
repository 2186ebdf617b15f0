"""What a channel is: one module in `ingest/channels/`, found by its file name, the `type:` of the desk file.

Every channel module has

* `Config`, a `ChannelConfig` with `type: Literal["<file name>"]` and the channel's own settings;
* `parse(raw) -> list[InboundMessage]`, a pure function of the bytes as they came, which raises `Unreadable` and nothing else.

A channel that is called over HTTP also has `HOOK`, `verify` and `answer` (see `WebChannel`); one that listens by itself has
`listen`, one that fetches by itself `watch`. The steps to add one stand in docs/adding-a-channel.md.
"""

import asyncio
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import ingest.channels
from config.desk import ChannelConfig, Desk
from ingest.arrival import Accept, Kept
from tickets.message import InboundMessage
from tickets.store import Store


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP delivery: the body as it came and the headers, names in lower case."""

    raw: bytes
    headers: Mapping[str, str]


class Unreadable(Exception):  # noqa: N818  # a word of the domain: what is unreadable goes to quarantine
    """The bytes were rightly delivered but cannot be understood; the message says why."""


class Refused(Exception):  # noqa: N818
    """The delivery is not taken: an HTTP status and words the sender can act on; `retry_after` in seconds."""

    def __init__(self, status: int, words: str, retry_after: int | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Hook:
    """A way in over HTTP: the path with `{channel}` in it, the largest body in bytes, and the CORS headers of an origin.

    `cors(config, request)` returns the headers a browser needs to read the answer; it is asked for every answer of the
    channel and for the preflight (https://fetch.spec.whatwg.org/#http-cors-protocol).
    """

    path: str
    max_bytes: int
    cors: Callable[[Any, Request], Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender hears once its messages are durable."""

    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict)


class Channel(Protocol):
    """The module of a channel."""

    Config: type[ChannelConfig]

    def parse(self, raw: bytes) -> list[InboundMessage]:
        """Return every message in the bytes, in their order; raises `Unreadable`."""


class ListeningChannel(Channel, Protocol):
    """The module of a channel that listens by itself, at its setting `listen`."""

    async def listen(self, config: Any, desk: Callable[[], Desk], accept: Accept) -> asyncio.Server:
        """Listen until the returned server is closed; raises `OSError`. `desk` gives the desk of the moment."""


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


def watching(word: str) -> WatchingChannel | None:
    """Return the module of a type when it fetches by itself; raises `KeyError` for an unknown type."""
    module = find(word)
    return cast(WatchingChannel, module) if hasattr(module, "watch") else None


def config_model(word: str) -> type[ChannelConfig]:
    """Return the `Config` of a type; raises `KeyError` for an unknown one."""
    return find(word).Config
