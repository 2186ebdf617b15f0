"""What is new in a conversation, as frames: the same for a socket, an event stream and a long-poll."""

import random
import time
from typing import Final

import structlog

from ingest.channels.chat.session import Frame, Session
from tickets.live import Hearing, Signal
from tickets.trouble import Temporary

READ_SECONDS: Final = 25.0
"""How often the database is read although nothing was rung: a signal may be lost."""
TROUBLE_SECONDS: Final = 3.0
_NO_LINE: Final = ("typing", "read")
"""Signals after which nothing is new in the database."""

log = structlog.get_logger()


class Feed:
    """Follows one conversation for one client that has its lines up to `after`."""

    def __init__(self, session: Session, hearing: Hearing, after: int) -> None:
        self._session = session
        self._hearing = hearing
        self._after = after
        self._seen = 0
        self._state: Frame = {}
        self._read_at = 0.0  # monotonic seconds; at once
        self.ended = False

    async def welcome(self) -> Frame:
        """Return how the conversation stands, for the beginning; its lines come with `news`. Raises `Temporary`."""
        standing = await self._session.hall.reader.read(self._session.key)
        self._state = await self._session.state(standing)
        if self._after > standing.seq:
            self._after = 0  # it is not the conversation the client remembers
        return {**self._state, "type": "welcome", "seq": standing.seq, "seen": standing.seen}

    async def news(self, seconds: float = READ_SECONDS) -> list[Frame]:
        """Return the next frames as soon as there are some, none after so many seconds; `ended` when the desk stops."""
        wait = min(seconds, max(0.0, self._read_at - time.monotonic()))
        heard = await self._hearing.wait(wait)
        self.ended = heard.ended
        frames = [typing for signal in heard.signals if (typing := _typing(signal))]
        rung = heard.missed or any(signal.get("type") not in _NO_LINE for signal in heard.signals)
        rung = rung or time.monotonic() >= self._read_at
        if rung and not self.ended:
            frames += await self.lines()
        return frames

    async def lines(self) -> list[Frame]:
        """Read on, and return the next lines, and the state where it changed; trouble is waited out."""
        try:
            standing = await self._session.hall.reader.read(self._session.key, self._after)
            state = await self._session.state(standing)
        except Temporary as error:
            log.warning("a conversation cannot be read now", channel=self._session.config.name, error=str(error))
            self._read_at = time.monotonic() + TROUBLE_SECONDS
            return []
        now = time.time()
        frames = [self._session.entry(line, now) for line in standing.lines]
        self._after = standing.last
        whole = standing.last >= standing.seq
        self._read_at = time.monotonic() + (READ_SECONDS * random.uniform(0.8, 1.0) if whole else 0.0)  # noqa: S311  # spread, not secret
        if whole and state != self._state:
            self._state = state
            frames.append(state)
        return frames

    @property
    def state(self) -> Frame:
        """How the conversation stood when it was last read."""
        return self._state


def _typing(signal: Signal) -> Frame | None:
    """Return what an agent's typing is told as, and nothing of the visitor's own."""
    if signal.get("type") != "typing" or not str(signal.get("by", "")).startswith("agent:"):
        return None
    return {"type": "typing", "on": bool(signal.get("on")), "name": str(signal.get("name", ""))}
