"""Blobs: what was put is got again or nobody was told that it was kept; and nobody's are swept."""

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from config.settings import Settings, WrongSettingError
from tests.s3_server import KEY, S3Server, s3_server
from tickets.blobs import ASIDE, Blobs, LostBlobError, open_blobs, raw_of
from tickets.blobs_folder import FolderShelf
from tickets.blobs_sweep import DAY, SHARDS, ForeignShelfError, sweep, sweeping
from tickets.schema import files, inbox
from tickets.store import Store
from tickets.trouble import Temporary

DATA = b"a mail with a large file" * 100
DIGEST = sha256(DATA).hexdigest()
SHARD = int(DIGEST[:2], 16)
ORPHAN = b"of a process that died"
LOOKED_AT = sorted({SHARD, *(int(sha256(data).hexdigest()[:2], 16) for data in (b"", ORPHAN))})


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of nobody")
    with s3_server() as server:
        yield server
    assert server.complaints == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, folder: Path) -> Blobs:
    if request.param == "s3":
        return open_blobs(Settings(blobs=request.getfixturevalue("s3").url))
    return open_blobs(Settings(blobs=str(folder)))


def path_of(folder: Path, name: str = DIGEST) -> Path:
    return folder / name[:2] / name


def names(blobs: Blobs) -> list[str]:
    return sorted(name for shard in LOOKED_AT for name, _ in blobs.shelf.listing(f"{shard:02x}"))


# --- put and get ------------------------------------------------------------------------------------------------------


def test_what_was_put_is_got_again_and_the_same_bytes_are_one_blob(blobs: Blobs) -> None:
    assert blobs.put(DATA) == blobs.put(bytes(DATA)) == DIGEST
    assert blobs.put(b"") == sha256(b"").hexdigest()
    assert (blobs.get(DIGEST), blobs.get(sha256(b"").hexdigest())) == (DATA, b"")
    assert names(blobs) == sorted([DIGEST, sha256(b"").hexdigest()])
    blobs.forget(DIGEST)
    blobs.forget(DIGEST)
    with pytest.raises(LostBlobError, match=f"{DIGEST} is missing"):
        blobs.get(DIGEST)


@given(st.lists(st.binary(max_size=300), max_size=6))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_come_back_as_they_were(tmp_path: Path, datas: list[bytes]) -> None:
    blobs = Blobs(FolderShelf(tmp_path))
    digests = [blobs.put(data) for data in datas]
    assert [blobs.get(digest) for digest in digests] == datas
    assert len(set(digests)) == len(set(datas))


