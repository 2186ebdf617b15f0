"""What the stories about clicks share: a desk whose tickets have cards in a Slack, and members who click there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from starlette.testclient import TestClient

from config.desk import Desk
from router.opened import Acted
from tests.desks import HEAD, desk
from tests.path.answering import Answering
from tests.slack.fake import FakeSlack
from tickets.keys import signing_key
from tickets.reply_address import signed
from tickets.schema_told import cards
from tickets.store import Store
from web.app import Parts, build
from web.slack import Slack

SONA, LUCA, MIA, NORA = "U024BE7LH", "U0LUCA", "U0MIA", "U0NORA"
ACTIONS = ("take", "reply", "transfer", "snooze", "resolve", "reopen", "open")


def slack_desk(slack: FakeSlack, extra: str = "", text: str = HEAD) -> Desk:
    """Return the desk of the stories with its Slack: Sona by her member id, the others by their addresses."""
    return desk(
        f"{text}  slack: {{token: env:SLACK_BOT_TOKEN, signing_secret: env:SLACK_SIGNING_SECRET, base_url: "
        f'"{slack.base_url}"{extra}}}\n'
    )


def members(slack: FakeSlack) -> None:
    """Let the agents of the desk be members of the workspace."""
    slack.channel("#billing")
    slack.member(SONA, name="Sona", email="sona@elsewhere.example")
    slack.member(LUCA, name="Luca", email="Luca@acme.example")
    slack.member(MIA, name="Mia", email="mia@acme.example")


class Clicking(Answering):
    """A desk with its Slack; what members do there is posted to it, signed."""

    def __init__(self, store: Store, slack: FakeSlack, folder: Path, at: Desk) -> None:
        super().__init__(store, at, folder)
        self.now = slack.clock()
        self.fake = slack
        self.rung: list[Acted] = []
        self.slack = Slack(store, lambda: self.at, self.rung.append, lambda: self.now)
        self.billing = slack.workspace.find("#billing").id

    @contextmanager
    def serving(self) -> Iterator[TestClient]:
        """Serve Slack's paths."""

        async def accept(_arrivals: Any) -> Any:
            raise NotImplementedError

        with TestClient(build(Parts(lambda: self.at, accept, lambda: None, bytes, slack=self.slack))) as client:
            yield client

    def card(self, number: int, channel: str = "") -> str:
        """Let the card of a ticket stand in a channel and return its ts."""
        channel = channel or self.billing
        elements = [
            {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": action.title()}}
            | ({"url": "https://desk.acme.example/"} if action == "open" else {"value": self.value(number)})
            for action in ACTIONS
        ]
        blocks = [{"type": "actions", "block_id": f"ticket:{number}", "elements": elements}]
        said = {"user": self.fake.workspace.bot, "bot_id": "B0DESK", "blocks": blocks}
        ts: str = self.fake.workspace.put(self.fake.workspace.channels[channel], said)["ts"]
        row = {"ticket_id": number, "place": channel, "channel": channel, "ts": ts, "shown": "", "attempts": 0}
        with self.store.write() as connection:
            connection.execute(insert(cards), row)
        return ts

    def value(self, number: int) -> str:
        """Return what the buttons of a ticket's card send back."""
        return signed(signing_key(self.store), f"s.{number}")

    def ticket_with_card(self, message_id: str = "a@customer", **said: Any) -> tuple[int, str]:
        """Let a customer write to billing; return the ticket's number and its card's ts."""
        number = self.send(message_id, to="billing@acme.example", **said)
        return number, self.card(number)

    def click(self, client: TestClient, user: str, ts: str, action: str) -> Any:
        """Click on a button of a card and return the answer."""
        return self.post(client, self.fake.people.clicks(user, self.billing, ts, action))

    def post(self, client: TestClient, payload: Mapping[str, Any], *, again: int = 0) -> Any:
        """Post what Slack sends, signed, and return the answer."""
        event = payload["type"] in ("event_callback", "url_verification")
        body, headers = self.fake.signed(payload, again=again)
        return client.post("/slack/events" if event else "/slack/interactions", content=body, headers=headers)

    def modal(self) -> dict[str, Any]:
        """Return the modal that was opened last."""
        return list(self.fake.workspace.views.values())[-1]

    def submit(self, client: TestClient, user: str, **chosen: str) -> Any:
        """Send the modal that was opened last, with a choice or text in each named block, and return the answer."""
        view = self.modal()
        kinds = {block["block_id"]: block["element"]["type"] for block in view["blocks"] if block["type"] == "input"}
        values = {block: {"value": _filled(kinds[block], value)} for block, value in chosen.items()}
        return self.post(client, self.fake.people.submits(user, view["id"], values))

    def words(self) -> list[str]:
        """Return what members were told alone."""
        workspace = self.fake.workspace
        return [one["text"] for one in (*workspace.responses, *workspace.ephemeral)]


def _filled(kind: str, value: str) -> dict[str, Any]:
    """Return an element of a modal as Slack tells what is in it."""
    if kind == "static_select":
        return {"type": kind, "selected_option": {"value": value}}
    return {"type": kind, "selected_date" if kind == "datepicker" else "value": value}
