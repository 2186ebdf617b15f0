"""The store: one schema on both engines, and the database's trouble told as `Temporary`."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from tickets import schema
from tickets.store import Store
from tickets.trouble import Temporary


def test_migrating_makes_every_table_and_a_second_time_does_nothing(database_url: str) -> None:
    store = Store(database_url)
    assert store.version() is None
    assert store.migrate()
    assert not store.migrate()
    assert store.version() == schema.HEAD
    assert set(schema.metadata.tables) <= set(inspect(store.engine).get_table_names())
    store.close()


def test_the_schema_names_its_newest_migration() -> None:
    folder = Path(schema.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == schema.HEAD


def test_the_migrations_make_exactly_the_schema(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    row = {"name": "Sona", "created_at": 0.0}
    with pytest.raises(IntegrityError), store.write() as connection:
        connection.execute(schema.contacts.insert(), row)
        connection.execute(schema.contacts.insert().values(name=None, created_at=0.0))
    with store.read() as connection:
        assert connection.execute(select(schema.contacts)).all() == []


def test_a_file_that_is_no_database_is_temporary_trouble(tmp_path: Path) -> None:
    (tmp_path / "desk.sqlite3").write_bytes(b"this is no database at all, whatever its name says" * 100)
    store = Store(f"sqlite:///{tmp_path / 'desk.sqlite3'}")
    with pytest.raises(Temporary, match="database"), store.write() as connection:
        connection.execute(text("SELECT 1"))
    store.close()


def test_a_server_that_is_not_there_is_temporary_trouble() -> None:
    store = Store("postgresql://nobody@127.0.0.1:1/desk")
    with pytest.raises(Temporary, match="database"), store.read():
        pass
    store.close()
