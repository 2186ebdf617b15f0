"""What an agent chose over the API: as a whole, in the words of the desk file, with every mistake told."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from starlette.testclient import TestClient

from config.desk import Desk
from config.notices import DEFAULTS, WAYS, WHOSE, WORDS, Choices
from ingest.front import Front
from tests.desks import HEAD, desk
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.live import Live
from tickets.matrix import matrix
from tickets.preferences import Chosen, chosen
from tickets.store import Store
from tickets.tokens import make
from web.app import Parts, build

SAYS = HEAD.replace(
    "domain: support.acme.example}",
    "domain: support.acme.example, notices: {replies: note, ways: {rated: {mine: [email]}}}}",
).replace(
    "email: luca@acme.example}",
    "email: luca@acme.example, notices: {quiet_hours: {mon-fri: ['00:00-07:30']}, unseen_after: 90m}}",
)

Ask = Callable[..., Any]


@pytest.fixture
def at() -> Desk:
    return desk(SAYS)


@pytest.fixture
def ask(store: Store, at: Desk, tmp_path: Path) -> Iterator[Ask]:
    """Give what asks the API as Luca."""

    async def accept(_arrivals: object) -> list[Any]:
        raise NotImplementedError

    shelf = Blobs(FolderShelf(tmp_path))
    front = Front(lambda: at, accept, lambda: Availability(at, frozenset(), 0.0), store, shelf, Live())
    headers = {"Authorization": f"Bearer {make(store, 'luca', 1.0)}"}
    with TestClient(build(Parts(lambda: at, accept, lambda: None, bytes, front=front)), headers=headers) as client:

        def asked(method: str, body: Any = None) -> Any:
            answer = client.request(method, "/api/v1/me/preferences", json=body)
            return answer.json() | {"status": answer.status_code}

        yield asked


def test_what_counts_is_told_with_who_says_so(ask: Ask) -> None:
    found = ask("PUT", {"ways": {"new": {"others": ["push"]}}, "digest": {"email": "hourly"}})
    assert found["own"] == {"ways": {"new": {"others": ["push"]}}, "digest": {"email": "hourly"}}
    counts = found["counts"]
    assert counts["ways"]["new"]["others"] == {"ways": ["push"], "from": "own"}
    assert counts["ways"]["new"]["mine"] == {"ways": [], "from": "usual"}
    assert counts["ways"]["rated"]["mine"] == {"ways": ["email"], "from": "desk file"}
    assert counts["quiet_hours"] == {"is": {"mon-fri": ["00:00-07:30"]}, "from": "desk file"}
    assert counts["unseen_after"] == {"is": "90m", "from": "desk file"}
    assert counts["replies"] == {"is": "note", "from": "desk file"}
    assert counts["digest"] == {"is": {"email": "hourly"}, "from": "own"}
    assert (set(counts["ways"]), set(counts["ways"]["new"])) == (set(WORDS), set(WHOSE))


def test_a_choice_is_replaced_as_a_whole_and_can_be_given_up(ask: Ask, store: Store, at: Desk) -> None:
    usual = ask("GET")
    ask("PUT", {"replies": "answer", "unseen_after": "5m"})
    assert ask("PUT", {"replies": "answer", "digest": None})["own"] == {"replies": "answer"}
    assert chosen(store).of(at, "luca").replies == "answer"
    assert chosen(store).of(at, "sona").replies == "note"
    assert ask("DELETE") == ask("GET") == usual


@pytest.mark.parametrize(
    ("said", "path", "suggestion"),
    [
        ({"way": {}}, "way", "ways"),
        ({"ways": {"new": {"mine": ["emial"]}}}, "ways.new.mine.0", "email"),
        ({"ways": {"reopend": {}}}, "ways.reopend", "reopened"),
        ({"unseen_after": 300}, "unseen_after", None),
        ({"quiet_hours": {"mon-fri": ["7-8"]}}, "quiet_hours.mon-fri.0", None),
        ({"replies": "notes"}, "replies", "note"),
        ([], "", None),
    ],
)
def test_every_mistake_is_told_and_changes_nothing(ask: Ask, said: Any, path: str, suggestion: str | None) -> None:
    ask("PUT", {"replies": "answer"})
    found = ask("PUT", said)
    [problem] = found["problems"]
    assert (found["status"], problem["path"], problem["suggestion"]) == (422, path, suggestion)
    assert problem["message"] in found["error"]
    assert ask("GET")["own"] == {"replies": "answer"}


ways = some.dictionaries(
    some.sampled_from(WORDS),
    some.dictionaries(some.sampled_from(WHOSE), some.lists(some.sampled_from(WAYS), unique=True)),
)
layers = some.builds(lambda said: {"ways": said}, ways)


@given(own=layers, below=layers)
def test_the_matrix_says_what_counts_and_can_be_written_down_again(own: dict[str, Any], below: dict[str, Any]) -> None:
    at = desk(HEAD.replace("email: mia@acme.example}", f"email: mia@acme.example, notices: {json.dumps(below)}}}"))
    known = Chosen({"mia": Choices.model_validate(own)})
    found, counts = matrix(at, known, "mia"), known.of(at, "mia")
    for word in WORDS:
        for whose in WHOSE:
            ways, source = found.ways[word][whose]
            assert ways == counts.told(word, whose)
            assert (source == "own") == (whose in own["ways"].get(word, {}))
    rest = {key: value for key, (value, _) in found.rest.items()}
    assert Choices.model_validate(rest) == DEFAULTS.model_copy(update={"ways": None})
