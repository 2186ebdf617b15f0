"""Blobs in a folder: `ab/abcdef…`, each written beside, synced, renamed into place, and the folder synced too.

One machine, or several that share the folder over a file system that keeps what `fsync` promised.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from tickets.trouble import Temporary


class FolderShelf:
    """A shelf in a folder, which is made when it is first wanted."""

    at_once = 2

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.name = f"folder {self._folder}"

    def keep(self, name: str, data: bytes) -> None:
        """Make it lie there, whole and durable when this returns, also where something torn lay before."""
        path = self._path(name)
        with self._trouble():
            if not _lies(path, data):
                self._write(path, data)
            _sync(path.parent)

    def _write(self, path: Path, data: bytes) -> None:
        beside = path.with_name(f"{path.name}.{secrets.token_hex(6)}.tmp")
        try:
            try:
                opened = _new(beside)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                for folder in path.parents[:2]:
                    _sync(folder.parent)
                opened = _new(beside)
            with open(opened, "wb", buffering=0) as file:  # noqa: PTH123  # it is open already
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(opened)
            beside.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):  # the sweep finds what cannot be taken away now
                beside.unlink()
            raise

    def read(self, name: str) -> bytes | None:
        """Return the bytes, or nothing when they are not there."""
        with self._trouble():
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError:
                if not self._folder.is_dir() or not any(self._folder.iterdir()):
                    raise Temporary(f"{self.name} is not there or empty; is it mounted?") from None
                return None

    def listing(self, shard: str) -> Iterator[tuple[str, float]]:
        """Yield the names that begin with two hexadecimal digits, and when (UTC seconds) each came to lie there."""
        with self._trouble(), contextlib.suppress(FileNotFoundError), os.scandir(self._folder / shard) as found:
            for entry in found:
                with contextlib.suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False).st_mtime

    def move(self, name: str, to: str) -> None:
        """Give it another name, and now as the time it came to lie there; nothing happens when it is gone."""
        path = self._path(name)
        with self._trouble(), contextlib.suppress(FileNotFoundError):
            os.utime(path)
            path.replace(self._path(to))
            _sync(path.parent)

    def remove(self, name: str) -> None:
        """Take it away; nothing happens when it is gone."""
        with self._trouble():
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Temporary(f"{self.name}: {error.strerror or error}") from error


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _lies(path: Path, data: bytes) -> bool:
    """Tell whether the bytes lie there, and are durable: who put them there a moment ago may not be as far yet."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != len(data) or file.read() != data:
                return False
            os.fsync(file.fileno())
            return True
    except FileNotFoundError:
        return False


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
