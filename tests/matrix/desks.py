"""What the stories about who is told share: a desk whose agents have every way, and what each of them was told."""

from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select

from config.desk import Desk
from config.notices import WAYS, WHOSE, WORDS, Choices, Whose, Word
from ingest.channels.chat.payload import kept
from ingest.channels.chat.tokens import Visitor
from tests.path.answering import NOON, Answering
from tests.responsibility.desks import team
from tickets.schema import outbox
from tickets.store import Store

SLACK = {"token": "env:SLACK_BOT_TOKEN"}
HOOK = {"slack": "U024BE7LH", "apprise": "env:SOMEBODYS_APPRISE"}
AGENTS: dict[str, dict[str, Any]] = {"sona": {**HOOK}, "luca": {}, "mia": {**HOOK, "slack": "U024BE7LM"}}
NOTHING: dict[Word, dict[Whose, tuple[()]]] = {word: dict.fromkeys(WHOSE, ()) for word in WORDS}
"""The ways of an agent who wants to hear of nothing."""


def crowd(**sections: Any) -> Desk:
    """Return a desk of three agents, all in `support`, Sona and Luca also in `billing`, with Slack."""
    departments = [
        {"id": "support", "name": "Support", "agents": "all", "addresses": ["support@acme.example"]},
        {"id": "billing", "name": "Billing", "agents": ["sona", "luca"], "addresses": ["billing@acme.example"]},
    ]
    departments[0] |= sections.pop("support", {})
    departments[1] |= sections.pop("billing", {})
    notifiers = {
        "email": {"from": "desk@support.acme.example"},
        "slack": SLACK,
        "push": {"contact": "mailto:desk@acme.example"},
    }
    agents = sections.pop("agents", AGENTS)
    return team(agents, **{"departments": departments, "notifiers": notifiers, **sections})


def only(word: Word, whose: Whose) -> Choices:
    """Return the choices of an agent who is told of one thing, by every way."""
    return Choices(ways={**NOTHING, word: {**NOTHING[word], whose: WAYS}})


class Row(NamedTuple):
    """What stands in the outbox about one notice."""

    recipient: str
    notifier: str
    word: str | None
    whose: str | None
    reason: str
    state: str


class Crowd(Answering):
    """A front desk at noon, and what its agents were told."""

    def __init__(self, store: Store, at: Desk, folder: Path) -> None:
        super().__init__(store, at, folder)
        self.now, self.count = NOON, 0

    def hears(self, **said: Any) -> int:
        """Let a customer write a mail, and return its ticket."""
        self.count += 1
        return self.send(f"m{self.count}@customer.example", **said)

    def chats(self, text: str = "Hello?", visitor: str = "vera") -> int:
        """Let a visitor of the site write in its chat, and return the ticket."""
        self.count += 1
        frame = {"type": "message", "id": f"c{self.count}", "text": text}
        number = self.payload("site", kept(Visitor(f"v.{visitor}", "", ""), frame, ())).ticket
        assert number is not None
        return number

    def rows(self, number: int, after: int = 0) -> list[Row]:
        """Return the notices of a ticket, without the first ones."""
        asked = select(*(outbox.c[name] for name in Row._fields)).where(outbox.c.ticket_id == number)
        with self.store.read() as connection:
            return [Row(*row) for row in connection.execute(asked.order_by(outbox.c.id))][after:]

    def told(self, number: int, after: int = 0, *, agent: str) -> dict[str, tuple[str | None, str | None]]:
        """Return by which ways an agent is told, of what, and whose the ticket is."""
        rows = [row for row in self.rows(number, after) if row.recipient == agent and row.state != "suppressed"]
        assert len({row.notifier for row in rows}) == len(rows)
        return {row.notifier: (row.word, row.whose) for row in rows}
