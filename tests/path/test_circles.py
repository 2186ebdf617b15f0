"""Mail that goes in circles: notices that come back, responders that answer them, mail systems that return them."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import update

from config.desk import Desk
from ingest import quarantine
from ingest.arrival import Arrival
from ingest.inbox import keep
from notify.notifier import open_notifiers
from notify.outbox import Outbox
from notify.outbox import listing as notices
from router.route import Router
from tests.desks import arrived, desk, mail
from tickets import look
from tickets.schema import tickets
from tickets.store import Store


class World:
    """A desk that routes and sends, and the mails that went out."""

    def __init__(self, store: Store, at: Desk, folder: Path) -> None:
        self._store = store
        self._desk = at
        self._folder = folder
        self._seen: set[Path] = set()
        self._router = Router(store, lambda: at)
        self.outbox = Outbox(store, at, open_notifiers(at, folder))

    def take(self, *mails: bytes, sender: str = "ann@example.com") -> list[str]:
        """Keep and route mails, and return what became of them."""
        arrivals: Sequence[Arrival] = [arrived(raw, sender=sender) for raw in mails]
        with self._store.write() as connection:
            numbers = [one.id for one in keep(connection, arrivals, now=100.0, due_at=100.0) if not one.duplicate]
        return [one.outcome for number in numbers for one in self._router.route(number)]

    def send(self) -> list[bytes]:
        """Deliver every notice that is owed and return the mails that are new."""
        for row in notices(self._store):
            if row["state"] == "pending":
                self.outbox.deliver(row["id"])
        new = sorted(set(self._folder.glob("*.eml")) - self._seen)
        self._seen |= set(new)
        return [path.read_bytes() for path in new]


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Callable[[str], World]:
    """Make a world with these rules."""

    def make(rules: str) -> World:
        return World(store, desk(rules=rules), tmp_path / "outbox")

    return make


def field(raw: bytes, name: str) -> str:
    found = re.search(rb"(?im)^%s: (.*?)\r?$" % name.encode(), raw)
    assert found, name
    return found[1].decode().strip("<>")


def to_whom(notice: bytes) -> str:
    return re.sub(r"^.*<|>$", "", field(notice, "to"))


def test_a_notice_that_comes_back_waits_for_a_person(store: Store, world: Callable[[str], World]) -> None:
    here = world("")
    here.take(mail("a@x"))
    [notice, *_] = here.send()
    assert here.take(b"Received: from elsewhere\r\n" + notice) == ["quarantined"]
    [row] = quarantine.listing(store)
    assert "a notice of this desk came back" in row.cause
    assert here.send() == []


def test_a_forged_loop_header_keeps_nobody_out(store: Store, world: Callable[[str], World]) -> None:
    here = world("")
    assert here.take(b"X-Frontdesk-Loop: support.acme.example\r\n" + mail("a@x")) == ["routed"]
    assert here.take(mail("n.1.aaaaaaaaaaaaaaaa@support.acme.example")) == ["routed"]
    assert quarantine.listing(store) == []


def vacation(notice: bytes, number: int, style: str) -> bytes:
    """Return what a responder at the notice's recipient answers, with as little politeness as the style has."""
    who = to_whom(notice)
    raw = mail(f"vacation-{style}-{number}@{who}", sender=who, subject="Out of office", text="I am away until May.")
    if style != "no id":
        raw = f"In-Reply-To: <{field(notice, 'message-id')}>\r\n".encode() + raw
    return b"Auto-Submitted: auto-replied\r\n" + raw


@pytest.mark.parametrize("style", ["with id", "no id"])
def test_a_vacation_responder_wired_to_the_desk_stops_after_one_turn(
    store: Store, world: Callable[[str], World], style: str
) -> None:
    here = world('- {name: Tell outside too, then: [notify: ["email:boss@partner.example"]]}')
    here.take(mail("a@x"))
    sent, turns = here.send(), 0
    everybody = {to_whom(notice) for notice in sent}
    assert everybody == {"sona@acme.example", "luca@acme.example", "mia@acme.example", "boss@partner.example"}
    while sent:
        turns += 1
        assert turns == 1
        for number, notice in enumerate(sent):
            here.take(vacation(notice, turns * 1000 + number, style), sender=to_whom(notice))
        sent = here.send()
    if style == "with id":
        [row] = look.listing(store)
        assert (row["status"], row["messages"]) == ("new", 5)


