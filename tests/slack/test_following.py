"""From a customer's mail to the card, from a click on the card to the ticket, and from the ticket back to the card."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from notify.cards import Cards
from notify.outbox import Outbox
from notify.slack import Slack
from notify.slack_api import Api
from tests.desks import HEAD
from tests.notify.desk import Clock
from tests.slack.clicking import LUCA, Clicking, members, slack_desk
from tests.slack.fake import FakeSlack
from tests.slack.limits import texts
from tickets.cards import APART_SECONDS
from tickets.store import Store

RULE = """
rules:
  - {name: Bills, on: [ticket.created, message.received], then: [{notify: ["slack:#billing"]}]}
notifiers:"""


class Following(Clicking):
    """A desk that posts cards, whose clock is Slack's."""

    def __init__(self, store: Store, slack: FakeSlack, folder: Path, clock: Clock) -> None:
        super().__init__(store, slack, folder, slack_desk(slack, text=HEAD.replace("notifiers:", RULE)))
        self.clock = clock
        self.by_slack = Slack(Api(slack.token, slack.base_url), Cards(store, self.at, clickable=True, clock=clock))

    @property
    def out(self) -> Outbox:
        """The outbox, by Slack too."""
        box = super().out
        return replace(box, notifiers={**box.notifiers, "slack": self.by_slack})

    def later(self, seconds: float) -> None:
        """Let time go by, deliver what is owed, and let the cards follow."""
        self.clock.now += seconds
        self.now = self.clock.now
        self.deliver()
        for card in self.by_slack.cards.due(10):
            self.by_slack.follow(card)

    def shown(self, message: dict[str, Any]) -> set[str]:
        """Return the words of a message."""
        return {text["text"] for text in texts(message["blocks"])}


@pytest.fixture
def front(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    clock = Clock()
    with FakeSlack(clock) as slack:
        monkeypatch.setenv("SLACK_BOT_TOKEN", slack.token)
        monkeypatch.setenv("SLACK_SIGNING_SECRET", slack.signing_secret)
        members(slack)
        yield Following(store, slack, tmp_path / "out", clock)


def test_a_card_lives_as_long_as_its_ticket(front: Following) -> None:
    number = front.send("a@customer", to="billing@acme.example", subject="My bill", text="Is it <paid>?")
    front.later(0)
    [card] = front.fake.messages("#billing")
    assert {f"#{number} My bill", "Agent\nnobody yet", ">Is it &lt;paid&gt;?", "Take"} <= front.shown(card)

    with front.serving() as client:
        front.click(client, LUCA, card["ts"], "take")
    front.later(APART_SECONDS)
    [card] = front.fake.messages("#billing")
    assert "Agent\nLuca" in front.shown(card)
    assert "Take" not in front.shown(card)

    front.send("b@customer", answers="a@customer", to="billing@acme.example", text="Hello?")
    front.later(APART_SECONDS)
    [card, below] = front.fake.messages("#billing")
    assert (below["thread_ts"], ">Hello?" in front.shown(below)) == (card["ts"], True)
    assert ">Hello?" in front.shown(card)

    with front.serving() as client:
        front.click(client, LUCA, card["ts"], "resolve")
    front.later(APART_SECONDS)
    assert {"Status\nresolved", "Reopen"} <= front.shown(front.fake.messages("#billing")[0])
    assert front.words() == []


def test_a_desk_without_slack_marks_no_cards(front: Following) -> None:
    number, _ = front.ticket_with_card()
    front.later(0)
    front.later(APART_SECONDS)
    assert front.by_slack.cards.due(10) == []
    front.at = front.at.model_copy(update={"notifiers": {}})
    front.acts.take(number, "luca")
    assert front.by_slack.cards.standing(number, front.billing) is not None
    front.clock.now += 60
    assert front.by_slack.cards.due(10) == []
