"""The live stream of an agent's notices, over a real connection: nothing is missed, nothing is told to the wrong one."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ingest.front import Front
from notify import in_app
from notify.in_app import Unread
from tests.desks import desk
from tests.path.stories import Front as Stories
from tests.telling import QUIET, SECONDS, change, owe, served, streamed
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.live import Live
from tickets.store import Store
from tickets.tokens import make, revoke
from web import stream
from web.app import Parts, build
from web.stream import Seen


@pytest.fixture
def stories(store: Store) -> Stories:
    return Stories(store, desk(QUIET))


@pytest.fixture
def live() -> Live:
    return Live()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the rows more often than anybody should."""
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.1)


@pytest.fixture
def url(stories: Stories, live: Live, tmp_path: Path) -> Iterator[str]:
    async def accept(_arrivals: object) -> list[Any]:
        raise NotImplementedError

    front = Front(
        lambda: stories.at,
        accept,
        lambda: Availability(stories.at, frozenset(), 0.0),
        stories.store,
        Blobs(FolderShelf(tmp_path)),
        live,
    )
    with served(build(Parts(lambda: stories.at, accept, lambda: None, bytes, front=front)), live) as made:
        yield made


@pytest.fixture
def luca(stories: Stories) -> str:
    return make(stories.store, "luca", 1.0)


@pytest.fixture
def ticket(stories: Stories) -> int:
    """Give a ticket of which nobody has been told yet."""
    number = stories.send("a@customer", to="billing@acme.example")
    for agent in ("luca", "sona"):
        in_app.read(stories.store, agent, 99.0, None)
    return number


def test_a_notice_is_told_at_once_and_so_is_that_another_device_has_read_it(
    url: str, luca: str, stories: Stories, live: Live, ticket: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "POLL_SECONDS", SECONDS)  # the bell alone wakes it
    with streamed(url, luca) as here, streamed(url, luca) as there:
        assert here.next() == there.next() == ("unread", {"unread": 0, "tickets": []})
        owe(stories.store, ticket, "sona")
        row = owe(stories.store, ticket)
        live.tell("notices", {"type": "notices"})
        word, told = here.next()
        assert (word, told["id"], told["ticket"], told["count"], told["read"]) == ("notice", row, ticket, 1, False)
        assert here.last == str(row)
        assert there.next() == (word, told)
        headers = {"Authorization": f"Bearer {luca}"}
        httpx2.post(f"{url}/api/v1/me/notices/read", json={"tickets": [ticket]}, headers=headers).raise_for_status()
        assert here.next() == there.next() == ("read", {"ticket": ticket, "id": row})


def test_without_any_bell_the_rows_are_looked_at_all_the_same(
    url: str, luca: str, stories: Stories, ticket: int
) -> None:
    with streamed(url, luca) as heard:
        heard.next()
        row = owe(stories.store, ticket)
        assert heard.next()[1]["id"] == row
        second = owe(stories.store, ticket)
        assert heard.next()[1]["id"] == second
        change(stories.store, second, state="suppressed")
        word, told = heard.next()  # the first one still is news
        assert (word, told["id"], told["count"]) == ("notice", row, 1)
        change(stories.store, row, state="suppressed")
        assert heard.next() == ("retracted", {"ticket": ticket, "id": row})


def test_who_comes_back_is_told_what_came_meanwhile_even_what_was_committed_late(
    url: str, luca: str, stories: Stories, ticket: int
) -> None:
    late = owe(stories.store, ticket, state="pending", at=1000.0)  # as good as not committed
    old = owe(stories.store, stories.send("c@customer", to="billing@acme.example", sender="c@example.com"), at=100.0)
    with streamed(url, luca) as heard:
        heard.next()
        other = stories.send("b@customer", to="billing@acme.example", sender="bob@example.com")
        last = owe(stories.store, other, at=1001.0)
        while heard.last != str(last):
            heard.next()
    in_app.read(stories.store, "luca", 1002.0, [other])
    change(stories.store, late, state="sent")
    after = owe(stories.store, stories.send("d@customer", to="billing@acme.example", sender="d@example.com"), at=1003.0)
    with streamed(url, luca, heard.last) as again:
        word, told = again.next()
        assert (word, told["unread"]) == ("unread", 3)
        assert other not in told["tickets"]  # so that it was read is known
        assert {again.next()[1]["id"], again.next()[1]["id"]} == {late, after}
        newest = owe(stories.store, other, at=1004.0)
        assert again.next()[1]["id"] == newest  # and of the old one it had heard
        assert old < newest


