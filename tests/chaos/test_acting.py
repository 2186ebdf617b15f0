"""A working day by mail: a customer writes, an agent acts by replying to the notice, the customer has the answer and rates it."""

import email
import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from email.policy import default
from email.utils import formatdate, parseaddr
from http.client import HTTPConnection, HTTPResponse
from itertools import count
from typing import Any

import pytest

from tests.chaos.desk_process import DeskProcess, Desks, until
from tests.notify.fakes import FakeRelay
from tickets.look import ticket
from tickets.store import Store
from tickets.tokens import make

DESK = """
desk: {{name: Acme Support, domain: support.acme.example, url: "https://desk.acme.example"}}
agents:
  - {{id: luca, name: Luca, email: luca@acme.example}}
  - {{id: sona, name: Sona, email: sona@acme.example}}
departments:
  - {{id: general, name: General, agents: all, addresses: [support@acme.example], ask_for_rating: 1s}}
channels:
  - {{name: mail, type: smtp, listen: "127.0.0.1:{smtp}", trust: {{authserv_id: mx.acme.example}}}}
notifiers:
  email: {{relay: "RELAY"}}
"""
"""Braces are doubled, because the port is filled in."""
PROVEN = "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\r\n"


class Day:
    """A desk in a process, what its relay got, and its tickets."""

    def __init__(self, desk: DeskProcess, relay: FakeRelay, store: Store) -> None:
        self.desk, self.relay, self.store = desk, relay, store
        self._numbers = count()

    def write(self, sender: str, to: str, text: str, above: str = "", subject: str = "My invoice") -> None:
        """Send a mail over SMTP; it is kept when this returns."""
        head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {formatdate()}\r\n"
        raw = f"{above}{head}Message-ID: <{next(self._numbers)}@day.example>\r\n\r\n{text}\r\n"
        assert self.desk.mail(raw.encode(), sender, to).startswith("250")

    def got(self, who: str, words: str) -> EmailMessage:
        """Wait for the mail somebody gets with these words in it."""
        return until(lambda: list(self._got(who, words)), 10, f"{who} gets a mail with {words!r}")[0]

    def _got(self, who: str, words: str) -> Iterator[EmailMessage]:
        for one in tuple(self.relay.mails):
            mail = email.message_from_bytes(one.raw, policy=default)
            if one.recipients == [who] and words in text_of(mail):
                yield mail

    def stands(self) -> dict[str, Any]:
        """Return how the ticket stands."""
        found = ticket(self.store, 1)
        assert found is not None
        return found

    def happens(self, event: str) -> dict[str, Any]:
        """Wait for an event in the ticket's history and return the ticket."""
        until(lambda: event in [one["event"] for one in self.stands()["history"]], 10, f"{event} in the history")
        return self.stands()


@pytest.fixture(params=["embedded", "scale"])
def day(request: pytest.FixtureRequest, desks: Desks) -> Iterator[Day]:
    """Give a desk at work, in one process and in several."""
    scale = request.param == "scale"
    database, broker = (request.getfixturevalue(name) if scale else None for name in ("postgresql_url", "broker_url"))
    with FakeRelay() as relay:
        desk = desks.make(DESK.replace("RELAY", relay.url), database_url=database, broker_url=broker)
        for program in ("listen", "work") if scale else ("run",):
            desk.start(program)
        store = Store(desk.database)
        try:
            yield Day(desk, relay, store)
        finally:
            store.close()


@pytest.mark.timeout(60)
def test_an_agent_answers_and_resolves_by_mail_and_the_customer_rates_it(day: Day) -> None:
    with closing(HTTPConnection("127.0.0.1", day.desk.http, timeout=10)) as connection:
        token = make(day.store, "luca", time.time())
        connection.request("GET", "/api/v1/me/notices/stream", headers={"Authorization": f"Bearer {token}"})
        stream = connection.getresponse()
        assert next_of(stream, "unread")["unread"] == 0
        day.write("ann@example.com", "support@acme.example", "Where is my invoice?")
        live = next_of(stream, "notice")
    assert (live["ticket"], live["word"], live["subject"]) == (1, "new", "My invoice")
    notice = day.got("luca@acme.example", "Where is my invoice?")
    reply_to = parseaddr(str(notice["Reply-To"]))[1]

    day.write("luca@acme.example", reply_to, "#resolve\r\n\r\nIt is paid, stop asking.", subject="Re: forged")
    assert "is not proven" in text_of(day.got("luca@acme.example", "was refused"))
    day.write("ann@example.com", reply_to, "Somebody forwarded this to me.", above=PROVEN)
    assert "comes from ann@example.com" in text_of(day.got("luca@acme.example", "Somebody forwarded this"))
    untouched = day.stands()
    assert (untouched["status"], untouched["agent"], len(untouched["entries"])) == ("new", None, 1)

    day.write("luca@acme.example", reply_to, "#note\r\nShe paid twice.", above=PROVEN)
    assert day.happens("ticket.noted")["agent"] == "luca"
    quoted = "\r\n".join(f"> {line}" for line in text_of(notice).splitlines())
    said = (
        f"#resolve\r\n#priority high\r\n\r\nIt is attached to your account.\r\n\r\nOn Monday, Acme wrote:\r\n{quoted}"
    )
    day.write("luca@acme.example", reply_to, said, above=PROVEN)
    answer = day.got("ann@example.com", "It is attached to your account.")
    assert "luca@" not in answer.as_string()
    assert "#resolve" not in answer.as_string()
    assert "paid twice" not in answer.as_string()
    resolved = day.stands()
    assert (resolved["status"], resolved["priority"], resolved["agent"]) == ("resolved", "high", "luca")

    link = re.findall(r"https://desk\.acme\.example(/rate/\S+)", text_of(day.got("ann@example.com", "How did we do?")))[
        0
    ]
    assert day.desk.ask("GET", link)[0] == 200
    assert "ticket.rated" not in [one["event"] for one in day.stands()["history"]]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert day.desk.ask("POST", link, b"score=positive&comment=Quick", form)[0] == 200
    rated = day.happens("ticket.rated")["history"][-1]
    assert (rated["data"]["score"], rated["data"]["comment"]) == ("positive", "Quick")
    assert len([one for one in day.relay.mails if one.recipients == ["ann@example.com"]]) == 2


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def next_of(stream: HTTPResponse, event: str) -> dict[str, Any]:
    """Read a live stream up to the next event of a name and return its document."""
    for line in iter(stream.readline, b""):
        if line == f"event: {event}\n".encode():
            break
    data = next(line for line in iter(stream.readline, b"") if line.startswith(b"data: "))
    found: dict[str, Any] = json.loads(data.removeprefix(b"data: "))
    return found
