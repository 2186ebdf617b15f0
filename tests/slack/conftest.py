"""A desk whose agents click in Slack, for the stories of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.slack.clicking import Clicking, members, slack_desk
from tests.slack.fake import FakeSlack
from tickets.store import Store


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    with FakeSlack() as slack:
        monkeypatch.setenv("SLACK_BOT_TOKEN", slack.token)
        monkeypatch.setenv("SLACK_SIGNING_SECRET", slack.signing_secret)
        members(slack)
        yield slack


@pytest.fixture
def front(store: Store, fake: FakeSlack, tmp_path: Path) -> Clicking:
    return Clicking(store, fake, tmp_path / "out", slack_desk(fake))


@pytest.fixture
def client(front: Clicking) -> Iterator[TestClient]:
    with front.serving() as made:
        yield made
