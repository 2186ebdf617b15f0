"""SQLite locked, full, damaged or taken away: the sender comes back, the desk goes on."""

import errno
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.chaos.desk_process import DeskProcess, Desks, Program
from tests.chaos.trouble import comes_and_goes


@pytest.fixture
def desk(desks: Desks) -> DeskProcess:
    return desks.make()


def test_a_locked_database_means_come_back_later(desk: DeskProcess) -> None:
    @contextmanager
    def locked() -> Iterator[None]:
        with closing(sqlite3.connect(desk.data / "frontdesk.sqlite3", timeout=20, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")

    desk.start()
    comes_and_goes(desk, locked)


def test_files_that_may_not_grow_mean_come_back_later(desk: DeskProcess) -> None:
    program = desk.start()
    comes_and_goes(desk, lambda: no_growth(program))


@contextmanager
def no_growth(program: Program) -> Iterator[None]:
    """Let every write of the running process fail that would make a file longer than nothing (EFBIG, as over a quota)."""
    before = resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_means_come_back_later(desk: DeskProcess) -> None:
    with small_disk(desk.data):
        program = desk.start()
        try:
            comes_and_goes(desk, lambda: ballast(desk.data / "ballast"))
        finally:
            program.kill()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of its own on the folder."""
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can make a small disk; the story before this one tells the same with a limit")
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"no small disk here: {mount.stderr}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def ballast(file: Path) -> Iterator[None]:
    """Fill the disk to the last byte."""
    with file.open("wb", buffering=0) as filled:
        try:
            for size in (65_536, 1):
                with suppress(OSError):
                    while filled.write(b"x" * size):
                        pass
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                filled.write(b"x")
            yield
        finally:
            file.unlink()


def test_a_database_file_that_was_replaced_means_come_back_later(desk: DeskProcess) -> None:
    file = desk.data / "frontdesk.sqlite3"

    @contextmanager
    def replaced() -> Iterator[None]:
        file.rename(file.with_suffix(".away"))
        file.write_bytes(b"garbage" * 10_000)
        yield
        file.with_suffix(".away").replace(file)

    desk.start()
    comes_and_goes(desk, replaced)


def test_a_database_full_of_garbage_means_come_back_later(desk: DeskProcess) -> None:
    files = [desk.data / name for name in ("frontdesk.sqlite3", "frontdesk.sqlite3-wal")]

    @contextmanager
    def overwritten() -> Iterator[None]:
        kept = [file.read_bytes() for file in files]
        for file, good in zip(files, kept, strict=True):
            with file.open("r+b") as opened:
                opened.write(b"\xab" * len(good))
        yield
        for file, good in zip(files, kept, strict=True):
            with file.open("r+b") as opened:
                opened.write(good)
                opened.truncate()

    desk.start()
    comes_and_goes(desk, overwritten)
