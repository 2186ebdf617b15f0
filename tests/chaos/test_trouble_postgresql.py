"""PostgreSQL locked, gone or frozen: the sender comes back, the desk goes on."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from tests.chaos.desk_process import DeskProcess, Desks, until
from tests.chaos.gate import Gate
from tests.chaos.trouble import comes_and_goes
from tests.services import Services


@pytest.fixture
def desk(desks: Desks, postgresql_url: str) -> DeskProcess:
    made = desks.make(database_url=postgresql_url)
    made.start()
    return made


@pytest.fixture
def server(services: Services) -> Iterator[Connection]:
    """Give a connection to the server's own database."""
    engine = create_engine(services.postgresql(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_locked_table_means_come_back_later(desk: DeskProcess) -> None:
    @contextmanager
    def locked() -> Iterator[None]:
        engine = create_engine(desk.database)
        with engine.begin() as other:
            other.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
            yield
        engine.dispose()

    comes_and_goes(desk, locked, times=1)


def test_a_database_that_is_gone_means_come_back_later(desk: DeskProcess, server: Connection) -> None:
    name = make_url(desk.database).database
    theirs = "FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"

    @contextmanager
    def gone() -> Iterator[None]:
        server.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        server.execute(text(f"SELECT pg_terminate_backend(pid) {theirs}"), {"name": name})
        until(lambda: not server.scalar(text(f"SELECT count(*) {theirs}"), {"name": name}), 10, "all are cut off")
        server.execute(text(f"ALTER DATABASE {name} RENAME TO {name}_gone"))
        try:
            yield
        finally:
            server.execute(text(f"ALTER DATABASE {name}_gone RENAME TO {name}"))
            server.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))

    comes_and_goes(desk, gone)


def test_a_server_that_answers_nothing_means_come_back_later(desks: Desks, postgresql_url: str) -> None:
    with closing(Gate(postgresql_url)) as gate:
        desk = desks.make(database_url=gate.url)
        program = desk.start()
        comes_and_goes(desk, gate.shut, times=1)
        program.kill()
