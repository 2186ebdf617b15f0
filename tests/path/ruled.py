"""What the stories about effects share: a desk with rules and templates of its own."""

from pathlib import Path
from typing import Any

from sqlalchemy import select

from commands.parts import CHECKS, KINDS
from config.desk import Desk
from config.load import load
from router.route import Router
from tests.desks import HEAD, mail
from tests.path.answering import NOON, Answering
from tickets.schema import contacts, inbox, outbox
from tickets.store import Store

WORDS = {
    "answer": "{{ text }}\n{% if signature %}-- \n{{ signature }}\n{% endif %}",
    "received": "Hello {{ customer }}, we have your message {{ number }}.",
}
TEMPLATES = "agents: [sona, luca], templates: words, signature: Your billing team,"
RULED = HEAD.replace("agents: [sona, luca],", TEMPLATES).replace("\ntags:", "\nfields: [order]\ntags:")


def ruled(folder: Path, rules: str, text: str = RULED, *, checks: Any = CHECKS) -> Desk:
    """Return a desk that lies in a folder, with templates beside it; `rules` are lines under `rules:`."""
    (folder / "words").mkdir(parents=True, exist_ok=True)
    for name, words in WORDS.items():
        (folder / "words" / f"{name}.txt").write_text(words, encoding="utf-8")
    path = folder / "desk.yaml"
    path.write_text(f"{text}\nrules:\n{rules}", encoding="utf-8")
    return load(path, KINDS, checks).desk


class Ruled(Answering):
    """A front desk at noon whose rules do things; mails to billing find templates there."""

    def __init__(self, store: Store, folder: Path, rules: str, text: str = RULED) -> None:
        super().__init__(store, ruled(folder / "desk", rules, text), folder / "out")
        self.now = NOON
        self.router = Router(store, lambda: self.at, lambda: self.now)
        self.ids = 0

    def hears(self, subject: str = "Hello", *, to: str = "billing@acme.example", **said: Any) -> int:
        """Route a mail with an id of its own and return the number of its ticket."""
        self.ids += 1
        self.now += 1
        return self.route(mail(f"{self.ids}@example.com", subject=subject, to=to, **said), to)

    def owed_to_customer(self, number: int) -> list[tuple[str, str, str]]:
        """Return way, state and reason of what is owed to the customer of a ticket."""
        mine = select(outbox).where(outbox.c.ticket_id == number, outbox.c.recipient == "customer")
        with self.store.read() as connection:
            rows = connection.execute(mine.order_by(outbox.c.id)).all()
        return [(row.notifier, row.state, row.reason) for row in rows]

    def kept(self, number: int) -> Any:
        """Return a row of the inbox."""
        with self.store.read() as connection:
            return connection.execute(select(inbox).where(inbox.c.id == number)).one()

    def contact_tags(self) -> list[str | None]:
        """Return the tags of the contacts, as they are kept."""
        with self.store.read() as connection:
            return list(connection.scalars(select(contacts.c.tags).order_by(contacts.c.id)))

    def effects(self, number: int) -> list[dict[str, Any]]:
        """Return the effects of the ticket's last decision, as the trace tells them."""
        found: list[dict[str, Any]] = self.trace(number).get("effects", [])
        return found
