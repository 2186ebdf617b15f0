"""A desk of which Luca and Sona were told of two tickets by mail."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.by_mail.replying import Replying
from tickets.store import Store


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Replying:
    """Give the desk, once for each engine."""
    return _told(store, tmp_path)


@pytest.fixture
def quick(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Replying]:
    """Give the desk on SQLite alone: for tables of many cases that the engine makes no difference to."""
    shutil.copyfile(migrated_sqlite, tmp_path / "frontdesk.sqlite3")
    store = Store(f"sqlite:///{tmp_path / 'frontdesk.sqlite3'}")
    yield _told(store, tmp_path)
    store.close()


def _told(store: Store, folder: Path) -> Replying:
    made = Replying(store, folder / "out")
    made.send("a@customer", to="billing@acme.example")
    made.send("b@customer", to="billing@acme.example", sender="bob@example.com")
    return made
