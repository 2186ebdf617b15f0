"""Blobs: bytes too large for a row, kept once by their SHA-256, in a folder or in an S3-compatible store.

A blob is durable before the row that names it is committed, so a process that dies in between leaves a blob nobody names;
`tickets/blobs_sweep.py` takes those away.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from config.settings import Settings, WrongSettingError
from tickets.blobs_folder import FolderShelf

IN_THE_ROW = 128 * 1024
"""So many bytes stay in the row. SQLite is quicker than a file up to about 256 KiB, PostgreSQL slower from 64 KiB on."""
ASIDE = ".aside"


class LostBlobError(Exception):
    """A row names a blob that is not there, or is not what it was."""


class Shelf(Protocol):
    """Where blobs lie. A name is a digest, perhaps with a suffix. Everything raises `Temporary` when it cannot be reached."""

    name: str
    at_once: int
    """How many threads that keep something make it quicker than fewer."""

    def keep(self, name: str, data: bytes) -> None:
        """Make it lie there, whole and durable when this returns, also where something torn lay before."""

    def read(self, name: str) -> bytes | None:
        """Return the bytes, or nothing when they are not there."""

    def listing(self, shard: str) -> Iterator[tuple[str, float]]:
        """Yield the names that begin with two hexadecimal digits, and when (UTC seconds) each came to lie there."""

    def move(self, name: str, to: str) -> None:
        """Give it another name, and now as the time it came to lie there; nothing happens when it is gone."""

    def remove(self, name: str) -> None:
        """Take it away; nothing happens when it is gone."""


class Blobs:
    """The blobs of one desk. Thread-safe; every process of the desk must see the same shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def put(self, data: bytes) -> str:
        """Keep the bytes and return their SHA-256 in hexadecimal; durable on return. Raises `Temporary`."""
        digest = sha256(data).hexdigest()
        self.shelf.keep(digest, data)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes as they were put. Raises `LostBlobError` when they are not, `Temporary` when nobody can tell."""
        damaged = False
        for name in (digest, digest + ASIDE, digest):  # the last: it may have been put back in between
            data = self.shelf.read(name)
            if data is not None and sha256(data).hexdigest() == digest:
                return data
            damaged |= data is not None
        state = "is damaged" if damaged else "is missing"
        raise LostBlobError(f"the message's bytes are lost: blob {digest} {state} in {self.shelf.name}")

    def set_aside(self, digest: str) -> None:
        """Let it lie where `get` still finds it and `put` does not. Raises `Temporary`."""
        self.shelf.move(digest, digest + ASIDE)

    def put_back(self, digest: str) -> None:
        """Let what was set aside lie where it belongs, if it is whole. Raises `Temporary`."""
        data = self.shelf.read(digest + ASIDE)
        if data is not None and sha256(data).hexdigest() == digest:
            self.shelf.keep(digest, data)
        self.shelf.remove(digest + ASIDE)

    def forget(self, digest: str) -> None:
        """Take the bytes away for good: only for a caller who knows that nothing names them. Raises `Temporary`."""
        self.shelf.remove(digest)
        self.shelf.remove(digest + ASIDE)


def raw_of(row: Any, blobs: Blobs | None) -> bytes:
    """Return the bytes of an inbox row, wherever they lie. Raises like `Blobs.get`."""
    if row.stored is None:
        raw: bytes = row.raw
        return raw
    if blobs is None:
        raise LostBlobError(f"the message's bytes lie in blob {row.stored}, and no place for blobs was given")
    return blobs.get(row.stored)


def open_blobs(settings: Settings) -> Blobs:
    """Return the blobs of the settings; nothing is written yet. Raises `WrongSettingError`."""
    place = settings.blobs_place
    if isinstance(place, Path):
        return Blobs(FolderShelf(place))
    try:
        from tickets.blobs_s3 import S3Shelf  # noqa: PLC0415  # an extra, which a desk with a folder need not have
    except ImportError as error:
        raise WrongSettingError(
            f"FRONTDESK_BLOBS=s3://… needs an extra: pip install 'frontdesk[s3]' ({error})"
        ) from error
    return Blobs(S3Shelf(place))
