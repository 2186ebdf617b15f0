"""The link that stops notices: looking changes nothing, one click does, and doing it twice is the same."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from config.desk import Desk
from config.notices import DEFAULTS, Whose, Word
from ingest.arrival import Arrival, Kept
from ingest.front import Front
from tests.notify.desk import NOW, a_desk, owe
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.keys import signing_key
from tickets.live import Live
from tickets.preferences import chosen
from tickets.reply_address import link_token, signed
from tickets.schema import outbox
from tickets.store import Store
from tickets.trouble import Temporary
from web.app import Parts, build
from web.stop import OF, WHERE

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


class Desks:
    """The desk of the moment."""

    now = a_desk()


@pytest.fixture
def desks() -> Desks:
    return Desks()


@pytest.fixture
def client(store: Store, desks: Desks, tmp_path: Path) -> Iterator[TestClient]:
    async def accept(_arrivals: Sequence[Arrival]) -> list[Kept]:
        raise NotImplementedError

    def at() -> Desk:
        return desks.now

    def present() -> Availability:
        return Availability(at(), frozenset(), 0.0)

    front = Front(at, accept, present, store, Blobs(FolderShelf(tmp_path)), Live())
    with TestClient(build(Parts(at, accept, lambda: None, bytes, front=front))) as made:
        yield made


def link(store: Store, owed: int) -> str:
    return f"/notices/stop/{link_token(signing_key(store), owed)}"


def ways(store: Store, word: Word = "replied", whose: Whose = "mine") -> tuple[str, ...]:
    return chosen(store).of(a_desk(), "sona").told(word, whose)


def test_looking_at_the_link_changes_nothing(client: TestClient, store: Store) -> None:
    owed = owe(store, word="replied", whose="mine")
    page = client.get(link(store, owed))
    assert page.status_code == 200
    assert "a customer replied, in your tickets" in page.text
    assert '<form method="post"' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert client.head(link(store, owed)).status_code == 200
    assert chosen(store).layers == {}


def test_one_click_takes_the_mail_out_of_the_ways_and_no_other(client: TestClient, store: Store) -> None:
    owed = owe(store, word="replied", whose="mine")
    for _ in range(2):
        assert client.post(link(store, owed), data=ONE_CLICK).status_code == 200
        assert ways(store) == ("slack", "push", "in_app", "apprise")
        assert ways(store, "assigned") == DEFAULTS.told("assigned", "mine")


def test_who_comes_back_to_the_link_reads_that_these_mails_are_stopped(client: TestClient, store: Store) -> None:
    owed = owe(store, word="replied", whose="mine")
    client.post(link(store, owed), data=ONE_CLICK)
    page = client.get(link(store, owed)).text
    assert "These mails are stopped" in page
    assert 'action="?again"' in page
    client.post(f"{link(store, owed)}?again")
    assert "Stop these mails?" in client.get(link(store, owed)).text


def test_who_did_it_by_mistake_has_them_again(client: TestClient, store: Store) -> None:
    owed = owe(store, word="replied", whose="mine")
    page = client.post(link(store, owed))
    assert 'action="?again"' in page.text
    for _ in range(2):
        assert "again" in client.post(f"{link(store, owed)}?again").text
        assert sorted(ways(store)) == sorted(DEFAULTS.told("replied", "mine"))


def test_what_was_told_in_one_mail_is_stopped_in_one(client: TestClient, store: Store) -> None:
    owed = owe(store, word="replied", whose="mine")
    owe(store, word="assigned", whose="mine")
    elsewhere = owe(store, word="sla_warning", whose="mine")
    with store.write() as connection:
        sent = update(outbox).values(state="sent", provider_id="<m>", sent_at=NOW)
        connection.execute(sent)
        connection.execute(update(outbox).where(outbox.c.id == elsewhere).values(provider_id="<other>"))
    client.post(link(store, owed))
    stopped = [word for word in ("replied", "assigned", "sla_warning") if "email" not in ways(store, word)]
    assert stopped == ["replied", "assigned"]


def test_nobody_stops_anything_without_a_link_of_ours(client: TestClient, store: Store) -> None:
    owed = owe(store, word="replied", whose="mine")
    key = signing_key(store)
    mine = link_token(key, owed)
    wrong = [
        f"u.{owed}.{'a' * 16}", mine[:-1], f"u.{owed + 1}.{mine[-16:]}", signed(key, f"n.{owed}"), signed(key, f"b.{owed}"),
        link_token(key, owed + 9), "x", f"u.{'9' * 40}.{'a' * 16}",
    ]  # fmt: skip
    assert [client.post(f"/notices/stop/{token}").status_code for token in wrong] == [404] * len(wrong)
    with store.write():  # who makes tokens up does not even wait for a turn to write
        assert client.post(f"/notices/stop/{wrong[0]}").status_code == 404
    assert chosen(store).layers == {}


def test_a_notice_that_a_rule_asked_for_or_of_somebody_gone_cannot_be_stopped(
    client: TestClient, store: Store, desks: Desks
) -> None:
    by_rule, owed = owe(store), owe(store, word="replied", whose="mine")
    assert client.post(link(store, by_rule)).status_code == 404
    desks.now = Desk(version="2", desk=desks.now.desk, agents=desks.now.agents[1:], departments=desks.now.departments)
    assert client.post(link(store, owed)).status_code == 404
    assert chosen(store).layers == {}


def test_trouble_with_the_database_is_told_as_such(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link(store, owe(store, word="replied", whose="mine"))

    def broken(_: Store) -> None:
        raise Temporary("database: gone")

    monkeypatch.setattr(Store, "write", broken)
    answer = client.post(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_every_word_of_the_choices_is_told_in_words() -> None:
    assert set(OF) == set(get_args(Word))
    assert set(WHERE) == set(get_args(Whose))
