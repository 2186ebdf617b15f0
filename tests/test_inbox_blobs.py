"""The inbox and its blobs: the bytes are durable before the row, the row before the answer, and a slow disk holds up few."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ingest import quarantine
from ingest.arrival import Arrival
from ingest.inbox import Inbox
from ingest.webhook import UNREAD
from router.route import MOST_ATTEMPTS, Router
from tests.desks import HEAD, arrived, desk, mail
from tickets import look
from tickets.blobs import IN_THE_ROW, Blobs
from tickets.blobs_folder import FolderShelf
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Temporary

LARGE = b"x" * (IN_THE_ROW + 1)


def arrival(number: int, raw: bytes, **changes: Any) -> Arrival:
    values = {"channel": "mail", "external_id": f"m{number}", "conversation": f"mid:m{number}", "raw": raw, **changes}
    return Arrival(**values)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(FolderShelf(tmp_path / "blobs"))


@pytest.fixture
def keeper(store: Store, blobs: Blobs) -> Iterator[Inbox]:
    made = Inbox(store, blobs=blobs)
    made.start()
    yield made
    made.stop()


def rows(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(inbox).order_by(inbox.c.id)))


def lying(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("blobs/??/*"))


def test_large_bytes_lie_in_a_blob_and_small_ones_in_the_row(keeper: Inbox, store: Store, tmp_path: Path) -> None:
    digest = sha256(LARGE).hexdigest()
    keeper.accept([arrival(1, LARGE[1:]), arrival(2, LARGE)]).result(10)
    assert [(row.raw, row.stored) for row in rows(store)] == [(LARGE[1:], None), (b"", digest)]
    assert lying(tmp_path) == [digest]


def test_one_mail_to_two_channels_is_two_rows_and_one_blob(
    keeper: Inbox, store: Store, tmp_path: Path, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts: list[bytes] = []

    def put(data: bytes) -> str:
        puts.append(data)
        return Blobs.put(blobs, data)

    monkeypatch.setattr(blobs, "put", put)
    keeper.accept([arrival(1, LARGE), arrival(1, LARGE, channel="other")]).result(10)
    assert len({row.stored for row in rows(store)}) == len(lying(tmp_path)) == len(puts) == 1
    [again] = keeper.accept([arrival(1, LARGE)]).result(10)
    assert (again.duplicate, len(rows(store))) == (True, 2)


class SlowShelf(FolderShelf):
    """A disk that takes its time, or breaks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked = threading.Event()
        self.goes_on = threading.Event()
        self.trouble: Exception | None = None

    def keep(self, name: str, data: bytes) -> None:
        """Keep it when it may go on."""
        self.asked.set()
        assert self.goes_on.wait(20)
        if self.trouble is not None:
            raise self.trouble
        super().keep(name, data)


@pytest.fixture
def slow(tmp_path: Path) -> SlowShelf:
    return SlowShelf(tmp_path / "blobs")


def test_nothing_is_answered_or_written_before_the_blob_is_durable_and_small_mails_do_not_wait_for_it(
    store: Store, slow: SlowShelf
) -> None:
    keeper = Inbox(store, blobs=Blobs(slow))
    keeper.start()
    large = keeper.accept([arrival(1, LARGE)])
    assert slow.asked.wait(10)
    [small] = keeper.accept([arrival(2, b"small")]).result(10)
    assert not large.done()
    assert [row.id for row in rows(store)] == [small.id]
    slow.goes_on.set()
    assert not large.result(10)[0].duplicate
    keeper.stop()


@pytest.mark.parametrize("trouble", [Temporary("the disk is full"), KeyError("a defect")])
def test_bytes_that_cannot_be_kept_mean_come_back_later_and_leave_no_row(
    store: Store, slow: SlowShelf, trouble: Exception
) -> None:
    keeper = Inbox(store, blobs=Blobs(slow))
    keeper.start()
    slow.goes_on.set()
    slow.trouble = trouble
    with pytest.raises(Temporary):
        keeper.accept([arrival(1, LARGE)]).result(10)
    assert rows(store) == []
    slow.trouble = None
    keeper.accept([arrival(1, LARGE)]).result(10)
    keeper.stop()
    assert len(rows(store)) == 1


