"""Apprise: an agent is told by a URL, which nobody else gets to see."""

import json
import socket
import threading

import pytest

from config.desk import Agent
from config.model import Secret
from notify import apprise
from notify.apprise import Apprise
from tests.notify.desk import a_desk, a_note
from tests.outside import World, page
from tickets.trouble import Permanent, Temporary


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Secret:
    """Give the reference of Sona's URL; tests say what it is."""
    monkeypatch.setenv("SONA_APPRISE", "ntfy://never")
    return Secret("env:SONA_APPRISE")


def at(port: int) -> str:
    return f"json://sona:sesame@127.0.0.1:{port}/desk"


def test_the_agent_is_told_what_and_why_and_where_and_no_word_of_the_customer(
    world: World, url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = world.serve(page())
    monkeypatch.setenv("SONA_APPRISE", at(server.port))
    note = a_note(url="https://desk.acme.example", together=(a_note(number=124),))
    assert Apprise({"sona": url}).send(note) == note.key
    [said] = [json.loads(one) for one in server.bodies]
    assert said["title"] == "Customer replied"
    assert said["message"].splitlines() == [
        "#123, #124: the customer replied, and the ticket is yours",
        "https://desk.acme.example/notices",
    ]
    assert "invoice" not in json.dumps(said)
    assert server.header("authorization")


def test_what_is_not_taken_is_tried_for_a_while_and_no_secret_is_told(
    world: World, url: Secret, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server = world.serve(page(b"sesame", "403 No"))
    monkeypatch.setenv("SONA_APPRISE", at(server.port))
    way = Apprise({"sona": url})
    with pytest.raises(Temporary, match="the service behind env:SONA_APPRISE did not take it") as again:
        way.send(a_note(attempt=1))
    with pytest.raises(Permanent, match="8 times") as never:
        way.send(a_note(attempt=8))
    assert not never.value.way
    assert "sesame" not in f"{again.value}{never.value}{capfd.readouterr()}"


def test_a_service_that_hangs_holds_nobody_up_and_there_is_an_end_to_those(
    world: World, url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()

    def hang(_connection: socket.socket) -> None:
        done.wait(20)

    server = world.serve(hang)
    monkeypatch.setenv("SONA_APPRISE", f"{at(server.port)}?rto=30")
    monkeypatch.setattr(apprise, "SECONDS", 0.05)
    way = Apprise({"sona": url})
    for _ in range(apprise.MOST_AT_ONCE):
        with pytest.raises(Temporary, match="did not answer"):
            way.send(a_note())
    with pytest.raises(Temporary, match="too many"):
        way.send(a_note())
    done.set()


@pytest.mark.parametrize(
    "wrong", ["sesame", "file:///etc/sesame", "syslog://sesame", "dbus://", "macosx://", "gnome://"]
)
def test_a_url_that_is_none_or_stays_on_the_server_ends_the_way(
    url: Secret, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("SONA_APPRISE", wrong)
    with pytest.raises(Permanent, match="env:SONA_APPRISE") as never:
        Apprise({"sona": url}).send(a_note())
    assert never.value.way
    assert "sesame" not in str(never.value)


def test_a_url_that_is_not_set_waits_and_one_that_was_taken_out_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SONA_APPRISE", raising=False)
    with pytest.raises(Temporary, match="env:SONA_APPRISE is not set"):
        Apprise({"sona": Secret("env:SONA_APPRISE")}).send(a_note())
    with pytest.raises(Permanent, match="no apprise for sona"):
        Apprise({}).send(a_note())


def test_without_the_extra_the_desk_file_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, url: Secret) -> None:
    with_url = Agent(id="sona", name="Sona", email="sona@acme.example", apprise=url)
    desk = a_desk().model_copy(update={"agents": (with_url,)})
    assert list(apprise.check_apprise(desk)) == []
    assert apprise.urls_of(desk) == {"sona": url}
    monkeypatch.setattr(apprise, "find_spec", lambda _name: None)
    [problem] = apprise.check_apprise(desk)
    assert (problem.path, "frontdesk[apprise]" in problem.message) == ("agents.0.apprise", True)
