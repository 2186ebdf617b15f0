"""Starting, changing and stopping: a broken desk file, signals, a second desk, a port that is taken."""

import os
import signal
import socket
import time

import pytest

from tests.chaos.customers import all_routed
from tests.chaos.desk_process import DESK, DeskProcess, Desks
from tests.chaos.wire import Wire
from tests.desks import mail
from tickets import look
from tickets.store import Store

TO_BILLING = """
rules:
  - {{name: Invoices, when: [{{subject: {{contains: invoice}}}}], then: [transfer: billing]}}
"""
BROKEN = (
    DESK.replace("agents: all, addresses: [billing", "agentz: all, addresses: [billing")
    + """
rules:
  - {{name: Invoices, when: [{{subjekt: invoice}}], then: [transfer: biling]}}
"""
)


def department_of(desk: DeskProcess, message_id: str) -> str:
    """Send a mail about an invoice and return the department its ticket stands in."""
    assert desk.mail(mail(message_id, subject=f"invoice {message_id}")).startswith("250")
    store = Store(desk.database)
    try:
        all_routed(store, 20)
        [found] = [row for row in look.listing(store) if row["subject"] == f"invoice {message_id}"]
    finally:
        store.close()
    return str(found["department"])


def test_a_broken_desk_file_stops_the_start_with_all_its_errors(desks: Desks) -> None:
    desk = desks.make(BROKEN)
    program = desk.start(ready=False)
    assert program.ends(30) == 2
    for words in ("agentz", "subjekt", "biling", "the desk does not start"):
        assert words in program.said
    assert "Traceback" not in program.said
    assert not desk.data.exists()


def test_a_desk_file_broken_while_running_changes_nothing_and_a_mended_one_is_used(desks: Desks) -> None:
    desk = desks.make(DESK + TO_BILLING)
    program = desk.start()
    assert department_of(desk, "a@x") == "billing"

    desk.write(BROKEN)
    program.says("desk_file_broken", 5)
    program.says("agentz", 5)
    assert department_of(desk, "b@x") == "billing"

    desk.write(DESK)
    begun = time.monotonic()
    program.says("desk_reloaded", 5)
    assert time.monotonic() - begun < 3
    assert department_of(desk, "c@x") == "general"


def test_a_desk_file_is_read_at_once_on_sighup(desks: Desks) -> None:
    desk = desks.make(DESK)
    program = desk.start()
    desk.write(DESK + TO_BILLING)
    os.kill(program.process.pid, signal.SIGHUP)
    program.says("desk_reloaded", 5)
    assert department_of(desk, "a@x") == "billing"
    assert program.running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_desk_cleanly_also_within_sessions(desks: Desks, number: signal.Signals) -> None:
    desk = desks.make()
    program = desk.start()
    with Wire(desk.smtp) as idle, Wire(desk.smtp) as within, socket.create_connection(("127.0.0.1", desk.http)) as http:
        idle.say("EHLO client.example")
        within.say("EHLO client.example")
        assert within.mail(mail("kept@x")).startswith("250")
        for command in ("MAIL FROM:<ann@example.com>", "RCPT TO:<support@acme.example>", "DATA"):
            assert within.say(command)[0] in "23"
        within.send(b"Subject: half a mail\r\n")
        http.sendall(b"POST /chat/site/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        program.signal(number)
        assert http.recv(100).startswith(b"HTTP/1.1 503 ")
        assert program.ends(10) == 0
    assert "Stopped." in program.said
    assert "Traceback" not in program.said
    with pytest.raises(ConnectionRefusedError):
        Wire(desk.smtp)

    desk.start()
    store = Store(desk.database)
    try:
        all_routed(store, 20)
        assert [row["messages"] for row in look.listing(store)] == [1]
    finally:
        store.close()


def test_who_writes_while_the_desk_stops_is_kept_or_comes_back(desks: Desks) -> None:
    desk = desks.make()
    program = desk.start()
    acknowledged = 0
    with Wire(desk.smtp) as wire:
        wire.say("EHLO client.example")
        assert wire.mail(mail("first@x")).startswith("250")
        program.signal(signal.SIGTERM)
        try:
            while (said := wire.mail(mail(f"{acknowledged}@x"))).startswith("250"):
                acknowledged += 1
            assert said.startswith(("421", "451"))
        except OSError:
            pass  # the connection went with the process
    assert program.ends(10) == 0
    desk.start()
    store = Store(desk.database)
    try:
        all_routed(store, 20)
        assert len(list(look.listing(store))) in (acknowledged + 1, acknowledged + 2)
    finally:
        store.close()


def test_a_listener_and_its_workers_end_cleanly_too(desks: Desks, postgresql_url: str, broker_url: str) -> None:
    desk = desks.make(database_url=postgresql_url, broker_url=broker_url)
    listener, worker = desk.start("listen"), desk.start("work")
    assert desk.mail(mail("a@x")).startswith("250")
    worker.says('"event": "routed"')
    for program in (listener, worker):
        os.kill(program.process.pid, signal.SIGTERM)  # Dramatiq tells its workers itself; told twice, they give up
    assert listener.ends(10) == 0
    assert worker.ends(20) == 0
    assert "Traceback" not in listener.said + worker.said


def test_a_second_desk_on_the_same_data_is_refused_with_words(desks: Desks) -> None:
    first, second = desks.make(), desks.make()
    first.start()
    second.environment["FRONTDESK_DATA"] = str(first.data)
    program = second.start(ready=False)
    assert program.ends(30) == 1
    assert f"Another desk runs on {first.data}" in program.said
    assert "Traceback" not in program.said
    assert first.mail(mail("a@x")).startswith("250")


@pytest.mark.parametrize("which", ["smtp", "http"])
def test_a_port_that_is_taken_is_named_and_nothing_keeps_running(desks: Desks, which: str) -> None:
    desk = desks.make()
    port = getattr(desk, which)
    with socket.create_server(("127.0.0.1", port)):
        program = desk.start(ready=False)
        assert program.ends(30) == 1
    said = " ".join(program.said.split())
    setting = {"smtp": "channel mail: listen", "http": "FRONTDESK_HTTP"}[which]
    assert f"Nothing can listen on 127.0.0.1:{port}: " in said
    assert f"change {setting}" in said
    assert "Traceback" not in said
    desk.start()
