"""The desk in use: read again when its files change, and kept when the new ones are broken."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from config.desk import Desk
from config.load import Check, Kinds, Loaded, examine, read_pages
from config.problems import DeskError, Problem
from config.source import Stamp, stamp

EVERY: Final = 1.0  # seconds between two looks at the files

log = structlog.get_logger("frontdesk.config")


class DeskFile:
    """Holds the current desk of a file; any number of threads may ask for it.

    Making one raises `DeskError` when the file is broken. Later a broken file keeps the desk that was in use, and its
    problems are logged once and stand in `problems` until it is mended. Replace the file in one step (write another,
    then rename it), as editors do: a half-written one may be read otherwise.
    """

    def __init__(
        self, path: Path, kinds: Kinds, checks: Sequence[Check] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._kinds = kinds
        self._checks = tuple(checks)
        self._clock = clock
        self._lock = threading.RLock()  # reentrant: a signal may come while this thread is looking
        self._stamps: Mapping[Path, Stamp | None] = {}
        self._looked = clock()
        self.problems: tuple[Problem, ...] = ()
        self._desk = self._read().desk

    def current(self) -> Desk:
        """Return the desk to use now; looks at the files at most once a second, in one thread at a time."""
        if self._clock() - self._looked >= EVERY and self._lock.acquire(blocking=False):
            try:
                self._looked = self._clock()
                if any(stamp(path) != seen for path, seen in self._stamps.items()):
                    self.reload()
            finally:
                self._lock.release()
        return self._desk

    def reload(self) -> bool:
        """Read the files now; returns whether they are in use, so False when they are broken and the old desk stays."""
        with self._lock:
            try:
                loaded = self._read()
            except DeskError as error:
                self.problems = error.problems
            else:
                self._take(loaded)
                return True
            log.error("desk_file_broken", kept=self._desk.version, problems=len(self.problems))
            for problem in self.problems:
                log.error("desk_file_problem", problem=str(problem))
            return False

    def _take(self, loaded: Loaded) -> None:
        before, mended = self._desk.version, bool(self.problems)
        self.problems = ()
        if loaded.desk.version != before:
            self._desk = loaded.desk  # one assignment: a reader has the old desk or the new one, never parts
            log.info("desk_reloaded", version=loaded.desk.version, before=before)
            for warning in loaded.warnings:
                log.warning("desk_file_problem", problem=str(warning))
        elif mended:
            log.info("desk_file_mended", version=before)

    def _read(self) -> Loaded:
        pages = read_pages(self._path)
        self._stamps = pages.stamps  # of a broken file too: it is read again when it changes, not every second
        return examine(pages, self._kinds, self._checks)
