"""What a notifier is: one module of this folder with a `Config`, found by its file name, its word under `notifiers:`.

Beside `Config` such a module has `start(config, about, folder)`, which gives the notifier the desk file asks for: the
real one, or one that writes what it would have sent into the outbox folder, or nothing. One without it needs more than
that, and is started where that is at hand (commands/ways.py).
"""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, Self, cast

from pydantic import Field, model_validator

import notify
from config.desk import About, Desk
from config.model import Model
from notify.note import Note
from tickets.trouble import Temporary

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
"""The hosts that may be called without TLS, where the desk file says that they are private."""


class Called(Model):
    """What is called at its `url`, which the desk file names; how that is written says who is called."""

    url: str
    private: bool = Field(default=False, description="true: its host may have a private address")

    @model_validator(mode="after")
    def _this_machine(self) -> Self:
        if self.url.startswith("http:") and not self.private:
            raise ValueError("http:// to this machine goes with private: true")
        return self


class Notifier(Protocol):
    """A way to somebody's attention. Threads may share it."""

    def send(self, note: Note) -> str:
        """Deliver the note and return the provider's id for it.

        Raises `Temporary` (again, after `retry_after` seconds where the provider said so) or `Permanent` (never). The
        note's key goes along, so that a repetition after an unclear failure can be recognised. Raises `NotYet` before
        anything was tried.
        """

    def describe(self) -> str:
        """Return in a few words where it sends, and why not elsewhere."""

    def close(self) -> None:
        """Give back what it keeps open; a send that is under way finishes first."""


class Needless(Exception):  # noqa: N818  # a word of the domain
    """What was owed need not be sent any more; the message says why."""


class NotYet(Temporary):
    """It is the note's turn in `retry_after` seconds. Nothing was tried, so it counts as no attempt."""


class Post(Protocol):
    """What takes whole mails: the relay, or the outbox folder in its place."""

    def post(self, name: str, sender: str, recipient: str, raw: bytes, domain: str) -> None:
        """Take a mail (lines ended by CRLF) from one address to one address; raises like `Notifier.send`.

        `name` is the same for every attempt; the desk calls itself by its `domain`.
        """


class Answer(Protocol):
    """What was answered to a call."""

    @property
    def status(self) -> int:
        """The status of HTTP."""

    @property
    def ok(self) -> bool:
        """Whether that is 2xx."""

    @property
    def retry_after(self) -> float | None:
        """The seconds it asks us to wait."""


class Call(Protocol):
    """Calls a URL and returns what was answered, with a time limit and without following a redirect.

    Raises `Temporary` when there is no answer, and `Permanent` for a URL that may not be asked: a private address.
    """

    def __call__(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes) -> Answer:
        """Call it."""


class NotifierModule(Protocol):
    """The module of a notifier."""

    Config: type[Model]

    def start(self, config: Model | None, about: About, folder: Path) -> Notifier | None:
        """Return the notifier for its part of the desk file (nothing when it has none), or nothing when it is off."""


def words() -> tuple[str, ...]:
    """Return the notifiers there are: the names of the modules in `notify/` that have a `Config`."""
    names = sorted(module.name for module in pkgutil.iter_modules(notify.__path__))
    return tuple(name for name in names if hasattr(_module(name), "Config"))


def find(word: str) -> NotifierModule:
    """Return the module a word under `notifiers:` names; raises `KeyError` for an unknown one."""
    if word not in words():
        raise KeyError(word)
    return _module(word)


def config_model(word: str) -> type[Model]:
    """Return the `Config` of a notifier; raises `KeyError` for an unknown one."""
    return find(word).Config


def open_notifiers(desk: Desk, outbox_folder: Path) -> Mapping[str, Notifier]:
    """Return the notifiers of the desk by their words; nothing is connected yet. The caller closes each of them.

    Email is always there, Slack when the desk file has it; without a relay or a token they write into `outbox_folder`,
    and `describe` says so.
    """
    started = {
        word: find(word).start(desk.notifiers.get(word), desk.desk, outbox_folder)
        for word in words()
        if hasattr(find(word), "start")
    }
    return {word: notifier for word, notifier in started.items() if notifier is not None}


def _module(name: str) -> NotifierModule:
    return cast(NotifierModule, importlib.import_module(f"notify.{name}"))
