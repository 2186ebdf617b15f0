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

from tests.chaos.customers import all_routed, check_books
from tests.chaos.desk_process import DeskProcess, Desks, Program, until
from tests.chaos.trouble import chat, comes_and_goes
from tests.desks import mail
from tickets.store import Store


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
    comes_and_goes(desk, locked, times=1)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits a process that runs already")
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


def test_a_full_disk_for_blobs_means_come_back_later_to_large_mails_alone(desk: DeskProcess, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    desk.environment["FRONTDESK_BLOBS"] = str(disk)
    large = mail("large@x", text="Where is my parcel?\n" * 10_000)
    with small_disk(disk):
        program = desk.start()
        try:
            with ballast(disk / "ballast"):
                assert desk.mail(large).startswith("451 4.3.0")
                assert desk.mail(mail("small@x")).startswith("250")
            assert desk.mail(large).startswith("250")
            store = Store(desk.database)
            all_routed(store, 60)
            check_books(store, {"small@x": "small@x", "large@x": "large@x"})
            store.close()
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


def test_a_damaged_database_means_come_back_later_until_a_good_one_is_there(desk: DeskProcess) -> None:
    program = desk.start()
    assert desk.mail(mail("before@x")).startswith("250")
    files = [desk.data / name for name in ("frontdesk.sqlite3", "frontdesk.sqlite3-wal")]
    backup = [file.read_bytes() for file in files]
    for file, good in zip(files, backup, strict=True):
        with file.open("r+b") as opened:
            opened.write(b"\xab" * len(good))

    answers: list[str] = []

    def is_refused() -> bool:
        answers.append(desk.mail(mail(f"within{len(answers)}@x")))
        return answers[-1].startswith("451") and desk.ask("GET", "/readyz")[0] == 503

    until(is_refused, 30, "the damage is noticed")
    assert [answer for answer in answers if answer[:3] not in ("250", "451")] == []
    assert chat(desk, 1)[0] == 503

    program.kill()
    for file, good in zip(files, backup, strict=True):
        file.write_bytes(good)
    (desk.data / "frontdesk.sqlite3-shm").unlink(missing_ok=True)
    desk.start()
    assert desk.mail(mail("after@x")).startswith("250")
    store = Store(desk.database)
    try:
        all_routed(store, 60)
        check_books(store, {"before@x": "before@x", "after@x": "after@x"})
    finally:
        store.close()
