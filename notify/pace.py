"""One message a second for each place, without sleeping: who comes too early is told when it is their turn."""

import threading
from collections.abc import Callable
from typing import Final

from notify.notifier import NotYet

APART: Final = 1.0
MOST_KEPT: Final = 10_000


class Pace:
    """Turns at places, in this process; other processes have their own, and the provider's limit is behind them all.

    `clock` gives UTC seconds. Threads may share it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._free: dict[str, float] = {}
        self._turns: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, place: str, key: str) -> None:
        """Return when it is the turn of who goes by this key; raises `NotYet` with the seconds until then."""
        with self._lock:
            now = self._clock()
            turn = self._turns.pop(key, None)
            if turn is None:
                turn = max(now, self._free.get(place, 0.0))
                self._forget(now)
                self._free[place] = turn + APART
            if turn > now:
                self._turns[key] = turn
                raise NotYet("one message a second goes to a place", turn - now)

    def _forget(self, now: float) -> None:
        """Forget what is over, when there is much of it: turns whose notes another process has told."""
        if len(self._free) > MOST_KEPT:
            self._free = {place: free for place, free in self._free.items() if free > now}
        if len(self._turns) > MOST_KEPT:
            self._turns = {key: turn for key, turn in self._turns.items() if turn > now}
