"""Every channel over HTTP at the real door: what is kept, what is not, and what the sender hears."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from config.desk import About, Agent, Department, Desk
from ingest.arrival import Arrival, Kept
from ingest.channel import Request
from ingest.inbox import Inbox
from ingest.webhook import arrivals
from tests.channels import conformance
from tests.channels.conformance import Delivery
from tickets.schema import inbox
from tickets.store import Store
from tickets.trouble import Temporary
from web.app import Parts, build

each_http_channel = pytest.mark.parametrize("word", conformance.HTTP)


class Given:
    """What a delivery needs besides, from the files of the channel."""

    def __init__(self, delivery: Delivery) -> None:
        self._fetched = delivery.request.fetched

    async def document(self, url: str, *_: object, **__: object) -> bytes:
        """Return what stands at a URL."""
        return self._fetched[url]

    async def visit(self, url: str) -> None:
        """Visit nothing."""


@pytest.fixture
def store(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "desk.sqlite3"
    path.write_bytes(migrated_sqlite.read_bytes())
    made = Store(f"sqlite:///{path}")
    yield made
    made.close()


def _keep(store: Store, delivery: Delivery, request: Request) -> list[Kept]:
    door = Inbox(store)
    door.start()
    try:
        found = asyncio.run(arrivals(delivery.channel, delivery.config, request, Given(delivery)))
        return door.accept(found).result(30)
    finally:
        door.stop()


def _count(store: Store) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(inbox)) or 0


@each_http_channel
def test_the_same_delivery_again_is_a_success_and_keeps_nothing_more(word: str, store: Store) -> None:
    delivery = conformance.delivery(word)
    with delivery.environs():
        first = _keep(store, delivery, delivery.request)
        kept = _count(store)
        second = _keep(store, delivery, delivery.request)
    assert [one.id for one in first] == [one.id for one in second]
    assert all(one.duplicate for one in second)
    assert kept == _count(store) == len(first) > 0
    assert delivery.channel.answer(first) == delivery.channel.answer(second)


def _client(delivery: Delivery, accept: object) -> TestClient:
    desk = Desk(
        version="1",
        desk=About(name="Acme", domain="support.acme.example"),
        agents=(Agent(id="ann", name="Ann", email="ann@acme.example"),),
        departments=(Department(id="general", name="General", agents="all"),),
        channels=(delivery.config,),
    )
    return TestClient(build(Parts(lambda: desk, accept, lambda: None, bytes, fetch=Given(delivery))))  # type: ignore[arg-type]


def _headers(request: Request) -> dict[bytes, bytes]:
    return {name.encode(): value.encode("latin-1") for name, value in request.headers.items()}


def _url(delivery: Delivery) -> str:
    path = delivery.channel.HOOK.path.replace("{channel}", delivery.config.name)
    return delivery.request.target or path


async def _out_of_order(_: Sequence[Arrival]) -> list[Kept]:
    raise Temporary("the database is away")


@each_http_channel
def test_while_the_database_is_away_the_sender_must_come_back(word: str) -> None:
    delivery = conformance.delivery(word)
    if delivery.request.at:  # signed at a time that is over: tried above without the clock
        return
    with delivery.environs(), _client(delivery, _out_of_order) as client:
        answer = client.post(_url(delivery), content=delivery.request.raw, headers=_headers(delivery.request))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


@each_http_channel
def test_what_is_forged_or_too_large_is_refused_and_nothing_of_it_is_kept(word: str) -> None:
    delivery = conformance.delivery(word)
    kept: list[Arrival] = []

    async def accept(found: Sequence[Arrival]) -> list[Kept]:
        kept.extend(found)
        return [Kept(1, duplicate=False)]

    forged = delivery.with_proof("x")
    with delivery.environs(), _client(delivery, accept) as client:
        wrong = client.post(_url(delivery), content=forged.raw, headers=_headers(forged))
        large = client.post(
            _url(delivery),
            content=b"",
            headers={**_headers(delivery.request), b"content-length": b"%d" % (delivery.channel.HOOK.max_bytes + 1)},
        )
    assert wrong.status_code in (400, 401, 403)
    assert large.status_code == 413
    assert "error" in wrong.json()
    assert kept == []
