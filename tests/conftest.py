"""Fixtures every story may use: real databases, a real Redis, a small desk."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests.outside import World
from tests.services import Services
from tickets.store import Store

# Time is measured in benchmarks/. CI tries the same examples each time, so that it fails for a change and not by chance.
settings.register_profile("desk", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("desk")


@pytest.fixture(scope="session", autouse=True)
def plain_log() -> None:
    """Keep tracebacks in the log plain: structlog's own default draws every local variable, which takes seconds."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])


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


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "frontdesk.sqlite3"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(services: Services) -> Iterator[str]:
    """Give a migrated PostgreSQL database to copy."""
    url = services.database()
    _migrate(url)
    yield url
    services.drop(url)


def _migrate(url: str) -> None:
    store = Store(url)
    store.migrate()
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give a database at this schema, once for each engine."""
    if request.param == "sqlite":
        path = tmp_path / "frontdesk.sqlite3"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    services: Services = request.getfixturevalue("services")
    url = services.database(request.getfixturevalue("migrated_postgresql"))
    yield url
    services.drop(url)


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    """Give a store, once for each engine."""
    made = Store(migrated_url)
    yield made
    made.close()


@pytest.fixture
def redis_url(services: Services) -> str:
    """Give a real Redis (or Valkey) that tests may flush."""
    return services.redis()


@pytest.fixture
def world() -> Iterator[World]:
    """Give an outside world of its own."""
    with ExitStack() as stack:
        yield World(stack)


@pytest.fixture
def loopback_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 127.0.0.1 count as a host of the public internet, and nothing else."""
    monkeypatch.setattr("ingest.outbound.public", lambda address: address == "127.0.0.1")
