"""Where visitors wait: what all sessions of this process share."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from config.desk import Desk
from ingest.channels.chat.config import Config
from ingest.channels.chat.lines import Marks, Reader
from ingest.channels.chat.tokens import Tokens
from ingest.front import Front
from ingest.limits import counted_address
from tickets.availability import Availability
from tickets.keys import signing_key

MOST_OPEN: Final = 4000
"""Sockets and event streams of this process; there is room beyond them for everything else that comes over HTTP."""
OPEN_SECONDS: Final = 5.0
"""How long what is known of who is there is good enough."""


class FullError(Exception):
    """There is no room for one more open connection; the message says whose."""


class Hall:
    """What sessions share, for one event loop."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.reader = Reader(front.store)
        self.marks = Marks(front.store, front.live)
        self._here: Counter[str] = Counter()
        self._all = 0
        self._key: bytes | None = None
        self._present: tuple[float, Desk, Availability] | None = None

    def channel(self, name: str) -> Config | None:
        """Return the settings of the chat channel of a name, or nothing."""
        config = self.front.desk().channels_by_name.get(name)
        return config if isinstance(config, Config) else None

    async def tokens(self, config: Config) -> Tokens:
        """Return the tokens of a channel; raises `Temporary`."""
        if self._key is None:
            self._key = await asyncio.to_thread(signing_key, self.front.store)
        return Tokens(self._key, config.name)

    @contextmanager
    def place(self, config: Config, address: str | None) -> Iterator[None]:
        """Count an open connection while the context lasts; raises `FullError`."""
        whose = counted_address(address)
        if self._all >= MOST_OPEN:
            raise FullError("too many connections are open here; come back later")
        if whose is not None and self._here[whose] >= config.limits.sockets:
            raise FullError("too many connections are open from your address; close a window")
        self._all += 1
        if whose is not None:
            self._here[whose] += 1
        try:
            yield
        finally:
            self._all -= 1
            if whose is not None:
                self._here[whose] -= 1
                if not self._here[whose]:
                    del self._here[whose]

    async def present(self) -> Availability:
        """Return who is there, as it was a few seconds ago at most; raises `Temporary`."""
        now, desk = time.monotonic(), self.front.desk()
        known = self._present
        if known is None or known[1] is not desk or now - known[0] > OPEN_SECONDS:
            known = self._present = (now, desk, await asyncio.to_thread(self.front.present))
        return known[2]
