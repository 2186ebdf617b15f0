"""The whole desk in one process, with real Dramatiq workers: from the door to the outbox folder."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import dramatiq
import pytest

from commands.parts import CHECKS, KINDS
from config.settings import Settings
from config.watch import DeskFile
from ingest.arrival import Arrival, Kept
from ingest.channel import Request, find
from ingest.inbox import keep
from ingest.webhook import read
from notify.outbox import listing as notices
from tests.channels.sending import platform
from tests.desks import HEAD, arrived, mail
from tickets import look
from worker import App

RULES = """
rules:
  - {name: Invoices, when: [{subject: {contains: invoice}}], then: [transfer: billing, assign: luca]}
"""


def until(true: Callable[[], bool]) -> None:
    """Wait until something holds; the bound is for the day it never does."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


@pytest.fixture
def desk_file(tmp_path: Path) -> Path:
    path = tmp_path / "desk.yaml"
    path.write_text(HEAD + RULES, encoding="utf-8")
    return path


def made(desk_file: Path, database_url: str, broker_url: str | None = None) -> App:
    settings = Settings(
        config=desk_file, data=desk_file.parent / "var", database_url=database_url, broker_url=broker_url
    )
    return App(settings, DeskFile(desk_file, KINDS, CHECKS))


@contextlib.contextmanager
def running(app: App) -> Iterator[None]:
    """Run everything but the listeners."""
    with contextlib.ExitStack() as stack:
        stack.callback(app.close)
        stack.enter_context(app.workers())
        stack.enter_context(app.intake())
        stack.enter_context(app.clock())
        yield


@contextlib.contextmanager
def scaled(app: App) -> Iterator[None]:
    """Run the listeners' side here and a worker of Dramatiq's beside it, on a Redis broker."""
    with contextlib.ExitStack() as stack:
        stack.callback(app.close)
        worker = dramatiq.Worker(app.brokers.route, worker_threads=2, worker_timeout=50)
        worker.start()
        stack.callback(worker.stop, timeout=10_000)
        stack.enter_context(app.intake())
        stack.enter_context(app.clock())
        yield


def accepted(app: App, *arrivals: Arrival) -> list[Kept]:
    return asyncio.run(app.accept(list(arrivals)))


def told(app: App) -> set[tuple[str, str]]:
    return {(row["recipient"], row["state"]) for row in notices(app.store) if row["notifier"] == "email"}


def test_a_mail_ends_as_a_ticket_and_its_notices_lie_in_the_outbox_folder(desk_file: Path, migrated_url: str) -> None:
    app = made(desk_file, migrated_url)
    with running(app):
        [kept] = accepted(app, arrived(mail("a@x", subject="My invoice")))
        assert kept == Kept(1, duplicate=False)
        until(lambda: told(app) == {("luca", "sent"), ("sona", "sent")})
        [ticket] = look.listing(app.store)
        assert (ticket["department"], ticket["agent"]) == ("billing", "luca")
        written = [message_from_bytes(path.read_bytes()) for path in app.settings.outbox_folder.glob("*.eml")]
        assert {one["Subject"] for one in written} == {"[#1] My invoice"}
        delivered = 'frontdesk_delivered_total{channel="mail",notifier="email",outcome="sent"} 2.0'
        until(lambda: delivered in app.metrics.text().decode())  # it is counted behind the row
        metrics = app.metrics.text().decode()
    assert 'frontdesk_accepted_total{channel="mail",outcome="kept"} 1.0' in metrics
    assert 'frontdesk_routed_total{channel="mail",outcome="routed"} 1.0' in metrics
    assert "frontdesk_inbox_depth 0.0" in metrics


