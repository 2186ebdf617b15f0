"""The API: a token acts for its agent, who sees the tickets of their departments and no others."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from starlette.testclient import TestClient

from ingest.arrival import Arrival, Kept
from ingest.front import Front
from router.opened import Acted
from tests.desks import HEAD, desk
from tests.path.stories import Front as Stories
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.blobs_folder import FolderShelf
from tickets.live import Live
from tickets.presence import set_away
from tickets.schema import outbox, tokens
from tickets.store import Store
from tickets.tokens import make, revoke
from web.app import Parts, build

RULE = """
  - name: Parcels are urgent
    when: [{body: {contains: parcel}}]
    then: [{priority: urgent}]
"""


@pytest.fixture
def stories(store: Store) -> Stories:
    return Stories(store, desk(HEAD, RULE))


@pytest.fixture
def acted() -> list[Acted]:
    """Give what acts came to, as whoever rings for them hears it."""
    return []


@pytest.fixture
def client(stories: Stories, tmp_path: Path, acted: list[Acted]) -> Iterator[TestClient]:
    async def accept(_arrivals: Sequence[Arrival]) -> list[Kept]:
        raise NotImplementedError

    def present() -> Availability:
        return Availability(stories.at, frozenset(), 0.0)

    front = Front(lambda: stories.at, accept, present, stories.store, Blobs(FolderShelf(tmp_path)), Live())
    parts = Parts(lambda: stories.at, accept, lambda: None, bytes, front=front, acted=acted.append)
    with TestClient(build(parts)) as made:
        yield made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_member_reads_a_ticket_and_nobody_else_learns_whether_it_is_there(
    client: TestClient, stories: Stories
) -> None:
    number = stories.send("a@customer", to="billing@acme.example")
    answer = client.get(f"/api/v1/tickets/{number}", headers=bearer(make(stories.store, "luca", 1.0)))
    assert answer.status_code == 200
    assert answer.json()["number"] == number
    assert [one["kind"] for one in answer.json()["entries"]] == ["message"]
    stranger = bearer(make(stories.store, "mia", 1.0))
    hidden = client.get(f"/api/v1/tickets/{number}", headers=stranger)
    none = client.get("/api/v1/tickets/999999", headers=stranger)
    assert (hidden.status_code, none.status_code) == (404, 404)
    assert hidden.text.replace(str(number), "") == none.text.replace("999999", "")


def test_a_member_reads_why_a_ticket_went_where_it_went(client: TestClient, stories: Stories) -> None:
    number = stories.send("a@customer", to="billing@acme.example")
    answer = client.get(f"/api/v1/tickets/{number}/why", headers=bearer(make(stories.store, "luca", 1.0)))
    assert answer.status_code == 200
    [only] = answer.json()["passes"]
    assert only["trace"]["department"] == "billing"
    assert "✓ Parcels are urgent: priority urgent" in only["lines"]
    assert {one["recipient"] for one in only["told"]} == {"sona", "luca"}


@pytest.mark.parametrize("number", ["1", "2", str(2**63), "9" * 40])
def test_what_is_not_theirs_is_not_there(client: TestClient, stories: Stories, number: str) -> None:
    stories.send("a@customer", to="billing@acme.example")
    answer = client.get(f"/api/v1/tickets/{number}/why", headers=bearer(make(stories.store, "mia", 1.0)))
    assert (answer.status_code, answer.json()) == (404, {"error": f"no ticket {number} in a department of yours"})


def test_without_a_token_that_is_somebodys_nothing_is_told(client: TestClient, stories: Stories) -> None:
    number = stories.send("a@customer")
    revoked, gone = make(stories.store, "luca", 1.0), make(stories.store, "nora", 1.0)
    assert revoke(stories.store, "luca", 1.0) == 1
    for headers in ({}, bearer(""), bearer("fd_guess"), bearer(revoked), bearer(gone), {"Authorization": "Basic x"}):
        answer = client.get(f"/api/v1/tickets/{number}/why", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_is_kept_as_its_hash_alone(stories: Stories) -> None:
    token = make(stories.store, "luca", 1.0)
    with stories.store.read() as connection:
        [row] = connection.execute(select(tokens)).all()
    assert token not in str(row)
    assert len(token) > 40


def test_a_database_that_is_away_means_come_again(
    client: TestClient, stories: Stories, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make(stories.store, "luca", 1.0)
    monkeypatch.setattr(stories.store, "_reader", create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    answer = client.get("/api/v1/tickets/1/why", headers=bearer(token))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_to_solve_looks_with_get_and_takes_with_post(client: TestClient, stories: Stories) -> None:
    number = stories.send("a@customer", to="billing@acme.example", subject="My invoice")
    headers = bearer(make(stories.store, "luca", 1.0))
    found = {"ticket": number, "own": False, "subject": "My invoice"}
    assert client.get("/api/v1/me/to-solve", headers=headers).json() == found
    assert client.post("/api/v1/me/to-solve", headers=headers).json() == found
    assert client.post("/api/v1/me/to-solve", headers=headers).json() == {**found, "own": True}
    sona = bearer(make(stories.store, "sona", 1.0))
    assert client.post("/api/v1/me/to-solve", headers=sona).json() == {"ticket": None}
    set_away(stories.store, "sona", away=True, now=1.0)
    answer = client.post("/api/v1/me/to-solve", headers=sona)
    assert (answer.status_code, answer.json()["error"][:19]) == (409, "Sona is not at work")


def test_what_taking_by_the_api_owes_is_rung_for_at_once(
    client: TestClient, stories: Stories, acted: list[Acted]
) -> None:
    told = (
        RULE
        + """
  - name: The boss hears who took it
    on: [ticket.assigned]
    when: [{department: billing}]
    then: [{notify: ["email:boss@acme.example"]}]
"""
    )
    stories.at = desk(HEAD, told)
    number = stories.send("a@customer", to="billing@acme.example")
    client.post("/api/v1/me/to-solve", headers=bearer(make(stories.store, "luca", 1.0)))
    [only] = acted
    with stories.store.read() as connection:
        rung = connection.execute(select(outbox.c.ticket_id, outbox.c.recipient).where(outbox.c.id.in_(only.notices)))
        assert rung.all() == [(number, "boss@acme.example")]
