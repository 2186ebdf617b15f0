"""Nobody who is told, or looks what they were told, has SQLite read what everybody was ever told."""

from collections.abc import Callable

import pytest
from sqlalchemy import event

from notify import in_app
from notify.outbox import Outbox
from tests.notify.desk import NOW, a_desk, owe
from tests.notify.test_outbox import Recorder
from tickets.seen import seen
from tickets.store import Store


def _list(store: Store) -> None:
    in_app.unread_page(store, a_desk(), "sona", None, 50)


def _count(store: Store) -> None:
    in_app.count(store, a_desk(), "sona")


def _since(store: Store) -> None:
    in_app.since(store, a_desk(), "sona", 1)


def _read(store: Store) -> None:
    in_app.read(store, "sona", NOW, None)


def _digest(store: Store) -> None:
    owed = owe(store, word="replied", whose="mine", bundle="sona/email/digest")
    assert Outbox(store, a_desk(), {"email": Recorder()}, lambda: NOW).claim(owed) is not None


def _seen(store: Store) -> None:
    with store.write() as connection:
        seen(connection, "sona", 1, NOW)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)  # PostgreSQL goes by how much there is
@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (_list, "outbox_unread"),
        (_count, "outbox_unread"),
        (_since, "outbox_unread"),
        (_read, "outbox_unread"),
        (_digest, "outbox_bundled"),
        (_seen, "outbox_ticket"),
    ],
)
def test_the_outbox_is_asked_by_an_index(store: Store, ask: Callable[[Store], None], index: str) -> None:
    owe(store, notifier="in_app", state="sent", sent_at=NOW)
    asked: list[str] = []
    for engine in (store.engine, store._reader):
        event.listen(engine, "checkout", lambda raw, *_: raw.set_trace_callback(asked.append))
    ask(store)
    with store.engine.connect() as connection:
        asked = [one for one in asked if "outbox" in one and one.startswith(("SELECT", "UPDATE"))]
        steps = [row.detail for one in asked for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}")]
    assert [step for step in steps if step.startswith("SCAN outbox")] == []
    assert [step for step in steps if f"INDEX {index} " in step], steps
