"""What the stories of the IMAP channel use."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.imap.servers import Pymap
from tests.imap.watching import password
from tickets.store import Store


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*password())


@pytest.fixture
def server() -> Iterator[Pymap]:
    """Give an IMAP server with an empty INBOX."""
    with Pymap() as made:
        yield made


@pytest.fixture
def books(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Store]:
    """Give an SQLite database: for stories in which the engine makes no difference."""
    path = tmp_path / "books.sqlite3"
    shutil.copyfile(migrated_sqlite, path)
    store = Store(f"sqlite:///{path}")
    yield store
    store.close()