@pytest.mark.parametrize("last", ["", "x", "-1", "9" * 40, str(2**63)])
def test_a_last_event_that_is_none_is_a_fresh_start(
    url: str, luca: str, stories: Stories, ticket: int, last: str
) -> None:
    owe(stories.store, ticket)
    with streamed(url, luca, last) as heard:
        assert heard.next() == ("unread", {"unread": 1, "tickets": [ticket]})


def test_a_ticket_that_goes_out_of_sight_is_retracted(url: str, luca: str, stories: Stories, ticket: int) -> None:
    row = owe(stories.store, ticket)
    with streamed(url, luca) as heard:
        heard.next()
        stories.set(ticket, department="empty")
        assert heard.next() == ("retracted", {"ticket": ticket, "id": row})


def test_what_a_colleague_takes_is_retracted(url: str, luca: str, stories: Stories, ticket: int) -> None:
    stories.set(ticket, agent=None)
    row = owe(stories.store, ticket, word="new", whose="unassigned")
    with streamed(url, luca) as heard:
        assert heard.next()[1]["tickets"] == [ticket]
        stories.set(ticket, agent="sona")
        assert heard.next() == ("retracted", {"ticket": ticket, "id": row})


def test_a_token_that_is_revoked_ends_its_streams(
    url: str, luca: str, stories: Stories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "CHECK_SECONDS", 0.0)
    with streamed(url, luca) as heard:
        heard.next()
        revoke(stories.store, "luca", 1.0)
        with pytest.raises(StopIteration):
            heard.next()


def test_a_process_that_stops_ends_its_streams(url: str, luca: str, live: Live) -> None:
    with streamed(url, luca) as heard:
        heard.next()
        live.end()
        with pytest.raises(StopIteration):
            heard.next()


def test_streams_are_counted_and_who_hangs_up_makes_room(url: str, luca: str, stories: Stories) -> None:
    headers = {"Authorization": f"Bearer {luca}"}
    path = f"{url}/api/v1/me/notices/stream"
    with ExitStack() as stack:
        heard = [stack.enter_context(streamed(url, luca)) for _ in range(stream.MOST_OF_AN_AGENT)]
        assert {one.next()[0] for one in heard} == {"unread"}
        refused = httpx2.get(path, headers=headers)
        assert (refused.status_code, "close one" in refused.json()["error"]) == (429, True)
        with streamed(url, make(stories.store, "sona", 1.0)) as sona:
            assert sona.next()[0] == "unread"
    assert httpx2.get(path).status_code == 401
    while True:  # the server hears of it a moment later
        with httpx2.stream("GET", path, headers=headers) as answer:
            if answer.status_code == 200:
                break


def test_an_idle_stream_says_that_it_lives(url: str, luca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.1)
    headers = {"Authorization": f"Bearer {luca}"}
    with httpx2.stream("GET", f"{url}/api/v1/me/notices/stream", headers=headers, timeout=SECONDS) as answer:
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": still here"


@given(some.lists(some.integers(1, 6), max_size=12))
def test_a_stream_that_can_not_look_at_everything_looks_at_the_newest(tickets: list[int]) -> None:
    seen = Seen()
    now = {ticket: Unread(10 + place, 1) for place, ticket in enumerate(tickets)}
    seen.note(now)
    assert (seen.beyond, seen.known, seen.first) == (0, now, False)
    full = {7: Unread(5, in_app.MOST_UNREAD - 1), 8: Unread(9, 1)}
    seen.note(full)
    assert seen.beyond == 5
