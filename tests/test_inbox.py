"""The inbox: durable before anybody is answered, a duplicate is success, and nobody is left hanging."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ingest import quarantine
from ingest.arrival import Arrival
from ingest.inbox import BELL_SECONDS, Inbox, due, wake
from ingest.webhook import UNREAD
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Temporary

NOW = 1_000.0


def arrival(number: int | str, **changes: Any) -> Arrival:
    values = {
        "channel": "mail",
        "external_id": f"m{number}",
        "conversation": f"mid:m{number}",
        "raw": b"hello",
        **changes,
    }
    return Arrival(**values)


@pytest.fixture
def rung() -> list[int]:
    return []


@pytest.fixture
def keeper(store: Store, rung: list[int]) -> Iterator[Inbox]:
    made = Inbox(store, on_kept=rung.extend, clock=lambda: NOW)
    made.start()
    yield made
    made.stop()


def ids(store: Store) -> list[int]:
    with store.read() as connection:
        return list(connection.scalars(select(inbox.c.id).order_by(inbox.c.id)))


def test_a_message_is_durable_when_its_future_ends_and_its_bell_rings(
    keeper: Inbox, store: Store, rung: list[int]
) -> None:
    [kept] = keeper.accept([arrival(1, meta={"peer": "::1"})]).result(10)
    assert not kept.duplicate
    assert ids(store) == [kept.id]
    keeper.stop()
    assert rung == [kept.id]


def test_a_duplicate_is_success_and_rings_no_bell(keeper: Inbox, store: Store, rung: list[int]) -> None:
    [first] = keeper.accept([arrival(1)]).result(10)
    [second] = keeper.accept([arrival(1, raw=b"whatever")]).result(10)
    assert (second.id, second.duplicate) == (first.id, True)
    assert ids(store) == [first.id]
    keeper.stop()
    assert rung == [first.id]


def test_the_same_message_twice_in_one_delivery_is_one_row(keeper: Inbox, store: Store) -> None:
    kept = keeper.accept([arrival(1), arrival(2), arrival(1)]).result(10)
    assert [one.duplicate for one in kept] == [False, False, True]
    assert kept[0].id == kept[2].id
    assert len(ids(store)) == 2


def test_the_same_id_in_another_channel_or_account_is_another_message(keeper: Inbox, store: Store) -> None:
    others = [arrival(1), arrival(1, channel="other"), arrival(1, account="page")]
    assert not any(one.duplicate for one in keeper.accept(others).result(10))
    assert len(ids(store)) == 3


def test_many_senders_at_once_each_get_their_own_answer(keeper: Inbox, store: Store) -> None:
    answers: dict[int, int] = {}

    def send(start: int) -> None:
        for number in range(start, start + 50):
            [kept] = keeper.accept([arrival(number)]).result(30)
            answers[number] = kept.id

    threads = [threading.Thread(target=send, args=(start,)) for start in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as connection:
        found = {int(row.external_id[1:]): row.id for row in connection.execute(select(inbox))}
    assert found == answers


def test_one_row_that_no_database_takes_does_not_block_the_others(store: Store) -> None:
    keeper = Inbox(store, clock=lambda: NOW)
    waiting = [keeper.accept([arrival(1)])]
    keeper._open = True
    waiting += [
        keeper.accept([arrival(number, channel=channel)]) for number, channel in ((2, "mail"), (3, None), (4, "mail"))
    ]
    keeper.start()
    with pytest.raises(Temporary):
        waiting[0].result(10)
    assert [one.exception(10) is None for one in waiting[1:]] == [True, False, True]
    assert isinstance(waiting[2].exception(), Temporary)
    keeper.stop()
    assert len(ids(store)) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_writer_tells_everybody_who_waits_or_comes_to_come_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Inbox(store)

    def die(_batch: Sequence[Any]) -> None:
        raise MemoryError

    monkeypatch.setattr(keeper, "_keep", die)
    keeper._open = True
    waiting = [keeper.accept([arrival(number)]) for number in range(3)]
    monkeypatch.setattr("ingest.inbox.BATCH_ROWS", 1)
    keeper.start()
    for answer in waiting:
        with pytest.raises(Temporary):
            answer.result(10)
    with pytest.raises(Temporary):
        keeper.accept([arrival(9)]).result(10)


def test_a_broken_bell_does_not_trouble_the_sender(store: Store) -> None:
    def ring(_ids: Sequence[int]) -> None:
        raise ConnectionError("no broker")

    keeper = Inbox(store, on_kept=ring, clock=lambda: NOW)
    keeper.start()
    keeper.accept([arrival(1)]).result(10)
    keeper.accept([arrival(2)]).result(10)
    keeper.stop()
    assert len(ids(store)) == 2


def test_a_message_that_waits_too_long_is_refused_and_then_not_kept_behind_its_senders_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.inbox.KEEP_SECONDS", 0.05)
    keeper = Inbox(store)
    keeper._open = True  # but nobody writes yet
    with pytest.raises(Temporary, match="no commit"):
        asyncio.run(keeper.accepted([arrival(1)]))
    keeper.start()
    keeper.accept([arrival(2)]).result(10)
    keeper.stop()
    assert len(ids(store)) == 1


def test_the_sweep_rings_for_what_waits_past_its_time_and_then_looks_away_for_a_while(
    keeper: Inbox, store: Store
) -> None:
    [first], [second] = (keeper.accept([arrival(number)]).result(10) for number in (1, 2))
    assert due(store, NOW + BELL_SECONDS - 1, most=10) == []
    assert due(store, NOW + BELL_SECONDS, most=1) == [first.id]
    assert due(store, NOW + BELL_SECONDS, most=10) == [second.id]
    assert due(store, NOW + BELL_SECONDS, most=10) == []
    assert due(store, NOW + BELL_SECONDS + 30, most=10) == [first.id, second.id]
    assert wake(store, NOW) == 2
    assert due(store, NOW, most=10) == [first.id, second.id]


def test_without_a_bell_a_row_is_due_at_once(store: Store) -> None:
    keeper = Inbox(store, clock=lambda: NOW)
    keeper.start()
    [kept] = keeper.accept([arrival(1)]).result(10)
    keeper.stop()
    assert due(store, NOW, most=10) == [kept.id]


def test_what_comes_with_a_cause_lies_in_quarantine_until_a_person_decides(
    keeper: Inbox, store: Store, rung: list[int]
) -> None:
    [kept] = keeper.accept([arrival(1, cause="our own notice", meta={"type": "smtp"})]).result(10)
    keeper.stop()
    assert rung == []
    assert [(row.id, row.cause) for row in quarantine.listing(store)] == [(kept.id, "our own notice")]
    assert quarantine.retry(store, kept.id, NOW) is None
    assert due(store, NOW, most=10) == [kept.id]
    assert quarantine.retry(store, kept.id, NOW) == "not in quarantine"
    assert not quarantine.discard(store, kept.id)


def test_a_payload_that_can_be_read_after_all_becomes_a_row_for_each_message(keeper: Inbox, store: Store) -> None:
    raw = (
        b'{"update_id": 7, "message": {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "Hi"}}'
    )
    changes = {"channel": "bot", "raw": raw, "part": UNREAD, "meta": {"type": "telegram"}, "cause": "a defect of ours"}
    [kept] = keeper.accept([arrival(1, **changes)]).result(10)
    assert quarantine.retry(store, kept.id, NOW) is None
    [again] = due(store, NOW, most=10)
    with store.read() as connection:
        rows = {row.id: row for row in connection.execute(select(inbox))}
    assert (rows[kept.id].state, rows[kept.id].cause) == ("discarded", f"read again as row {again}")
    assert (rows[again].raw, rows[again].part, rows[again].channel) == (raw, 0, "bot")


def test_a_payload_that_still_cannot_be_read_stays_with_its_cause_whoever_is_at_fault(
    keeper: Inbox, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"channel": "bot", "raw": b"{", "part": UNREAD, "meta": {"type": "telegram"}, "cause": "not JSON"}
    [kept] = keeper.accept([arrival(1, **changes)]).result(10)
    assert "not JSON" in (quarantine.retry(store, kept.id, NOW) or "")

    def parse(_raw: bytes) -> list[Any]:
        raise KeyError("a defect of ours")

    monkeypatch.setattr("ingest.channels.telegram.parse", parse)
    assert "KeyError" in (quarantine.retry(store, kept.id, NOW) or "")
    assert [row.id for row in quarantine.listing(store)] == [kept.id]


@given(st.lists(st.integers(0, 5), max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_keeping_any_sequence_leaves_each_message_once(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int]
) -> None:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('law') / 'desk.sqlite3'}")
    store.migrate()
    keeper = Inbox(store)
    keeper.start()
    kept = [keeper.accept([arrival(number)]).result(10)[0] for number in numbers]
    keeper.stop()
    assert len(ids(store)) == len(set(numbers)) == len({one.id for one in kept})
    assert [one.duplicate for one in kept] == [number in numbers[:place] for place, number in enumerate(numbers)]
    store.close()