def test_an_inbox_that_stops_still_keeps_what_is_on_its_way_to_the_disk(store: Store, slow: SlowShelf) -> None:
    keeper = Inbox(store, blobs=Blobs(slow))
    keeper.start()
    large = keeper.accept([arrival(1, LARGE)])
    assert slow.asked.wait(10)
    stopping = threading.Thread(target=keeper.stop)
    stopping.start()
    slow.goes_on.set()
    [kept] = large.result(10)
    stopping.join()
    assert [row.id for row in rows(store)] == [kept.id]
    with pytest.raises(Temporary):
        keeper.accept([arrival(2, LARGE)]).result(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_while_a_blob_is_written_leaves_nobody_hanging(
    store: Store, slow: SlowShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Inbox(store, blobs=Blobs(slow))

    def die(_batch: object) -> None:
        raise MemoryError

    monkeypatch.setattr(keeper, "_keep", die)
    keeper.start()
    large = keeper.accept([arrival(1, LARGE)])
    assert slow.asked.wait(10)
    with pytest.raises(Temporary):
        keeper.accept([arrival(2, b"small")]).result(10)
    keeper._thread.join()
    slow.goes_on.set()
    with pytest.raises(Temporary):
        large.result(10)


def test_a_sender_who_has_left_costs_no_disk(store: Store, slow: SlowShelf, tmp_path: Path) -> None:
    keeper = Inbox(store, blobs=Blobs(slow))
    keeper.start()
    waiting = [keeper.accept([arrival(number, LARGE + b"%d" % number)]) for number in range(6)]
    assert slow.asked.wait(10)
    left = [answer.cancel() for answer in waiting]
    assert all(left)
    slow.goes_on.set()
    keeper.stop()
    assert rows(store) == []
    assert len(lying(tmp_path)) <= slow.at_once  # those that were being written already


DIES = """
import os, signal, sys
import ingest.inbox
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
import commands.mail
commands.mail.keep = die
sys.argv = ["frontdesk", "inject"]
import worker
worker.main()
"""


def test_kill_9_between_blob_and_row_leaves_a_blob_that_nobody_names_and_the_sender_comes_again(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(HEAD, encoding="utf-8")
    data = tmp_path / "var"
    environment = {**os.environ, "FRONTDESK_CONFIG": str(tmp_path / "desk.yaml"), "FRONTDESK_DATA": str(data)}
    raw = mail("a@x") + LARGE

    def inject(program: list[str]) -> int:
        return subprocess.run(
            [sys.executable, *program], input=raw, env=environment, capture_output=True, check=False, timeout=60
        ).returncode

    assert inject(["-c", DIES]) == -signal.SIGKILL
    store = Store(f"sqlite:///{data / 'frontdesk.sqlite3'}")
    assert (rows(store), len(lying(data))) == ([], 1)
    assert inject(["worker.py", "inject"]) == 0
    [row] = rows(store)
    assert [row.stored] == lying(data)
    assert Blobs(FolderShelf(data / "blobs")).get(row.stored) == raw
    store.close()


# --- those who read ---------------------------------------------------------------------------------------------------


def test_a_large_mail_becomes_a_ticket_like_any_other(keeper: Inbox, store: Store, blobs: Blobs) -> None:
    at = desk()
    words = "Where is my parcel? " * (IN_THE_ROW // 20 + 1)
    [kept] = keeper.accept([arrived(mail("a@x", text=words))]).result(10)
    assert rows(store)[0].stored is not None
    assert [one.outcome for one in Router(store, lambda: at, blobs=blobs).route(kept.id)] == ["routed"]
    found = look.ticket(store, 1)
    assert found is not None
    assert found["entries"][0]["text"] == words.rstrip()


def test_a_mail_whose_bytes_are_lost_ends_in_quarantine_with_its_cause_and_never_as_an_empty_ticket(
    keeper: Inbox, store: Store, blobs: Blobs
) -> None:
    at = desk()
    raw = mail("a@x") + LARGE
    [kept] = keeper.accept([arrived(raw)]).result(10)
    keeper.accept([arrival(9, LARGE)]).result(10)  # so that the folder is not empty
    digest = rows(store)[0].stored
    blobs.forget(digest)
    router = Router(store, lambda: at, blobs=blobs)
    outcomes = [one.outcome for _ in range(MOST_ATTEMPTS) for one in router.route(kept.id)]
    assert outcomes == ["quarantined"]
    assert list(look.listing(store)) == []
    [waits] = quarantine.listing(store)
    assert f"blob {digest} is missing" in waits.cause

    blobs.put(raw)  # out of a backup
    assert quarantine.retry(store, kept.id, now=1.0, blobs=blobs) is None
    assert [one.outcome for one in router.route(kept.id)] == ["routed"]


def test_a_store_that_is_away_holds_a_mail_up_and_takes_no_attempt(
    keeper: Inbox, store: Store, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk()
    [kept] = keeper.accept([arrived(mail("a@x") + LARGE)]).result(10)

    def read(_name: str) -> bytes:
        raise Temporary("S3 is down")

    router = Router(store, lambda: at, blobs=blobs)
    with monkeypatch.context() as patch:
        patch.setattr(blobs.shelf, "read", read)
        for _ in range(MOST_ATTEMPTS + 1):
            with pytest.raises(Temporary):
                router.route(kept.id)
    assert rows(store)[0].attempts == 0
    assert [one.outcome for one in router.route(kept.id)] == ["routed"]


def test_a_large_payload_that_can_be_read_after_all_shares_its_blob(
    keeper: Inbox, store: Store, blobs: Blobs, tmp_path: Path
) -> None:
    update = (
        b'{"update_id": 7, "message": {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "Hi"}}'
    )
    changes = {"channel": "bot", "part": UNREAD, "meta": {"type": "telegram"}, "cause": "a defect of ours"}
    [kept] = keeper.accept([arrival(1, update + b" " * len(LARGE), **changes)]).result(10)
    assert quarantine.retry(store, kept.id, now=1.0, blobs=blobs) is None
    first, again = rows(store)
    assert (again.state, again.stored, again.raw) == ("received", first.stored, b"")
    assert lying(tmp_path) == [first.stored]
