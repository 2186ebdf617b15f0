"""Automatic answers: how they reach the customer, and everything that keeps them from going round in a circle."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from notify.email import Config, Email
from notify.letter import Letters
from notify.notifier import Notifier
from notify.outbox import Outbox
from router.governor import MOST_OF_ADDRESS, MOST_OF_TICKET
from router.undelivered import settled
from tests.desks import mail, proven
from tests.notify.fakes import FakeRelay
from tests.path.ruled import RULED, Ruled
from tests.path.test_chat import Guest
from tickets.schema import outbox
from tickets.store import Store

RECEIVED = """
  - name: Received
    on: [message.received]
    then: [{reply: received}]
"""
SENT = 'rule "Received" answers automatically'


def automatic(raw: bytes, **headers: str) -> bytes:
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return more.encode() + raw


def test_a_template_of_the_department_answers_in_the_customer_s_thread(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RECEIVED)
    number = front.hears("Where is it?")
    front.deliver()
    [sent] = front.mails("ann@example.com")
    assert sent["Auto-Submitted"] == "auto-replied"
    assert sent["X-Auto-Response-Suppress"] == "All"
    assert sent["In-Reply-To"] == "<1@example.com>"
    assert sent["From"] == "Billing <billing@acme.example>"
    body = sent.get_body(("plain",))
    assert body is not None
    words = f"Hello ann@example.com, we have your message {number}."
    assert body.get_content().splitlines() == [words, "-- ", "Your billing team"]
    ticket = front.ticket(number)
    answer = ticket["entries"][-1]
    assert (answer["kind"], answer["author"], answer["author_name"]) == ("answer", "rule:Received", "Billing")
    assert (answer["text"], answer["state"]) == (words, "sent")
    assert front.owed_to_customer(number) == [("mail", "sent", SENT)]


def test_it_repeats_little_of_what_a_stranger_wrote(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, "  - {name: Hi, then: [{reply: {text: 'Dear {{ customer }}, thanks'}}]}")
    raw = mail("1@example.com").replace(b"From: <", b'From: "' + b"Buy at spam.example " * 50 + b'" <')
    number = front.route(raw)
    front.deliver()
    [sent] = front.mails("ann@example.com")
    body = sent.get_body(("plain",))
    assert body is not None
    assert "parcel" not in body.get_content()
    assert front.last(number)["text"].count("spam.example") == 6


def test_it_is_no_answer_of_a_person(store: Store, tmp_path: Path) -> None:
    rules = RECEIVED + "  - {name: Answered, on: [ticket.answered], then: [{tag: vip}]}\n"
    front = Ruled(store, tmp_path, rules)
    ticket = front.ticket(front.hears())
    assert "ticket.answered" not in [line["event"] for line in ticket["history"]]
    assert (ticket["status"], ticket["agent"], ticket["tags"], ticket["messages"]) == ("new", None, [], 1)
    assert ticket["waiting_since"] is not None


def test_what_the_customer_answers_joins_the_ticket_and_quotes_no_robot(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, "  - {name: Hi, then: [{reply: {text: We have your message}}]}")
    number = front.hears(to="support@acme.example")
    front.deliver()
    ours = front.mails("ann@example.com")[0]["Message-ID"].strip("<>")
    assert front.hears("Re: Hello", answers=ours, to="support@acme.example") == number
    front.answer(number)
    front.deliver()
    quoted = front.mails("ann@example.com")[-1].get_body(("plain",))
    assert quoted is not None
    assert "We have your message" not in quoted.get_content()
    assert "> Where is my parcel?" in quoted.get_content()


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"List_Id": "<news.example.com>"}],
    ids=["auto-submitted", "bulk", "list"],
)
def test_a_program_is_never_answered_and_the_outbox_says_why(
    store: Store, tmp_path: Path, headers: dict[str, str]
) -> None:
    front = Ruled(store, tmp_path, RECEIVED)
    number = front.route(automatic(mail("1@example.com", to="billing@acme.example"), **headers), "billing@acme.example")
    [(notifier, state, reason)] = front.owed_to_customer(number)
    assert (notifier, state) == ("mail", "suppressed")
    assert reason.startswith("not sent: no person wrote it (")
    assert [line["event"] for line in front.ticket(number)["history"]][-1] == "ticket.auto_answer_withheld"
    front.deliver()
    assert front.mails("ann@example.com") == []
    assert front.effects(number)[0]["skipped"] == reason


def test_a_rule_for_another_event_does_not_answer_a_program_either(store: Store, tmp_path: Path) -> None:
    rules = """
  - {name: Tags, on: [message.received], then: [{tag: vip}]}
  - {name: Tagged, on: [ticket.tagged], then: [{reply: {text: "Hi"}}]}
