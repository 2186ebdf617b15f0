"""Leaving an account alone that answers with errors.

WhatsApp blocks the fetching of media for half an hour after twenty errors within one hour; others only get slower. So after a
few errors it is asked seldom, until none has come for a while.
"""

import threading
from collections import deque
from collections.abc import Hashable
from typing import Final

ERRORS: Final = 5
HOUR: Final = 3_600.0
REST_SECONDS: Final = 600.0
"""After `ERRORS` within an hour it is left alone for so long after each: with two threads fewer than twenty in any hour."""


class Patience:
    """How often each account answered with an error lately, as far as this process knows. Thread-safe; times are in seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors: dict[Hashable, deque[float]] = {}

    def pause(self, account: Hashable, now: float) -> float:
        """Return for how long the account is to be left alone, 0 when it may be asked."""
        with self._lock:
            errors = self._errors.get(account)
            if errors is None or len(errors) < ERRORS or errors[0] <= now - HOUR:
                return 0.0
            return max(0.0, errors[-1] + REST_SECONDS - now)

    def failed(self, account: Hashable, now: float) -> None:
        """Note that it answered with an error."""
        with self._lock:
            self._errors.setdefault(account, deque(maxlen=ERRORS)).append(now)
