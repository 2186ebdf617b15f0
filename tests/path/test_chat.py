"""Chats in their tickets: who is answered where, what is missed, and what a typed address is worth."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from ingest.channels.chat.payload import kept
from ingest.channels.chat.tokens import Visitor
from router.missed import missed
from tests.desks import HEAD, desk
from tests.path.answering import Answering
from tickets.schema import conversations, files, tickets
from tickets.store import Store

WAITING = HEAD.replace('origins: ["https://acme.example"]', 'origins: ["https://acme.example"], wait_seconds: 60')


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Answering:
    return Answering(store, desk(WAITING), tmp_path / "out")


class Guest:
    """A visitor of the site's chat."""

    def __init__(self, front: Answering, name: str = "v.guest") -> None:
        self.front, self.who, self.numbers = front, Visitor(name, "", ""), itertools.count(1)

    def does(self, word: str, files: Any = (), **frame: Any) -> int | None:
        """Send a frame, and return the ticket it is about."""
        raw = kept(self.who, {"type": word, "id": f"c{next(self.numbers)}", **frame}, files)
        return self.front.payload("site", raw).ticket

    def says(self, text: str = "Hello?", **frame: Any) -> int:
        """Write, and return the ticket."""
        number = self.does("message", text=text, **frame)
        assert number is not None
        return number


@pytest.fixture
def guest(front: Answering) -> Guest:
    return Guest(front)


def test_an_answer_that_was_seen_goes_by_no_mail(front: Answering, guest: Guest) -> None:
    number = guest.says(email="vera@example.com")
    front.answer(number)
    front.deliver()
    with front.store.write() as connection:
        connection.execute(update(conversations).values(seen=2))
    front.now += 121
    front.deliver()
    assert ("customer", "channel", "sent") in front.owed(number)
    assert ("customer", "mail", "suppressed") in front.owed(number)
    assert front.mails("vera@example.com") == []
    assert front.last(number)["state"] == "sent"


def test_an_answer_nobody_saw_goes_by_mail_and_the_reply_to_it_comes_back(front: Answering, guest: Guest) -> None:
    number = guest.says(email="vera@example.com")
    front.answer(number, text="It is on its way.")
    front.deliver()
    assert front.mails("vera@example.com") == []
    front.now += 121
    front.deliver()
    [sent] = front.mails("vera@example.com")
    answers = str(sent["Message-ID"]).strip("<>")
    assert front.send("r@customer", sender="vera@example.com", answers=answers) == number
    assert front.answer(number).goes == "by mail to vera@example.com"


def test_the_form_is_answered_by_mail_and_is_a_ticket_of_its_own(front: Answering, guest: Guest) -> None:
    chat = guest.says()
    form = guest.does("offline", text="Please call me", name="Vera", email="vera@example.com", department="billing")
    assert form is not None
    assert form != chat
    assert front.ticket(form)["department"] == "billing"
    assert front.answer(form).goes == "by mail to vera@example.com"
    front.deliver()
    [sent] = front.mails("vera@example.com")
    assert "Billing" in str(sent["From"])


def test_a_typed_address_makes_nobody_a_known_customer(front: Answering, guest: Guest) -> None:
    known = front.send("a@customer", sender="ann@example.com")
    ours = [guest.says(email="ann@example.com"), guest.does("offline", text="It is me", email="ann@example.com")]
    with front.store.read() as connection:
        rows = dict(list(connection.execute(select(tickets.c.id, tickets.c.contact_id))))
    assert rows[known] not in [rows[one] for one in ours if one]
    assert known not in ours


def test_a_chat_that_nobody_takes_is_missed_once(front: Answering, guest: Guest) -> None:
    number = guest.says()
    assert list(missed(front.store, front.shelf.book(), front.now + 59, 10)) == []
    assert len(list(missed(front.store, front.shelf.book(), front.now + 60, 10))) == 1
    assert list(missed(front.store, front.shelf.book(), front.now + 61, 10)) == []
    assert front.events(number).count("chat.missed") == 1


def test_a_chat_that_was_answered_is_not_missed(front: Answering, guest: Guest) -> None:
    number = guest.says()
    front.answer(number)
    assert list(missed(front.store, front.shelf.book(), front.now + 1000, 10)) == []
    assert "chat.missed" not in front.events(number)


def test_a_transcript_goes_to_the_typed_address_and_not_too_often(front: Answering, guest: Guest) -> None:
    number = guest.says("Where is my lamp?", email="vera@example.com")
    front.answer(number, text="On its way.")
    for _ in range(4):
        assert guest.does("transcript") == number
    front.deliver()
    sent = [one for one in front.mails("vera@example.com") if one["Auto-Submitted"]]
    assert len(sent) == 2
    body = sent[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert text.index("Where is my lamp?") < text.index("On its way.")


def test_a_transcript_without_an_address_goes_nowhere(front: Answering, guest: Guest) -> None:
    number = guest.says()
    guest.does("transcript")
    assert [one for one in front.owed(number) if one[0] == "customer"] == []


def test_a_rating_and_the_end_stand_in_the_history(front: Answering, guest: Guest) -> None:
    number = guest.says()
    assert guest.does("end") == guest.does("rate", score="good", comment="Quick!") == number
    history = front.ticket(number)["history"][-2:]
    assert [(one["event"], one["data"]) for one in history] == [
        ("chat.ended", {}),
        ("ticket.rated", {"score": "positive", "comment": "Quick!", "rating": 1}),
    ]
    assert Guest(front, "v.other").does("rate", score="bad") is None


def test_a_file_of_another_conversation_is_not_given_away(front: Answering, guest: Guest) -> None:
    row = {
        "id": "f1", "stored": "d", "filename": "a.png", "content_type": "image/png", "size": 1, "owner": "site/:v.other",
        "entry_id": None, "created_at": 1.0,
    }  # fmt: skip
    with front.store.write() as connection:
        connection.execute(insert(files), [row, {**row, "id": "f2", "owner": "site/:v.guest"}])
    said = [{"id": name, "filename": "a.png", "content_type": "image/png", "size": 1} for name in ("f1", "f2")]
    guest.does("message", text="Look", files=said)
    with front.store.read() as connection:
        owners = dict(list(connection.execute(select(files.c.id, files.c.entry_id))))
    assert owners == {"f1": None, "f2": 1}
