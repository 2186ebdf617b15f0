"""The clock of a serving process: every second it looks at what waits, and at the desk file."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import structlog

from config.desk import Desk
from tickets.trouble import Temporary

SECONDS = 1.0

log = structlog.get_logger()


@contextlib.contextmanager
def ticking(desk: Callable[[], Desk], sweep: Callable[[], None]) -> Iterator[None]:
    """Call `sweep` every second in a thread, whatever it raises, and say when the desk needs a restart."""
    ended = threading.Event()

    def tick() -> None:
        silent, known = False, desk()
        while not ended.wait(SECONDS):
            try:
                before, known = known, desk()
                if _started(before) != _started(known):
                    log.warning("the desk file has other listeners or mailboxes now; restart to use them")
                sweep()
                silent = False
            except Temporary as error:
                if not silent:
                    log.warning("the sweep cannot look, it goes on trying", error=str(error))
                silent = True
            except Exception:  # whatever the defect, lost bells must be rung again
                log.exception("the sweep failed, it goes on")

    thread = threading.Thread(target=tick, name="clock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _started(desk: Desk) -> set[tuple[object, ...]]:
    """Return what a restart is needed for when it changes; channels may join a listener or leave it at any time."""
    fixed = ("type", "listen", "protocol", "tls")
    listening = {tuple(getattr(one, word, None) for word in fixed) for one in desk.channels if hasattr(one, "listen")}
    return listening | {(one.name, folders) for one in desk.channels if (folders := getattr(one, "folders", None))}