def test_many_threads_that_put_the_same_bytes_leave_one_whole_blob(folder: Path) -> None:
    blobs = Blobs(FolderShelf(folder))
    threads = [threading.Thread(target=blobs.put, args=(DATA,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (blobs.get(DIGEST), names(blobs)) == (DATA, [DIGEST])


@pytest.mark.parametrize(
    "torn", [b"", DATA[:-1], DATA + b"x", b"x" * len(DATA)], ids=["empty", "short", "long", "other"]
)
def test_a_torn_blob_is_never_read_nor_relied_upon_and_the_next_one_replaces_it(folder: Path, torn: bytes) -> None:
    blobs = Blobs(FolderShelf(folder))
    blobs.put(DATA)
    path_of(folder).write_bytes(torn)
    with pytest.raises(LostBlobError, match=f"{DIGEST} is damaged"):
        blobs.get(DIGEST)
    blobs.put(DATA)
    assert blobs.get(DIGEST) == DATA


def test_a_folder_that_is_not_mounted_is_trouble_that_passes(folder: Path) -> None:
    blobs = Blobs(FolderShelf(folder))
    blobs.put(DATA)
    folder.rename(folder.with_name("elsewhere"))
    for _ in range(2):
        with pytest.raises(Temporary, match="is it mounted"):
            blobs.get(DIGEST)
        folder.mkdir(exist_ok=True)
    folder.rmdir()
    folder.with_name("elsewhere").rename(folder)
    assert blobs.get(DIGEST) == DATA


# --- durable ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note each step that makes a file durable, by what it is done to; `fail` in front of them lets that one fail."""
    done: list[str] = []
    whole_fsync, whole_rename = os.fsync, os.rename

    def step(name: str) -> None:
        done.append(name)
        if done[0] == f"fail {name}":
            raise OSError(errno.ENOSPC, "No space left on device")

    def fsync(opened: int) -> None:
        path = Path(f"/proc/self/fd/{opened}").readlink()
        step("sync file" if path.is_file() else f"sync folder {len(path.name)}")
        whole_fsync(opened)

    def replace(old: Any, new: Any) -> None:
        step("rename")
        whole_rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    yield done
    monkeypatch.undo()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which file a descriptor is")
def test_a_blob_is_synced_before_it_has_its_name_and_its_folder_after(folder: Path, steps: list[str]) -> None:
    blobs = Blobs(FolderShelf(folder))
    blobs.put(DATA)
    assert steps[-3:] == ["sync file", "rename", "sync folder 2"]
    assert f"sync folder {len(folder.name)}" in steps[:-3]  # the new folder's own name
    steps.clear()
    blobs.put(DATA)  # whoever put it there may have died before it was durable
    assert steps == ["sync file", "sync folder 2"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which file a descriptor is")
@pytest.mark.parametrize("broken", ["sync file", "rename", "sync folder 2"])
def test_a_step_that_fails_means_come_back_later_and_leaves_nothing_half_done(
    folder: Path, steps: list[str], broken: str
) -> None:
    blobs = Blobs(FolderShelf(folder))
    steps.append(f"fail {broken}")
    with pytest.raises(Temporary, match="No space left"):
        blobs.put(DATA)
    assert all(path.read_bytes() == DATA for path in folder.glob("??/*"))
    assert list(folder.glob("??/*.tmp")) == []
    steps.clear()
    blobs.put(DATA)
    assert blobs.get(DIGEST) == DATA


# --- S3 ---------------------------------------------------------------------------------------------------------------


def test_an_s3_store_that_is_down_is_trouble_that_passes(s3: S3Server) -> None:
    blobs = open_blobs(Settings(blobs=s3.url))
    blobs.put(DATA)
    s3.down = True
    for ask in (lambda: blobs.put(b"x"), lambda: blobs.get(DIGEST), lambda: names(blobs), lambda: blobs.forget(DIGEST)):
        with pytest.raises(Temporary, match="s3://mails/desk"):
            ask()
    s3.down = False
    assert blobs.get(DIGEST) == DATA
    assert list(s3.objects) == [f"desk/{DIGEST[:2]}/{DIGEST}"]


def test_an_s3_store_nobody_listens_on_is_trouble_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with s3_server() as server:
        blobs = open_blobs(Settings(blobs=server.url))
    with pytest.raises(Temporary):
        blobs.put(DATA)


def test_the_credentials_in_an_url_are_told_to_nobody() -> None:
    blobs = open_blobs(Settings(blobs="s3://mails/desk?access_key_id=me&secret_access_key=hush&region=x"))
    assert blobs.shelf.name == "s3://mails/desk"
    with pytest.raises(WrongSettingError) as wrong:
        open_blobs(Settings(blobs="s3://mails/desk?secret_access_key=hush&nonsense=1"))
    assert "nonsense" in str(wrong.value)
    assert "hush" not in str(wrong.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "tickets.blobs_s3", raising=False)
    with pytest.raises(WrongSettingError, match=r"pip install 'frontdesk\[s3\]'"):
        open_blobs(Settings(blobs="s3://mails/desk"))


@pytest.mark.parametrize("wrong", ["gs://mails/desk", "s3:///desk", "s3://"])
def test_a_place_of_another_kind_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ValueError, match="blobs"):
        Settings(blobs=wrong)


# --- the sweep --------------------------------------------------------------------------------------------------------


def row(store: Store, digest: str | None, raw: bytes = b"") -> Any:
    values = {
        "channel": "mail",
        "account": "",
        "external_id": digest or "small",
        "conversation": "c",
        "state": "routed",
    }
    numbers = {"part": 0, "meta": "{}", "received_at": 1.0, "attempts": 0, "due_at": 1.0, "stored": digest, "raw": raw}
    with store.write() as connection:
        connection.execute(inbox.insert().values(**values, **numbers))
        return connection.execute(select(inbox).where(inbox.c.external_id == values["external_id"])).one()


def swept(store: Store, blobs: Blobs, days: float) -> int:
    return sum(sweep(store, blobs, shard, time.time() + days * DAY) for shard in LOOKED_AT)


def test_the_bytes_of_a_row_are_read_wherever_they_lie(store: Store, folder: Path) -> None:
    blobs = Blobs(FolderShelf(folder))
    assert raw_of(row(store, None, b"small"), None) == b"small"
    large = row(store, blobs.put(DATA))
    assert raw_of(large, blobs) == DATA
    with pytest.raises(LostBlobError):
        raw_of(large, None)


def test_a_blob_that_no_row_names_is_forgotten_after_two_days_and_no_other(store: Store, blobs: Blobs) -> None:
    orphan = blobs.put(ORPHAN)
    row(store, blobs.put(DATA))
    assert swept(store, blobs, days=0.9) == 0
    assert names(blobs) == sorted([orphan, DIGEST])
    assert swept(store, blobs, days=1.1) == 0
    assert names(blobs) == sorted([orphan + ASIDE, DIGEST])
    assert blobs.get(orphan) == ORPHAN
    assert swept(store, blobs, days=0.9) == 0
    assert swept(store, blobs, days=1.1) == 1
    assert names(blobs) == [DIGEST]
    assert blobs.get(DIGEST) == DATA


def handed_in(store: Store, digest: str, at: float) -> None:
    named = {"filename": "a", "content_type": "image/png", "size": 1, "owner": "bob/:7", "created_at": at}
    with store.write() as connection:
        connection.execute(files.insert().values(id="f1", stored=digest, **named))


def test_a_blob_that_only_a_file_names_stays(store: Store, blobs: Blobs) -> None:
    handed_in(store, blobs.put(DATA), time.time())
    swept(store, blobs, days=1.1)
    swept(store, blobs, days=1.1)
    assert (names(blobs), blobs.get(DIGEST)) == ([DIGEST], DATA)


def test_a_file_that_was_never_said_with_anything_names_its_blob_for_a_month(store: Store, blobs: Blobs) -> None:
    handed_in(store, blobs.put(DATA), time.time() - 29 * DAY)
    swept(store, blobs, days=1.1)
    assert names(blobs) == [DIGEST + ASIDE]


def test_who_relied_on_a_blob_while_it_was_set_aside_still_has_it(store: Store, blobs: Blobs) -> None:
    assert sweep(store, blobs, SHARD, time.time()) == 0  # there is nothing yet
    blobs.put(DATA)
    blobs.put(DATA)  # a second sender of the same mail relies on it, and is slow with its row
    sweep(store, blobs, SHARD, time.time() + 1.1 * DAY)
    assert names(blobs) == [DIGEST + ASIDE]
    row(store, DIGEST)
    assert blobs.get(DIGEST) == DATA
    sweep(store, blobs, SHARD, time.time() + 1.1 * DAY)
    assert (names(blobs), blobs.get(DIGEST)) == ([DIGEST], DATA)


def test_bytes_that_come_again_while_they_are_set_aside_are_written_anew(store: Store, blobs: Blobs) -> None:
    blobs.put(DATA)
    sweep(store, blobs, SHARD, time.time() + 1.1 * DAY)
    blobs.put(DATA)
    row(store, DIGEST)
    assert names(blobs) == [DIGEST, DIGEST + ASIDE]
    sweep(store, blobs, SHARD, time.time() + 1.1 * DAY)
    assert (names(blobs), blobs.get(DIGEST)) == ([DIGEST], DATA)


def test_a_torn_blob_that_was_set_aside_never_comes_back_over_a_whole_one(store: Store, folder: Path) -> None:
    blobs = Blobs(FolderShelf(folder))
    blobs.put(DATA)
    path_of(folder).write_bytes(b"torn")
    sweep(store, blobs, SHARD, time.time() + 1.1 * DAY)
    row(store, blobs.put(DATA))
    sweep(store, blobs, SHARD, time.time() + 1.1 * DAY)
    assert (names(blobs), blobs.get(DIGEST)) == ([DIGEST], DATA)


def test_what_a_killed_process_left_half_written_is_taken_away(store: Store, folder: Path) -> None:
    blobs = Blobs(FolderShelf(folder))
    row(store, blobs.put(DATA))
    left = path_of(folder).with_name(f"{DIGEST}.0a1b2c.tmp")
    left.write_bytes(DATA[:10])
    assert sweep(store, blobs, SHARD, time.time()) == 0
    assert sweep(store, blobs, SHARD, time.time() + 1.1 * DAY) == 1
    assert names(blobs) == [DIGEST]


def test_the_blobs_of_another_database_are_left_alone(
    store: Store, blobs: Blobs, tmp_path: Path, migrated_sqlite: Path
) -> None:
    row(store, blobs.put(DATA))
    sweep(store, blobs, SHARD, time.time())
    (tmp_path / "other.sqlite3").write_bytes(migrated_sqlite.read_bytes())
    other = Store(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    with pytest.raises(ForeignShelfError):
        sweep(other, blobs, SHARD, time.time() + 9 * DAY)
    other.close()
    assert blobs.get(DIGEST) == DATA


def test_the_sweep_goes_on_by_itself_whatever_happens_to_a_turn(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    thrice = threading.Event()

    def fails(_store: Store, _blobs: Blobs, shard: int, _now: float) -> int:
        turns.append(shard)
        if len(turns) > 2:
            thrice.set()
        raise (Temporary("away"), KeyError("a defect"))[len(turns) % 2]

    monkeypatch.setattr("tickets.blobs_sweep.TURN_SECONDS", 0.01)
    monkeypatch.setattr("tickets.blobs_sweep.sweep", fails)
    with sweeping(store, Blobs(FolderShelf(folder))):
        assert thrice.wait(10)
    assert set(turns) <= set(range(SHARDS))


def test_the_sweep_finds_its_rows_by_an_index(store: Store) -> None:
    asked = select(inbox.c.stored).where(inbox.c.stored.in_([DIGEST, "0" * 64]))
    text = asked.compile(store.engine, compile_kwargs={"literal_binds": True}).string
    with store.write() as connection:
        if not store.sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if store.sqlite else ''}{text}").all()
    assert "inbox_stored" in str(plan)
