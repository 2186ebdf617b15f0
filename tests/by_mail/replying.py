"""A desk whose agents reply to the notices they got, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from sqlalchemy import select

from config.desk import Desk
from ingest.inbox import keep
from ingest.mail.arrival import Way, arrival
from router.act import Acts
from router.route import Routed, Router
from tests.desks import TRUSTING, desk
from tests.path.answering import NOON, Answering
from tickets.keys import signing_key
from tickets.reply_address import act_address
from tickets.schema import entries, events, inbox, outbox, tickets
from tickets.schema_told import preferences
from tickets.store import Store

DESK = TRUSTING.replace(
    "{id: luca, name: Luca, email: luca@acme.example}",
    "{id: luca, name: Luca, email: luca@acme.example, addresses: [luca@home.example], timezone: Europe/Rome}",
)
DOMAIN = "support.acme.example"


@dataclass(frozen=True)
class Letter:
    """A mail as an agent's program writes it; `to` and the envelope are the reply address, unless the story says otherwise.

    `more` are header lines on top, `verdict` is what our mail server has found out about the From, "" for nothing.
    """

    to: str
    text: str = "It is on its way."
    sender: str = "luca@acme.example"
    message_id: str = "reply-1@acme.example"
    answers: str = ""
    cc: str = ""
    subject: str = "Re: [#1] Hello"
    more: tuple[str, ...] = ()
    verdict: str = "pass"
    body: tuple[str, str] | None = None
    envelope: tuple[str, ...] | None = None
    mail_from: str = "luca@acme.example"
    channel: str = "mail"
    type: str = "smtp"
    peer: str = "192.0.2.1"
    date: str = "Sun, 22 Nov 2026 12:00:00 +0000"

    def but(self, **changed: Any) -> Self:
        """Return the same mail but for what is changed."""
        return replace(self, **changed)

    @property
    def raw(self) -> bytes:
        """The mail as our mail server hands it on."""
        domain = self.sender.rpartition("@")[2]
        proof = f"Authentication-Results: mx.acme.example; dmarc={self.verdict} header.from={domain}"
        kind, text = self.body or ("text/plain; charset=utf-8", self.text)
        lines = [
            *([proof] if self.verdict else []),
            *self.more,
            f"From: <{self.sender}>",
            f"To: <{self.to}>",
            *([f"Cc: {self.cc}"] if self.cc else []),
            f"Subject: {self.subject}",
            f"Message-ID: <{self.message_id}>",
            *([f"In-Reply-To: <{self.answers}>", f"References: <{self.answers}>"] if self.answers else []),
            *([f"Date: {self.date}"] if self.date else []),
            "MIME-Version: 1.0",
            f"Content-Type: {kind}",
            "",
            *text.split("\n"),
            "",
        ]
        return "\r\n".join(lines).encode()


class Replying(Answering):
    """A front desk at which agents reply to notices by mail."""

    def __init__(self, store: Store, folder: Path, at: Desk | None = None) -> None:
        super().__init__(store, at or desk(DESK), folder)
        self.now = NOON
        self.use(self.at)

    def use(self, at: Desk) -> None:
        """Use another desk file from now on."""
        self.at = at
        self.router = Router(self.store, lambda: self.at, lambda: self.now, blobs=self.blobs)
        self.acts = Acts(self.store, lambda: self.at, lambda: self.now)

    def notice(self, agent: str = "luca", ticket: int = 1) -> int:
        """Return the row of the first notice by mail that an agent got of a ticket."""
        mine = (outbox.c.recipient == agent, outbox.c.ticket_id == ticket, outbox.c.notifier == "email")
        with self.store.read() as connection:
            return int(
                connection.execute(select(outbox.c.id).where(*mine).order_by(outbox.c.id)).scalars().first() or 0
            )

    def address(self, agent: str = "luca", ticket: int = 1, other: Mapping[str, Any] | None = None) -> str:
        """Return the reply address of that notice, or one whose proof says something `other` of it."""
        notice = self.notice(agent, ticket)
        with self.store.read() as connection:
            row = connection.execute(select(outbox).where(outbox.c.id == notice)).one()
            mine = select(preferences.c.epoch).where(preferences.c.agent == agent)
            said = {"ticket": row.ticket_id, "agent": row.recipient, "event": row.event}
            said["epoch"] = connection.scalar(mine) or 0
        key = signing_key(self.store)
        return act_address(key, notice, (said | dict(other or {})).values(), DOMAIN)

    def letter(self, agent: str = "luca", ticket: int = 1, **changed: Any) -> Letter:
        """Return a genuine reply of an agent to their notice of a ticket."""
        sender = f"{agent}@acme.example"
        answers = self.our_id(f"n.{self.notice(agent, ticket)}")
        to = self.address(agent, ticket)
        return Letter(to, sender=sender, mail_from=sender, answers=answers).but(**changed)

    def kept(self, letter: Letter, raw: bytes | None = None, more: Mapping[str, Any] | None = None) -> int:
        """Keep a mail as its channel does and return its row; `raw` are its bytes where they were changed on the way."""
        recipients = [letter.to] if letter.envelope is None else letter.envelope
        way = Way(letter.type, letter.mail_from, recipients, letter.peer, more=more or {})
        with self.store.write() as connection:
            [one] = keep(connection, [arrival(letter.channel, raw or letter.raw, way)], self.now, self.now)
        return one.id

    def reply(self, letter: Letter) -> Routed:
        """Route a mail and return what became of it."""
        return self.router.route(self.kept(letter))[-1]

    def cause(self, row: int) -> str:
        """Return how a row of the inbox ended, in words."""
        with self.store.read() as connection:
            return str(connection.scalar(select(inbox.c.cause).where(inbox.c.id == row)))

    def state(self) -> list[Any]:
        """Return everything that tickets hold and customers are owed, to be compared."""
        told = select(outbox).where(outbox.c.event != "mail.refused")
        past = select(events).where(events.c.name != "mail.refused")
        with self.store.read() as connection:
            return [
                [tuple(row) for row in connection.execute(one)]
                for one in (select(tickets).order_by(tickets.c.id), select(entries), told, past)
            ]

    def refusals(self) -> list[Any]:
        """Return the rows that tell agents of refused mails."""
        with self.store.read() as connection:
            return list(
                connection.execute(select(outbox).where(outbox.c.event == "mail.refused").order_by(outbox.c.id))
            )