def returned(notice: bytes, action: str = "failed", status: str = "5.1.1") -> bytes:
    """Return what a mail system writes when it cannot deliver a notice (RFC 3464)."""
    head = notice.partition(b"\r\n\r\n")[0]
    lines = [
        "From: Mail Delivery System <MAILER-DAEMON@mx.acme.example>",
        "To: desk@support.acme.example",
        "Subject: Undelivered Mail Returned to Sender",
        f"Message-ID: <{action}-{field(notice, 'message-id').partition('@')[0]}@mx.acme.example>",
        "Auto-Submitted: auto-replied",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "Your mail could not be delivered.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.acme.example",
        "",
        f"Final-Recipient: rfc822; {to_whom(notice)}",
        f"Action: {action}",
        f"Status: {status}",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user here",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
    ]
    return "\r\n".join(lines).encode() + b"\r\n" + head + b"\r\n--b--\r\n"


def states(store: Store) -> dict[str, str]:
    return {row["recipient"]: row["state"] for row in notices(store, 1) if row["event"] == "ticket.created"}


def test_a_bounce_of_our_own_mail_finds_its_ticket_and_marks_the_delivery_failed(
    store: Store, world: Callable[[str], World]
) -> None:
    here = world("")
    here.take(mail("a@x"))
    here.take(mail("b@x", subject="Another"))
    lost = next(
        notice for notice in here.send() if b"Where is my parcel?" in notice and to_whom(notice).startswith("mia")
    )
    assert here.take(returned(lost), sender="") == ["routed"]
    first, second = look.listing(store)
    assert (first["messages"], second["messages"]) == (2, 1)
    failed = [row for row in notices(store) if row["state"] == "failed"]
    assert [(row["ticket"], row["recipient"], row["last_error"]) for row in failed] == [
        (1, "mia", "5.1.1 550 5.1.1 no such user here")
    ]
    found = look.ticket(store, 1)
    assert found
    assert "delivery.failed" in {event["event"] for event in found["history"]}
    assert found["status"] == "new"
    assert here.send() == []


@pytest.mark.parametrize(("action", "status"), [("delayed", "4.4.7"), ("relayed", "2.0.0"), ("delivered", "2.1.5")])
def test_a_report_that_is_not_a_failure_marks_nothing(
    store: Store, world: Callable[[str], World], action: str, status: str
) -> None:
    here = world("")
    here.take(mail("a@x"))
    here.take(returned(here.send()[0], action, status), sender="")
    assert set(states(store).values()) == {"sent"}
    assert [row["messages"] for row in look.listing(store)] == [2]


def test_a_forged_bounce_fails_nobodys_delivery(store: Store, world: Callable[[str], World]) -> None:
    here = world("")
    here.take(mail("a@x"))
    notice = here.send()[0]
    own = field(notice, "message-id").encode()
    here.take(returned(notice.replace(own, own[:-30] + b"a" * 4 + own[-26:])), sender="")
    assert set(states(store).values()) == {"sent"}
    assert [row["messages"] for row in look.listing(store)] == [1, 1]


def test_an_out_of_office_goes_to_its_ticket_without_changing_its_state(
    store: Store, world: Callable[[str], World]
) -> None:
    here = world("")
    here.take(mail("a@x"))
    here.send()
    with store.write() as connection:
        connection.execute(update(tickets).values(status="answered"))
    here.take(b"Auto-Submitted: auto-replied\r\n" + mail("b@x", answers="a@x", subject="Out of office", text="Away."))
    [row] = look.listing(store)
    assert (row["status"], row["messages"]) == ("answered", 2)
    assert here.send() == []
