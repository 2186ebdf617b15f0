"""Fixtures every story may use: real databases, a real Redis, a small desk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import Services
from tickets.store import Store


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """Give the servers of this test run."""
    found = Services()
    yield found
    found.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give an empty database, once for each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'frontdesk.sqlite3'}"
        return
    services: Services = request.getfixturevalue("services")
    url = services.database()
    yield url
    services.drop(url)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Give a migrated store, once for each engine."""
    made = Store(database_url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def redis_url(services: Services) -> str:
    """Give a real Redis (or Valkey) that tests may flush."""
    return services.redis()
