"""What an agent is told in the application: listed by ticket, read once for every way, and never of others' tickets."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from config.notices import WHOSE, WORDS, Whose, Word
from ingest.front import Front
from notify import in_app
from notify.when import Owed, needless
from tests.desks import desk
from tests.path.stories import Front as Stories
from tests.telling import QUIET, change, owe, seen_at
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.live import Live
from tickets.store import Store
from tickets.tokens import make
from web.app import Parts, build

Ask = Callable[..., Any]


@pytest.fixture
def stories(store: Store) -> Stories:
    return Stories(store, desk(QUIET))


@pytest.fixture
def client(stories: Stories, tmp_path: Path) -> Iterator[TestClient]:
    async def accept(_arrivals: object) -> list[Any]:
        raise NotImplementedError

    front = Front(
        lambda: stories.at,
        accept,
        lambda: Availability(stories.at, frozenset(), 0.0),
        stories.store,
        Blobs(FolderShelf(tmp_path)),
        Live(),
    )
    with TestClient(build(Parts(lambda: stories.at, accept, lambda: None, bytes, front=front))) as made:
        yield made


@pytest.fixture
def ask(client: TestClient, stories: Stories) -> Ask:
    """Give what asks the API as Luca."""
    headers = {"Authorization": f"Bearer {make(stories.store, 'luca', 1.0)}"}

    def asked(path: str = "", body: Any = None) -> Any:
        url = f"/api/v1/me/notices{path}"
        answer = client.get(url, headers=headers) if body is None else client.post(url, headers=headers, json=body)
        return answer.json() | {"status": answer.status_code}

    return asked


def test_what_is_unread_stands_there_once_for_each_ticket_the_newest_first(ask: Ask, stories: Stories) -> None:
    one = stories.send("a@customer", to="billing@acme.example", subject="My invoice")
    two = stories.send("b@customer", to="billing@acme.example", sender="bob@example.com")
    assert ask("/read", {"all": True})["unread"] == 0  # what routing told them
    rows = [owe(stories.store, ticket, at=at) for ticket, at in ((one, 101.0), (two, 102.0), (one, 103.0))]
    found = ask()
    assert (found["unread"], found["next"]) == (2, None)
    first, second = found["notices"]
    assert (second["ticket"], second["id"], second["count"]) == (two, rows[1], 1)
    assert first == {
        "id": rows[2],
        "ticket": one,
        "subject": "My invoice",
        "word": "replied",
        "whose": "mine",
        "headline": "Customer replied",
        "reason": "the customer replied, and the ticket is yours",
        "customer": "ann@example.com",
        "department": "Billing",
        "count": 2,
        "at": "1970-01-01T00:01:43.000+00:00",
        "read": False,
    }


def test_pages_meet_without_a_gap(ask: Ask, stories: Stories) -> None:
    ticket = stories.send("a@customer", to="billing@acme.example")
    other = stories.send("b@customer", to="billing@acme.example", sender="bob@example.com")
    ask("/read", {"all": True})
    rows = [owe(stories.store, ticket, at=at) for at in (107.0, 106.0, 106.0, 108.0)]  # not in the order of their rows
    rows.append(owe(stories.store, other, at=109.0))
    got, before = [], ""
    while True:
        page = ask(f"?all=1&limit=2{before}")
        got += [one["id"] for one in page["notices"] if one["id"] in rows]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert got == [rows[4], rows[3], rows[0], rows[2], rows[1]]
    first = ask("?limit=1")
    assert [one["id"] for one in first["notices"]] == [rows[4]]
    rest = ask(f"?limit=1&before={first['next']}")
    assert ([one["id"] for one in rest["notices"]], rest["next"]) == ([rows[3]], None)


def test_who_reads_a_ticket_here_has_read_it_by_every_way(ask: Ask, stories: Stories) -> None:
    ticket = stories.send("a@customer", to="billing@acme.example")
    here, mail = owe(stories.store, ticket), owe(stories.store, ticket, notifier="email", event="ticket.rated")
    another = owe(stories.store, ticket, "sona")
    assert ask("/read", {"tickets": [ticket, 2**62]}) == {"unread": 0, "status": 200}
    assert seen_at(stories.store, here)
    assert seen_at(stories.store, mail)
    assert seen_at(stories.store, another) is None
    assert ask("?all=1")["notices"][0]["read"]


def test_what_came_while_everything_was_marked_as_read_stays_unread(ask: Ask, stories: Stories) -> None:
    ticket = stories.send("a@customer", to="billing@acme.example")
    other = stories.send("b@customer", to="billing@acme.example", sender="bob@example.com")
    shown = [owe(stories.store, ticket), owe(stories.store, other)]
    late = owe(stories.store, ticket)
    assert ask("/read", {"all": True, "up_to": shown[1]})["unread"] == 1
    assert [one["id"] for one in ask()["notices"]] == [late]
    assert ask("/read", {"tickets": [ticket], "up_to": shown[1]})["unread"] == 1
    assert ask("/read", {"all": True})["unread"] == 0


def test_nobody_is_told_of_a_ticket_that_went_out_of_their_sight(ask: Ask, stories: Stories) -> None:
    ticket = stories.send("a@customer", to="billing@acme.example")
    row = owe(stories.store, ticket)
    stories.set(ticket, department="empty")
    assert [found["notices"] for found in (ask(), ask("?all=1"))] == [[], []]
    assert ask()["unread"] == 0
    stories.set(ticket, department="billing")
    change(stories.store, row, state="suppressed")
    assert row not in [one["id"] for one in ask("?all=1")["notices"]]


def test_what_is_no_news_by_any_other_way_is_none_here(ask: Ask, stories: Stories) -> None:
    """Hold the rows against the function that keeps the same from being sent."""
    rows: list[int] = []
    expected: set[int] = set()
    states: list[tuple[str | None, str]] = [(None, "open"), ("luca", "open"), ("sona", "answered"), (None, "resolved")]
    for place, (agent, status) in enumerate(states):
        ticket = stories.send(f"{place}@customer", to="billing@acme.example", sender=f"{place}@example.com")
        ask("/read", {"tickets": [ticket]})
        stories.set(ticket, agent=agent, status=status)
        news: dict[tuple[Word | None, Whose | None], int] = {
            (None, None): owe(stories.store, ticket, word=None, whose=None)
        }
        news |= {(word, whose): owe(stories.store, ticket, word=word, whose=whose) for word in WORDS for whose in WHOSE}
        rows += news.values()
        for (word, whose), row in news.items():
            said = (False, False, None, False, True, "Billing", agent == "luca", agent, status)
            if needless(Owed("email", word, whose, *said)) is None:
                expected.add(row)
    became = in_app.became(stories.store, stories.at, "luca", rows)
    assert set(rows) - became.keys() == expected
    assert set(became.values()) == {"retracted"}
    assert ask("?limit=200")["unread"] == len(states)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("?limit=0", None, 422, "limit: must be at least 1"),
        ("?limit=201", None, 422, "limit"),
        ("?before=x", None, 422, "before: must be a whole number"),
        (f"?before={2**63}", None, 422, "before"),
        ("?befor=1", None, 422, 'befor: no key is called "befor"'),
        ("/read", {}, 422, "write either"),
        ("/read", {"tickets": [1], "all": True}, 422, "write either"),
        ("/read", {"tickets": []}, 422, "tickets: must have at least 1"),
        ("/read", {"tickets": ["x"]}, 422, "tickets.0: must be a whole number"),
        ("/read", [], 422, "must be keys with values"),
        ("/read", {"tickets": [1], "x": "y" * 70_000}, 413, "65536"),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_words(ask: Ask, path: str, body: Any, status: int, words: str) -> None:
    found = ask(path, body)
    assert found["status"] == status
    assert words in found["error"]


def test_a_body_that_is_no_json_is_not_guessed_at(client: TestClient, stories: Stories) -> None:
    headers = {"Authorization": f"Bearer {make(stories.store, 'luca', 1.0)}"}
    for body in (b"", b"{", b"\xff", b"[" * 60_000):
        answer = client.post("/api/v1/me/notices/read", headers=headers, content=body)
        assert (answer.status_code, answer.json()) == (400, {"error": "the body must be JSON"})
