"""The outbox folder: where a notice lies that has no relay or token to go through, byte for byte as it would have gone."""

import errno
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from notify.note import Note
from tickets.trouble import Temporary

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class Folder:
    """A notifier that writes files: `<ticket>-<key><suffix>`, one for each intent however often it is sent.

    `word` is the notifier it stands in for, `render` gives what that one would have sent, `why` says what is missing.
    """

    def __init__(self, folder: Path, word: str, suffix: str, render: Callable[[Note], bytes], why: str) -> None:
        self._folder = folder
        self._word = word
        self._suffix = suffix
        self._render = render
        self._why = why

    def send(self, note: Note) -> str:
        """Write the note whole or not at all and return the file's name; a repetition overwrites the same file.

        Raises `Temporary` when the disk is full or the folder cannot be written.
        """
        return self._put(f"{note.number}-{note.key}", self._render(note))

    def post(self, name: str, sender: str, recipient: str, raw: bytes, domain: str) -> None:  # noqa: ARG002  # see `Post`
        """Write a mail that would have gone to the relay; raises like `send`."""
        self._put(name, raw)

    def _put(self, name: str, content: bytes) -> str:
        name = _UNSAFE.sub("_", name)[:150] + self._suffix
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(self._folder / name, content)
        except OSError as error:
            what = "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else error.strerror
            raise Temporary(f"the outbox folder {self._folder} cannot be written: {what}") from error
        return name

    def describe(self) -> str:
        """Return the folder, and why the notices lie there."""
        return f"{self._word} → {self._folder} ({self._why})"

    def close(self) -> None:
        """Nothing is kept open."""


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else the name may be lost where the bytes are not
    finally:
        os.close(folder)
