"""What the stories about threading share: mails routed at once, tickets looked at, what only this desk can sign."""

from base64 import b64encode
from typing import Any

from sqlalchemy import select, update

from config.desk import Desk
from ingest.inbox import keep
from ingest.mail.arrival import Way, arrival
from router.route import Routed, Router
from router.why import why
from tests.desks import mail
from tickets import look
from tickets.keys import signing_key
from tickets.reply_address import reply_address, signed
from tickets.schema import outbox, tickets
from tickets.store import Store

DOMAIN = "support.acme.example"


def outlook(raw: bytes, topic: int, replies: int = 0) -> bytes:
    """Return the mail with the Thread-Index of a conversation, five bytes longer for each reply (MS-OXOMSG, 2.2.1.3)."""
    index = b64encode(b"\1" + topic.to_bytes(21) + b"reply" * replies)
    return raw.replace(b"Subject:", b"Thread-Index: " + index + b"\r\nSubject:", 1)


class Front:
    """A desk with its store: what customers send is routed as it comes."""

    def __init__(self, store: Store, at: Desk) -> None:
        self.store, self.at, self.now = store, at, 100.0
        self.router = Router(store, lambda: at)

    def keep(self, *mails: bytes, to: str = "support@acme.example", channel: str = "mail") -> list[int]:
        """Keep mails as their channel does; return their rows."""
        arrivals = [arrival(channel, raw, Way("smtp", "", [to], "127.0.0.1")) for raw in mails]
        with self.store.write() as connection:
            return [one.id for one in keep(connection, arrivals, self.now, self.now)]

    def send(self, message_id: str, *, to: str = "", **said: Any) -> int:
        """Send a mail and return the number of its ticket; `to` is its envelope's recipient as well."""
        fields = {**said, "to": to} if to else said
        return self.route(mail(message_id, **fields), to or "support@acme.example")

    def route(self, raw: bytes, to: str = "support@acme.example") -> int:
        """Route a mail and return the number of its ticket."""
        [number] = self.keep(raw, to=to)
        done: list[Routed] = self.router.route(number)
        assert done[-1].ticket is not None
        return done[-1].ticket

    def reply_to(self, ticket: int, domain: str = DOMAIN) -> str:
        """Return the reply address of a ticket."""
        return reply_address(signing_key(self.store), ticket, domain)

    def our_id(self, what: str, domain: str = DOMAIN) -> str:
        """Return a Message-ID that only this desk makes, for `t.<ticket>` or `n.<notice>`."""
        return f"12.email.0123456789abcdef.{signed(signing_key(self.store), what)}@{domain}"

    def set(self, number: int, **values: Any) -> None:
        """Write columns of a ticket, as an act of an agent will."""
        with self.store.write() as connection:
            connection.execute(update(tickets).where(tickets.c.id == number).values(**values))

    def status(self, number: int) -> str:
        """Return the ticket's status."""
        return str(self._ticket(number)["status"])

    def counts(self) -> list[int]:
        """Return how many messages each ticket has."""
        return [row["messages"] for row in look.listing(self.store)]

    def links(self, number: int) -> list[int]:
        """Return the tickets it is linked to."""
        past = self._ticket(number)["history"]
        return [event["data"]["ticket"] for event in past if event["event"] == "ticket.linked"]

    def events(self, number: int) -> list[str]:
        """Return the names of the ticket's history."""
        return [event["event"] for event in self._ticket(number)["history"]]

    def trace(self, number: int) -> dict[str, Any]:
        """Return why the ticket's last message is there."""
        found: dict[str, Any] = why(self.store, number)[-1]["trace"]
        return found

    def weighed(self, number: int) -> list[tuple[str, int | None, str]]:
        """Return kind, ticket and verdict of the evidence of the ticket's last message."""
        return [(one["kind"], one["ticket"], one["verdict"]) for one in self.trace(number)["evidence"]]

    def notices(self) -> list[int]:
        """Return the rows of the outbox."""
        with self.store.read() as connection:
            return list(connection.scalars(select(outbox.c.id).order_by(outbox.c.id)))

    def _ticket(self, number: int) -> dict[str, Any]:
        found = look.ticket(self.store, number)
        assert found is not None
        return found
