"""What mail servers say about a notice: it comes back to its row, never to a ticket, and nobody else can say it."""

from typing import Any

import pytest
from sqlalchemy import select, update

from ingest.channels.smtp.config import Config as Smtp
from ingest.channels.smtp.door import takes
from ingest.inbox import keep
from ingest.mail.arrival import Way, arrival
from notify.email import Config, Email
from notify.outbox import Outbox
from router.bounced import PATIENCE
from router.route import Routed
from tests.desks import HEAD, desk, mail
from tests.notify.fakes import FakeRelay
from tests.path.stories import DOMAIN, Front
from tickets.keys import signing_key
from tickets.reply_address import bounce_address, looks_signed, signed
from tickets.schema import entries, inbox, outbox
from tickets.schema_told import pauses
from tickets.store import Store

REPORT = """\
From: MAILER-DAEMON@relay.example
To: <{to}>
Subject: Undelivered Mail Returned to Sender
Message-ID: <{id}@relay.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; sona@acme.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {status} {words}

--b--
"""
ADMINISTRATORS = HEAD.replace("domain: support.acme.example}", "domain: support.acme.example, administrators: general}")


class Noticed(Front):
    """A desk that told Sona something by mail; `sent` sends what is owed, `say` is what a mail server answers."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, desk(ADMINISTRATORS))
        self.send("q@example.com", to="billing@acme.example")
        self.to_sona = self.row(recipient="sona", notifier="email").id

    def row(self, **fields: Any) -> Any:
        """Return a row of the outbox."""
        where = [outbox.c[name] == value for name, value in fields.items()]
        with self.store.read() as connection:
            return connection.execute(select(outbox).where(*where).order_by(outbox.c.id)).first()

    def deliver(self) -> str:
        """Send the notice to Sona through a relay and return the envelope's sender."""
        with FakeRelay() as relay:
            email = Email(Config(relay=relay.url))
            Outbox(self.store, self.at, {"email": email}).deliver(self.to_sona)
            email.close()
            return relay.mails[0].sender

    def returned(self, raw: bytes, to: str, mail_from: str = "") -> Routed:
        """Route what a mail server sends."""
        with self.store.write() as connection:
            [kept] = keep(connection, [arrival("mail", raw, Way("smtp", mail_from, [to], "127.0.0.1"))], 100.0, 100.0)
        return self.router.route(kept.id)[-1]

    def say(
        self, to: str, action: str = "failed", status: str = "5.1.1", name: str = "d1", words: str = "no"
    ) -> Routed:
        """Route a delivery report."""
        text = REPORT.format(to=to, action=action, status=status, id=name, words=words)
        return self.returned(text.replace("\n", "\r\n").encode(), to)

    def cause(self, routed: Routed) -> str:
        """Return why the mail became no ticket."""
        with self.store.read() as connection:
            return str(connection.scalar(select(inbox.c.cause).where(inbox.c.id == routed.inbox_id)))

    def paused(self) -> list[tuple[str, str, str]]:
        """Return which ways are paused."""
        with self.store.read() as connection:
            return [(one.agent, one.way, one.address) for one in connection.execute(select(pauses))]

    def untouched(self) -> bool:
        """Tell whether there is still one ticket with one entry, and no way is paused."""
        with self.store.read() as connection:
            said = len(connection.execute(select(entries.c.id)).all())
        return len(self.counts()) == said == 1 and not self.paused()


@pytest.fixture
def noticed(store: Store) -> Noticed:
    return Noticed(store)


def test_a_notice_that_came_back_failed_its_way_is_paused_and_others_hear_of_it(noticed: Noticed) -> None:
    routed = noticed.say(noticed.deliver())
    assert (routed.outcome, routed.ticket) == ("ignored", None)
    assert noticed.cause(routed) == f"notice {noticed.to_sona}: the mail came back: 5.1.1 no"
    row = noticed.row(id=noticed.to_sona)
    assert (row.state, row.last_error) == ("failed", "the mail came back: 5.1.1 no")
    assert noticed.paused() == [("sona", "email", "sona@acme.example")]
    assert noticed.events(1).count("message.received") == 1
    assert "delivery.failed" in noticed.events(1)
    owed = [noticed.row(id=ring) for ring in routed.notices]
    assert [(one.recipient, one.event) for one in owed if one.recipient == "luca"] == [
        ("luca", "notices.paused")
    ] * len(owed)
    assert owed
    assert noticed.counts() == [1]


