"""Desks in processes of their own, whose logs are shown when a test fails."""

import os
import random
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.chaos.desk_process import DeskProcess, Desks
from tests.services import Services


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    """Give a maker of desks; whatever still runs after the test is killed."""
    with Desks(tmp_path) as made:
        yield made


@pytest.fixture
def postgresql_url(services: Services) -> Iterator[str]:
    """Give an empty PostgreSQL database."""
    url = services.database()
    yield url
    services.drop(url)


@pytest.fixture
def broker_url(request: pytest.FixtureRequest, redis_url: str) -> str:
    """Give a database of the Redis server to this file alone: parallel stories must not answer each other's bells."""
    number = 1 + sum(request.path.name.encode()) % 15
    return urlsplit(redis_url)._replace(path=f"/{number}").geturl()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Give the seed of everything that is left to chance; a failed test shows it."""
    number = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
    request.node.add_report_section("setup", "seed", f"again with: CHAOS_SEED={number}")
    return number


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Show the logs of the desks of a failed test."""
    report = yield
    if report.failed:
        arguments: dict[str, Any] = getattr(item, "funcargs", {})
        for name, value in arguments.items():
            made = value.made if isinstance(value, Desks) else [value] if isinstance(value, DeskProcess) else []
            report.sections += [(f"logs of {name} in {desk.folder}", desk.logs) for desk in made]
    return report
