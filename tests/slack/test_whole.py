"""The desk in its own process, a department whose tickets are posted in a channel, and agents who do everything there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos.conftest import desks  # noqa: F401  # a fixture
from tests.chaos.desk_process import DeskProcess, Desks, until
from tests.desks import mail
from tests.notify.fakes import FakeRelay
from tests.slack.clicking import LUCA, MIA, SONA, members
from tests.slack.fake import FakeSlack
from tests.slack.limits import texts

DESK = """
desk: {{name: Acme Support, domain: support.acme.example}}
agents:
  - {{id: sona, name: Sona, email: sona@acme.example, slack: %s}}
  - {{id: luca, name: Luca, email: luca@acme.example}}
  - {{id: mia, name: Mia, email: mia@acme.example, slack: %s}}
departments:
  - id: billing
    name: Billing
    agents: [sona, luca]
    addresses: [billing@acme.example]
    slack_channel: "#billing"
    slack_replies: answer
  - {{id: general, name: General, agents: [mia], addresses: [support@acme.example]}}
channels:
  - {{name: mail, type: smtp, listen: "127.0.0.1:{smtp}"}}
notifiers:
  email: {{from: desk@support.acme.example, relay: "%s"}}
  slack: {{token: env:SLACK_BOT_TOKEN, signing_secret: env:SLACK_SIGNING_SECRET, base_url: "%s"}}
"""


class Floor:
    """A desk, its Slack and its relay, and what people see of them."""

    def __init__(self, desk: DeskProcess, slack: FakeSlack, relay: FakeRelay) -> None:
        self.desk, self.slack, self.relay = desk, slack, relay
        self.billing = slack.workspace.find("#billing").id

    def write(self, message_id: str, **said: Any) -> None:
        """Let the customer write to billing."""
        to = "billing@acme.example"
        assert self.desk.mail(mail(message_id, to=to, **said), to=to).startswith("250")

    def card(self) -> dict[str, Any]:
        """Return the card in the channel."""
        return next(one for one in self.slack.messages("#billing") if "thread_ts" not in one)

    def shows(self, words: str) -> None:
        """Wait until the card shows something."""
        until(lambda: words in {one["text"] for one in texts(self.card()["blocks"])}, 10, f"the card shows {words!r}")

    def click(self, user: str, action: str) -> None:
        """Click on the card."""
        self.post(self.slack.people.clicks(user, self.billing, self.card()["ts"], action))

    def post(self, payload: dict[str, Any]) -> None:
        """Let Slack post something to the desk, which has three seconds."""
        kind = "events" if payload["type"] == "event_callback" else "interactions"
        status, body = self.slack.post(f"http://127.0.0.1:{self.desk.http}/slack/{kind}", payload)
        assert (status, body) == (200, b"")

    def to(self, address: str) -> list[str]:
        """Return the mails that were sent to an address."""
        return [one.raw.decode() for one in self.relay.mails if address in one.recipients]


@pytest.fixture
def floor(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:  # noqa: F811  # the fixture
    with FakeSlack() as slack, FakeRelay() as relay:
        monkeypatch.setenv("SLACK_BOT_TOKEN", slack.token)
        monkeypatch.setenv("SLACK_SIGNING_SECRET", slack.signing_secret)
        members(slack)
        desk = desks.make(DESK % (SONA, MIA, relay.url, slack.base_url))
        desk.start()
        yield Floor(desk, slack, relay)
        desk.close()


@pytest.mark.timeout(90)
def test_a_ticket_lives_in_its_departments_channel_from_the_mail_to_the_end(floor: Floor) -> None:
    floor.write("a@customer", subject="My bill", text="Is it paid?")
    until(lambda: floor.slack.messages("#billing"), 10, "the card")
    floor.shows("#1 My bill")
    until(lambda: floor.slack.messages(SONA), 10, "her own card")

    floor.click(LUCA, "take")
    floor.shows("Agent\nLuca")
    floor.post(floor.slack.people.writes(LUCA, floor.billing, "It is, thank you.", floor.card()["ts"]))
    [answer] = until(lambda: floor.to("ann@example.com"), 10, "the customer has the answer")
    assert "It is, thank you." in answer
    floor.shows("Status\nanswered")

    floor.write("b@customer", answers="a@customer", text="Good to hear!")
    floor.shows("Status\nopen")
    floor.click(LUCA, "resolve")
    floor.shows("Status\nresolved")
    assert [one["text"] for one in floor.slack.workspace.ephemeral] == [
        "Sent to the customer by mail to ann@example.com"
    ]
    assert floor.slack.messages(MIA) == []
    assert len(floor.slack.messages(SONA)) == 1
    assert floor.slack.workspace.responses == []
    assert re.search('"level": "(error|critical)"|Traceback', floor.desk.logs) is None