"""
    front = Ruled(store, tmp_path, rules)
    raw = automatic(mail("1@example.com"), Auto_Submitted="auto-generated")
    assert front.owed_to_customer(front.route(raw))[0][1] == "suppressed"
    front.now += 1
    number = front.route(mail("2@example.com", sender="bob@example.com"))
    assert front.owed_to_customer(number)[0][1] == "pending"


@pytest.mark.parametrize("sender", ["support@acme.example", "desk@support.acme.example", "BILLING+x@acme.example"])
def test_an_address_of_this_desk_is_never_answered(store: Store, tmp_path: Path, sender: str) -> None:
    front = Ruled(store, tmp_path, RECEIVED)
    number = front.hears(sender=sender)
    assert front.owed_to_customer(number) == [
        ("mail", "suppressed", "not sent: it would go to an address of this desk")
    ]


def test_a_rule_answers_once_until_the_customer_writes_again(store: Store, tmp_path: Path) -> None:
    rules = """  - {name: Solved, on: [ticket.status_changed], then: [{reply: {text: "Thank you"}}]}"""
    front = Ruled(store, tmp_path, rules)
    number = front.hears()
    for status in ("resolved", "closed", "answered"):
        front.now += 1
        front.acts.status(number, "luca", status)
    assert [state for _, state, _ in front.owed_to_customer(number)] == ["pending", "suppressed", "suppressed"]
    again = "not sent: this rule has answered already, and the customer has not written since"
    assert front.owed_to_customer(number)[-1][2] == again
    assert front.hears("Re: Hello", answers="1@example.com") == number
    front.acts.status(number, "luca", "resolved")
    assert front.owed_to_customer(number)[-1][1] == "pending"


WORDS = ("parcel", "bill", "bike", "lamp", "book", "chair", "phone", "shoe", "coat")


def test_nobody_gets_more_than_a_few_of_them_a_day(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RECEIVED)
    number = front.hears()
    for one in WORDS[:MOST_OF_TICKET]:
        front.now += 700
        front.hears("Re: Hello", answers="1@example.com", text=f"Where is my {one}?")
    states = [state for _, state, _ in front.owed_to_customer(number)]
    assert states == ["pending"] * MOST_OF_TICKET + ["suppressed"]
    others = []
    for one in WORDS[: MOST_OF_ADDRESS - MOST_OF_TICKET + 1]:
        front.now += 700
        others.append(front.hears(f"another {one}", text=f"My {one} is broken"))
    assert [front.owed_to_customer(one)[0][1] for one in others[-2:]] == ["pending", "suppressed"]
    assert f"{MOST_OF_ADDRESS} automatic answers" in front.owed_to_customer(others[-1])[0][2]
    assert front.owed_to_customer(front.hears("Hi", sender="bob@example.com"))[0][1] == "pending"
    front.now += 86_401
    assert front.owed_to_customer(front.hears("a new day"))[0][1] == "pending"


def test_an_agent_s_own_mail_is_not_answered_to_the_customer(store: Store, tmp_path: Path) -> None:
    trusting = RULED.replace('"127.0.0.1:8025"}', '"127.0.0.1:8025", trust: {authserv_id: mx.acme.example}}')
    front = Ruled(store, tmp_path, RECEIVED, trusting)
    number = front.hears()
    raw = proven(mail("9@acme.example", sender="luca@acme.example", to=front.reply_to(number)))
    assert front.route(raw, front.reply_to(number)) == number
    assert front.owed_to_customer(number)[-1][1:] == ("suppressed", "not sent: the customer has not written")


def test_a_forged_sender_is_not_answered(store: Store, tmp_path: Path) -> None:
    trusting = RULED.replace('"127.0.0.1:8025"}', '"127.0.0.1:8025", trust: {authserv_id: mx.acme.example}}')
    front = Ruled(store, tmp_path, RECEIVED, trusting)
    number = front.route(proven(mail("1@example.com"), "fail"), "billing@acme.example")
    assert front.owed_to_customer(number)[0][1:] == ("suppressed", "not sent: it is spam, or its sender is forged")


def test_a_department_without_the_template_answers_nothing_and_the_trace_says_so(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RECEIVED)
    number = front.hears(to="support@acme.example")
    assert front.owed_to_customer(number) == []
    assert front.effects(number)[0]["skipped"] == "its template cannot be read: general has no template received"


def test_a_visitor_of_the_chat_is_answered_there(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, "  - {name: Hi, then: [{reply: {text: 'Hello {{ customer }}'}}]}")
    number = Guest(front).says("Hello?", name="Vera")
    front.deliver()
    assert [(name, reply.text) for name, reply in front.sent] == [("site", "Hello Vera")]
    entry = front.last(number)
    assert (entry["seq"], entry["state"]) == (2, "sent")


def test_it_goes_out_over_a_real_relay_and_a_failure_stands_in_the_ticket(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, RECEIVED)
    good, bad = front.hears(), front.hears(sender="bob@example.com")
    with FakeRelay() as relay:
        post = Email(Config(relay=relay.url))
        ways: dict[str, Notifier] = {
            "email": post,
            "mail": Letters(store, front.at, front.blobs, post, lambda: front.now),
        }
        out = Outbox(
            store, front.at, ways, clock=lambda: front.now,
            settled=lambda c, note, state, words: settled(front.shelf, c, note, state, words, front.now),
        )  # fmt: skip
        outcomes = []
        for row, answers in zip(_mine(front, good, bad), ((), ("550 no such user",)), strict=True):
            relay.say("RCPT", *answers)
            done = out.deliver(row)
            outcomes.append(done and done.outcome)
        post.close()
        assert outcomes == ["sent", "failed"]
        assert b"Auto-Submitted: auto-replied" in relay.mails[0].raw
    assert (front.last(good)["state"], front.last(bad)["state"]) == ("sent", "failed")
    assert "delivery.failed" in front.events(bad)


def _mine(front: Ruled, *numbers: int) -> list[int]:
    wanted = select(outbox.c.id).where(outbox.c.ticket_id.in_(numbers), outbox.c.recipient == "customer")
    with front.store.read() as connection:
        return list(connection.scalars(wanted.order_by(outbox.c.id)))


OTHER = RULED.replace("acme.example", "globex.example").replace("Acme Support", "Globex")


@pytest.mark.parametrize("marked", [True, False], ids=["as it is sent", "with its marks taken off on the way"])
def test_two_desks_that_answer_each_other_come_to_an_end(store: Store, tmp_path: Path, *, marked: bool) -> None:
    ours = Ruled(store, tmp_path / "a", RECEIVED)
    theirs_at = Store(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    theirs_at.migrate()
    theirs = Ruled(theirs_at, tmp_path / "b", RECEIVED, OTHER)
    ours.hears(sender="billing@globex.example")
    rounds = 0
    while new := _sent_to(ours, "globex.example") if rounds % 2 == 0 else _sent_to(theirs, "acme.example"):
        rounds += 1
        there = theirs if rounds % 2 else ours
        there.now += 60
        to = "billing@globex.example" if rounds % 2 else "billing@acme.example"
        for one in new:
            raw = _bare(one) if not marked else one.as_bytes()
            there.route(raw, to)
        assert rounds < 40
    theirs_at.close()
    assert rounds == 1 if marked else rounds <= 2 * MOST_OF_ADDRESS


_SEEN = "seen-by-the-test"


def _sent_to(front: Ruled, domain: str) -> list[EmailMessage]:
    """Deliver, and return the mails that went to a domain since it was asked last."""
    front.deliver()
    mails = front.mails(domain)
    known: int = getattr(front, _SEEN, 0)
    setattr(front, _SEEN, len(mails))
    return mails[known:]


def _bare(one: EmailMessage) -> bytes:
    for name in ("Auto-Submitted", "X-Auto-Response-Suppress", "X-Frontdesk-Ticket", "In-Reply-To", "References"):
        del one[name]
    return one.as_bytes()
