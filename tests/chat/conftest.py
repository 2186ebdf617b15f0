"""Desks for the stories of the chat."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.channels.chat import frames
from tests.chat.desks import ChatDesk

MakeDesk = Callable[..., ChatDesk]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let visitors write at once; that others have to wait a second has a test of its own."""
    monkeypatch.setattr(frames, "YOUNG_SECONDS", 0.0)


@pytest.fixture
def make_desk(tmp_path: Path, migrated_sqlite: Path) -> MakeDesk:
    """Give a function that makes a desk on SQLite, with further settings of its channel `site`."""

    def make(settings: str = "") -> ChatDesk:
        shutil.copyfile(migrated_sqlite, tmp_path / "desk.sqlite3")
        return ChatDesk(tmp_path, f"sqlite:///{tmp_path / 'desk.sqlite3'}", settings)

    return make