def test_everything_that_was_told_in_the_mail_has_failed(noticed: Noticed) -> None:
    sender = noticed.deliver()
    told = noticed.row(id=noticed.to_sona)
    number = noticed.send("q2@example.com", to="billing@acme.example")
    beside, elsewhere = (noticed.row(recipient=who, notifier="email", ticket_id=number).id for who in ("sona", "luca"))
    mail_of = {"state": "sent", "sent_at": told.sent_at, "provider_id": told.provider_id}
    with noticed.store.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == beside).values(**mail_of))
        connection.execute(update(outbox).where(outbox.c.id == elsewhere).values(**{**mail_of, "provider_id": "<x>"}))
    noticed.say(sender)
    states = [noticed.row(id=one).state for one in (noticed.to_sona, beside, elsewhere)]
    assert states == ["failed", "failed", "sent"]
    assert ["delivery.failed" in noticed.events(one) for one in (1, number)] == [True, True]


def test_what_comes_twice_counts_once(noticed: Noticed) -> None:
    sender = noticed.deliver()
    noticed.say(sender)
    again = noticed.say(sender, name="d2")
    assert (again.outcome, again.notices) == ("ignored", ())
    assert "known as failed" in noticed.cause(again)


@pytest.mark.parametrize("status", ["5.2.2", "5.7.1", "4.4.7"])
def test_what_was_refused_for_another_reason_pauses_nothing(noticed: Noticed, status: str) -> None:
    noticed.say(noticed.deliver(), status=status)
    assert noticed.row(id=noticed.to_sona).state == "failed"
    assert noticed.untouched()


def test_a_mail_that_is_only_late_is_noted(noticed: Noticed) -> None:
    routed = noticed.say(noticed.deliver(), "delayed", "4.4.1")
    assert routed.outcome == "ignored"
    row = noticed.row(id=noticed.to_sona)
    assert (row.state, row.last_error) == ("sent", "the mail is late: 4.4.1 no")
    assert noticed.untouched()


def test_who_changed_their_address_meanwhile_is_still_told_by_mail(noticed: Noticed) -> None:
    sender = noticed.deliver()
    with noticed.store.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == noticed.to_sona).values(address="old@acme.example"))
    noticed.say(sender)
    assert noticed.row(id=noticed.to_sona).state == "failed"
    assert noticed.paused() == []


@pytest.mark.parametrize(
    ("line", "mail_from", "outcome"),
    [
        ("Auto-Submitted: auto-replied", "sona@acme.example", "ignored"),
        ("X-Autoreply: yes", "", "ignored"),
        ("Precedence: bulk", "", "ignored"),
        ("X-Plain: yes", "", "ignored"),
        ("X-Plain: yes", "sona@acme.example", "quarantined"),
    ],
)
def test_what_is_no_bounce_is_no_failure(noticed: Noticed, line: str, mail_from: str, outcome: str) -> None:
    sender = noticed.deliver()
    raw = mail("ooo@acme.example", sender="sona@acme.example", to=sender, subject="I am away")
    routed = noticed.returned(f"{line}\r\n".encode() + raw, sender, mail_from)
    assert (routed.outcome, routed.ticket) == (outcome, None)
    assert noticed.row(id=noticed.to_sona).state == "sent"
    assert noticed.untouched()


def test_nobody_who_was_handed_a_notice_can_make_a_bounce_of_it(noticed: Noticed) -> None:
    noticed.deliver()
    key, row = signing_key(noticed.store), noticed.to_sona
    proofs = [
        "a" * 16,
        *(signed(key, f"{letter}.{row}")[-16:] for letter in "ntu"),
        bounce_address(key, row + 1, DOMAIN).partition("@")[0][-16:],
    ]
    for number, proof in enumerate(proofs):
        routed = noticed.say(f"bounce+b.{row}.{proof}@{DOMAIN}", name=f"forged{number}")
        assert (routed.outcome, routed.ticket) == ("quarantined", None)
        assert "proof is wrong" in noticed.cause(routed)
    assert noticed.row(id=row).state == "sent"
    assert noticed.untouched()


def test_a_bounce_that_is_faster_than_our_mark_waits_for_it(noticed: Noticed) -> None:
    sender = noticed.deliver()
    with noticed.store.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == noticed.to_sona).values(state="pending"))
    text = REPORT.format(to=sender, action="failed", status="5.1.1", id="d1", words="no").replace("\n", "\r\n")
    [kept] = noticed.keep(text.encode(), to=sender)
    assert noticed.router.route(kept) == []
    with noticed.store.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == noticed.to_sona).values(state="sent"))
    assert noticed.router.route(kept)[-1].outcome == "ignored"
    assert noticed.row(id=noticed.to_sona).state == "failed"
    assert PATIENCE == 3


def test_mail_to_such_an_address_is_taken_at_the_door_whatever_case_it_is_written_in() -> None:
    address = bounce_address(b"k", 17, DOMAIN)
    config = Smtp(name="mail", type="smtp", listen="127.0.0.1:8025")
    assert looks_signed(address, DOMAIN)
    assert takes(desk(), config, address.upper())
    assert not takes(desk(), config, address.replace(DOMAIN, "elsewhere.example"))
    assert not takes(desk(), config, f"bounce@{DOMAIN}")
