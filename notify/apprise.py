"""Any of a hundred services by one URL: Apprise (https://appriseit.com/services/), for Teams, ntfy, Pushover and the like.

The URL holds the service's secrets and may lead anywhere, into the company's own network too: it stands in the desk file, which
only administrators write, as a reference. What works on this machine alone is not for a server and is refused. Apprise tells no
reason why something was not taken, and its own log names URLs, so neither is passed on.
"""

import importlib
import logging
import threading
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final

from config.desk import Desk
from config.model import MissingSecretError, Secret
from config.problems import Place, Problem
from notify.note import Note, one_line
from tickets.trouble import Permanent, Temporary

SECONDS: Final = 30.0
"""How long a service may take; half a lease."""
MOST_AT_ONCE: Final = 4
"""Calls under way at once, those among them that nobody waits for any more."""
ATTEMPTS: Final = 8
"""After so many, about ten minutes, a service that takes nothing never will: what is wrong, Apprise does not say."""
LOCAL: Final = frozenset({"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})
"""What shows or lights up something on this machine."""
MISSING: Final = "needs the extra for Apprise: pip install 'frontdesk[apprise]'"


class Apprise:
    """The way `apprise` of the outbox; `urls` are the agents' by their ids."""

    def __init__(self, urls: Mapping[str, Secret]) -> None:
        self._urls = urls
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)

    def send(self, note: Note) -> str:
        """Tell the agent by their URL: what happened, why they get it and where it is, and no word of the customer.

        Raises `Temporary` or `Permanent`; about the way when the URL is none.
        """
        secret = self._urls.get(note.recipient)
        if secret is None:
            raise Permanent(f"the desk file has no apprise for {note.recipient}", way=True)
        try:
            service = opened(secret.reveal().strip())
        except MissingSecretError as error:
            raise Temporary(str(error), 300) from error
        except ValueError as error:
            raise Permanent(f"{secret} {error}", way=True) from None
        if self._notified(service, note, str(secret)):
            return note.key
        words = f"the service behind {secret} did not take it"
        if note.attempt >= ATTEMPTS:
            raise Permanent(f"{words}, {note.attempt} times; see whether the URL is right and the service is there")
        raise Temporary(words)

    def describe(self) -> str:
        """Return in a few words whom it tells."""
        return f"apprise → {', '.join(self._urls)}"

    def close(self) -> None:
        """Nothing is kept open."""

    def _notified(self, service: Any, note: Note, name: str) -> bool:
        """Call the service in a thread of its own, which nobody waits for longer than `SECONDS`."""
        if not self._room.acquire(blocking=False):
            raise Temporary("too many services of Apprise do not answer", SECONDS)
        taken: list[bool] = []

        def call() -> None:
            try:
                taken.append(bool(service.notify(title=title(note), body=body(note), body_format="text")))
            except Exception:  # noqa: BLE001  # a plugin's; its words may hold the URL
                taken.append(False)
            finally:
                self._room.release()

        thread = threading.Thread(target=call, name="apprise", daemon=True)
        thread.start()
        thread.join(SECONDS)
        if thread.is_alive():
            raise Temporary(f"the service behind {name} did not answer within {SECONDS:.0f} seconds")
        return taken == [True]


def opened(url: str) -> Any:
    """Return what tells by a URL; raises `ValueError` with words that do not hold it, and `Temporary` without Apprise."""
    library = _library()
    service = library.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        raise ValueError("is no URL of Apprise")
    if not LOCAL.isdisjoint(service.schemas()):
        raise ValueError("shows something on the server alone, where nobody sees it")
    return service


def title(note: Note) -> str:
    """Return the headline."""
    return note.headline


def body(note: Note) -> str:
    """Return the rest: the tickets, why the agent gets it, and where it is."""
    numbers = sorted({one.number for one in (note, *note.together)})
    which = ", ".join(f"#{number}" for number in numbers)
    where = f"{note.url}/notices" if note.url else note.command
    return f"{which}: {one_line(note.reason)}\n{where}"


def urls_of(desk: Desk) -> dict[str, Secret]:
    """Return the URLs of a desk's agents by their ids."""
    return {one.id: one.apprise for one in desk.agents if one.apprise is not None}


def check_apprise(desk: Desk) -> Iterator[Problem]:
    """Return what keeps the desk's Apprise URLs from being used; `load` takes it as one of its checks."""
    place = Place()
    if find_spec("apprise") is None:
        for index, agent in enumerate(desk.agents):
            if agent.apprise is not None:
                place.at("agents", index, "apprise").note(MISSING)
    yield from place


def _library() -> Any:
    """Return Apprise, which takes a second to import."""
    try:
        found = importlib.import_module("apprise")
    except ImportError:
        raise Temporary(MISSING, 300) from None
    logging.getLogger("apprise").disabled = True
    return found