def test_a_file_that_a_message_names_is_fetched(
    desk_file: Path, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_SECRET", "t")
    where = {"method": "POST", "path": "/bott/getFile", "json": {"file_id": "AgAC"}}
    bytes_of = {"method": "GET", "path": "/file/bott/photos/1.jpg"}
    script: list[dict[str, Any]] = [
        {"expect": where, "answer": {"json": {"ok": True, "result": {"file_path": "photos/1.jpg"}}}},
        {"expect": bytes_of, "answer": {"text": "a picture"}},
    ]
    update = b'{"update_id": 1, "message": {"message_id": 2, "date": 1795348800, "chat": {"id": 7, "type": "private"}, '
    update += b'"from": {"id": 7, "first_name": "Ann"}, "photo": [{"file_id": "AgAC", "width": 9, "height": 9}]}}'
    with platform(script) as local:
        more = f', token: "env:TELEGRAM_SECRET", base_url: "{local.base}"'
        text = desk_file.read_text(encoding="utf-8").replace('"env:TELEGRAM_SECRET"', '"env:TELEGRAM_SECRET"' + more)
        desk_file.write_text(text, encoding="utf-8")
        app = made(desk_file, migrated_url)
        with running(app):
            accepted(app, *read(find("telegram"), "bot", "telegram", Request(update, {})))
            until(lambda: 'outcome="done"' in app.metrics.text().decode())
            found = look.ticket(app.store, 1)
            metrics = app.metrics.text().decode()
        assert local.wrong == []
    assert found is not None
    assert found["entries"][0]["attachments"][0]["size"] == len("a picture")
    assert 'frontdesk_errands_total{channel="bot",kind="file",outcome="done"} 1.0' in metrics
    assert "frontdesk_errands_depth 0.0" in metrics


def test_over_a_real_redis_the_same_happens(desk_file: Path, migrated_url: str, redis_url: str) -> None:
    app = made(desk_file, migrated_url, redis_url)
    with scaled(app):
        accepted(app, *(arrived(mail(f"{n}@x", subject="My invoice")) for n in range(20)))
        until(
            lambda: (
                len(told(app)) == 2 and all(state == "sent" for _, state in told(app)) and len(notices(app.store)) == 80
            )
        )
        assert [row["messages"] for row in look.listing(app.store)] == [1] * 20


def test_what_waited_while_nobody_ran_is_routed_at_the_start(desk_file: Path, migrated_url: str) -> None:
    app = made(desk_file, migrated_url)
    with app.store.write() as connection:
        keep(connection, [arrived(mail("a@x"))], time.time(), time.time() + 3_600)
    app.wake()
    with running(app):
        until(lambda: [row["messages"] for row in look.listing(app.store)] == [1])


def test_without_a_broker_messages_are_kept_and_go_on_when_it_is_back(
    desk_file: Path, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(desk_file, migrated_url)
    monkeypatch.setattr("ingest.inbox.BELL_SECONDS", 0)
    broken = pytest.MonkeyPatch()

    def no_broker(*_: object, **__: object) -> None:
        raise ConnectionError("nobody rings")

    broken.setattr(app.brokers.route, "enqueue", no_broker)
    with running(app):
        assert len(accepted(app, arrived(mail("a@x")))) == 1
        until(lambda: app.bell._silent)
        assert list(look.listing(app.store)) == []
        broken.undo()
        with app.store.write():
            pass
        app.wake()
        until(lambda: [row["messages"] for row in look.listing(app.store)] == [1])


def test_a_sweep_that_fails_for_whatever_reason_goes_on(
    desk_file: Path, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(desk_file, migrated_url)
    with app.store.write() as connection:
        keep(connection, [arrived(mail("a@x"))], time.time(), time.time())
    real, troubles = app.sweep, [RuntimeError("a defect of ours")]

    def sweep() -> None:
        if troubles:
            raise troubles.pop()
        real()

    monkeypatch.setattr(app, "sweep", sweep)
    with running(app):
        until(lambda: [row["messages"] for row in look.listing(app.store)] == [1])
    assert not troubles


def test_a_new_desk_file_is_used_for_the_next_message(desk_file: Path, migrated_url: str) -> None:
    app = made(desk_file, migrated_url)
    with running(app):
        accepted(app, arrived(mail("a@x", subject="My invoice")))
        until(lambda: len(list(look.listing(app.store))) == 1)
        new = desk_file.with_suffix(".new")
        new.write_text(HEAD + RULES.replace("luca", "sona"), encoding="utf-8")
        new.rename(desk_file)
        assert app.desk.reload()
        accepted(app, arrived(mail("b@x", subject="My invoice")))
        until(lambda: [row["agent"] for row in look.listing(app.store)] == ["luca", "sona"])


def test_a_broken_desk_file_keeps_the_old_desk_at_work(desk_file: Path, migrated_url: str) -> None:
    app = made(desk_file, migrated_url)
    with running(app):
        desk_file.write_text("desk: [", encoding="utf-8")
        assert not app.desk.reload()
        accepted(app, arrived(mail("a@x", subject="My invoice")))
        until(lambda: [row["agent"] for row in look.listing(app.store)] == ["luca"])


def test_the_running_clock_asks_the_rules_that_wait_and_what_they_want_is_told(
    desk_file: Path, migrated_url: str
) -> None:
    waits = "  - {name: Old, on: [{time.older_than: 1s}], then: [{notify: 'email:boss@acme.example'}]}\n"
    desk_file.write_text(HEAD + RULES + waits, encoding="utf-8")
    app = made(desk_file, migrated_url)
    with running(app):
        accepted(app, arrived(mail("a@x", subject="My invoice")))
        until(lambda: ("boss@acme.example", "sent") in told(app))
        found = look.ticket(app.store, 1)
    assert found is not None
    assert [event["event"] for event in found["history"]].count("time.older_than") == 1


def test_a_defect_in_one_part_of_the_sweep_keeps_no_other_from_its_turn(
    desk_file: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(desk_file, database_url)
    done: list[str] = []

    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "miss", broken)
    monkeypatch.setattr(app, "staff", lambda: done.append("staff"))
    with contextlib.closing(app):
        app.store.migrate()
        app.sweep()
    assert done == ["staff"]
