"""Agents answer by mail: who may, what follows, and what the customer's mail program makes of it."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from commands.parts import CHECKS, KINDS
from config.load import load
from config.problems import DeskError
from router.hand import CannotActError
from tests.desks import HEAD, desk, mail
from tests.path.answering import Answering
from tickets.schema import entries, events, files, outbox, tickets
from tickets.store import Store
from tickets.trouble import Temporary

SIGNED = HEAD.replace(
    "addresses: [billing@acme.example]}", 'addresses: [billing@acme.example], signature: "Billing team\\n+421"}'
)


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Answering:
    return Answering(store, desk(SIGNED), tmp_path / "out")


def test_an_answer_stands_in_the_ticket_takes_it_and_goes_to_the_customer(front: Answering) -> None:
    number = front.send("a@customer", to="billing@acme.example", subject="My invoice")
    acted = front.answer(number, text="We have corrected it.")
    found = front.ticket(number)
    assert (found["agent"], found["status"], found["messages"]) == ("luca", "answered", 2)
    assert [one["kind"] for one in found["entries"]] == ["message", "answer"]
    assert (front.last(number)["author"], front.last(number)["state"]) == ("agent:luca", "pending")
    assert acted.goes == "by mail to ann@example.com"
    assert front.events(number)[-3:] == ["ticket.answered", "ticket.assigned", "ticket.status_changed"]
    front.deliver()
    assert ("customer", "mail", "sent") in front.owed(number)
    assert front.last(number)["state"] == "sent"


def test_the_mail_stands_in_the_customers_thread_and_is_from_the_department(front: Answering) -> None:
    front.send("a@customer", to="billing@acme.example", subject="My invoice", text="It is wrong.")
    number = front.send("b@customer", to="billing@acme.example", subject="Re: My invoice", answers="a@customer")
    front.answer(number, text="We have corrected it.\nGrüße, Luca")
    front.deliver()
    [sent] = front.mails("ann@example.com")
    assert str(sent["From"]) == "Billing <billing@acme.example>"
    assert sent["Reply-To"] is None
    assert sent["In-Reply-To"] == "<b@customer>"
    assert sent["References"].split() == ["<a@customer>", "<b@customer>"]
    assert sent["Subject"] == f"Re: My invoice [#{number}]"
    assert sent["Auto-Submitted"] is None
    text = _text(sent)
    assert text.startswith("We have corrected it.\nGrüße, Luca\n\n-- \nBilling team\n+421\n")
    assert "wrote:\n> Where is my parcel?" in text


def test_the_customers_reply_to_the_answer_comes_back_to_the_ticket(front: Answering) -> None:
    number = front.send("a@customer", to="billing@acme.example", subject="My invoice")
    front.answer(number)
    front.deliver()
    [sent] = front.mails("ann@example.com")
    again = front.send(
        "c@customer", to="billing@acme.example", answers=sent["Message-ID"].strip("<>"), subject="Thanks"
    )
    assert again == number
    assert front.status(number) == "open"


def test_a_second_answer_names_the_first_one(front: Answering) -> None:
    number = front.send("a@customer", to="billing@acme.example")
    front.answer(number)
    front.deliver()
    front.answer(number, text="One more thing.")
    front.deliver()
    first, second = front.mails("ann@example.com")
    assert second["References"].split() == [first["Message-ID"], "<a@customer>"]


def test_reply_to_is_where_an_answer_goes(front: Answering) -> None:
    raw = mail("a@customer", to="billing@acme.example").replace(
        b"Subject:", b"Reply-To: <other@example.com>\r\nSubject:", 1
    )
    number = front.route(raw, "billing@acme.example")
    assert front.answer(number).goes == "by mail to other@example.com"


def test_a_department_without_an_address_answers_from_the_desk_and_can_be_replied_to(
    store: Store, tmp_path: Path
) -> None:
    text = HEAD.replace(", addresses: [support@acme.example]", "")
    front = Answering(store, desk(text), tmp_path / "out")
    number = front.send("a@customer")
    front.answer(number)
    front.deliver()
    [sent] = front.mails("ann@example.com")
    assert "desk@support.acme.example" in sent["From"]
    assert front.reply_to(number) in sent["Reply-To"]


@pytest.mark.parametrize("agent", ["mia", "nobody-here"])
def test_who_may_not_see_a_ticket_cannot_answer_it_and_learns_nothing(front: Answering, agent: str) -> None:
    number = front.send("a@customer", to="billing@acme.example")
    for wanted in (number, 99):
        with pytest.raises(CannotActError) as refused:
            front.answer(wanted, agent)
        assert "invoice" not in str(refused.value).lower()
    assert front.counts() == [1]


def test_an_answer_without_words_is_none(front: Answering) -> None:
    number = front.send("a@customer")
    for text in ("", " \n", "\0", "x" * 100_001):
        with pytest.raises(CannotActError):
            front.answer(number, text=text)
    assert front.counts() == [1]


def test_what_no_database_keeps_is_left_out_of_an_answer(front: Answering) -> None:
    number = front.send("a@customer")
    front.answer(number, text="one\0 \ud800 two")
    assert front.last(number)["text"] == "one ? two"


def test_an_answer_to_a_merged_ticket_stands_in_the_one_that_took_it_in(front: Answering) -> None:
    one, other = front.send("a@customer"), front.send("b@customer", sender="bob@example.com")
    front.set(one, status="merged", merged_into=other)
    assert front.answer(one, "sona").ticket == other


def test_a_colleagues_answer_is_told_to_whom_the_ticket_belongs(front: Answering) -> None:
    number = front.send("a@customer", to="billing@acme.example")
    front.set(number, agent="sona", unassigned_reason=None)
    front.answer(number, "luca")
    assert ("sona", "email", "pending") in front.owed(number)
    assert front.ticket(number)["agent"] == "sona"


def test_files_go_along_once_and_only_the_agents_own(front: Answering) -> None:
    number = front.send("a@customer")
    row = {
        "id": "f1", "stored": front.blobs.put(b"%PDF-1.7"), "filename": "Größe.pdf", "content_type": "application/pdf",
        "size": 8, "owner": "agent:luca", "entry_id": None, "created_at": 1.0,
    }  # fmt: skip
    with front.store.write() as connection:
        connection.execute(insert(files), [row, {**row, "id": "f2", "owner": "agent:sona"}])
    with pytest.raises(CannotActError):
        front.answer(number, attached=["f2"])
    front.answer(number, attached=["f1"])
    with pytest.raises(CannotActError):
        front.answer(number, attached=["f1"])
    front.deliver()
    [sent] = front.mails("ann@example.com")
    [part] = list(sent.iter_attachments())
    assert (part.get_filename(), part.get_content_type(), part.get_content()) == (
        "Größe.pdf",
        "application/pdf",
        b"%PDF-1.7",
    )
    [kept] = front.last(number)["attachments"]
    assert (kept["filename"], kept["file"]) == ("Größe.pdf", "f1")


def test_a_returned_answer_is_marked_in_the_ticket_and_told(front: Answering) -> None:
    number = front.send("a@customer", to="billing@acme.example")
    front.answer(number)
    front.deliver()
    [sent] = front.mails("ann@example.com")
    bounce = (
        b"From: MAILER-DAEMON@mx.example\r\nTo: <billing@acme.example>\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        b"Message-ID: <bounce@mx.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n'
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        b"Final-Recipient: rfc822; ann@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\n"
        b"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: " + sent["Message-ID"].encode() + b"\r\n\r\n--b--\r\n"
    )
    assert front.route(bounce, "billing@acme.example") == number
    answer = next(one for one in front.ticket(number)["entries"] if one["kind"] == "answer")
    assert answer["state"] == "failed"
    assert "5.1.1" in answer["trouble"]
    assert "delivery.failed" in front.events(number)
    assert ("luca", "email", "pending") in front.owed(number)


def test_an_answer_the_relay_refuses_for_good_is_told_to_whoever_answered(front: Answering) -> None:
    number = front.send("a@customer", sender="ann@ex ample.com".replace(" ", ""), to="billing@acme.example")
    front.answer(number)
    with front.store.write() as connection:
        connection.execute(update(outbox).where(outbox.c.notifier == "mail").values(address="no address"))
    front.deliver()
    assert front.last(number)["state"] == "failed"
    assert front.events(number)[-1] == "delivery.failed"
    assert ("luca", "email", "pending") in front.owed(number)


def test_a_process_that_dies_in_an_act_leaves_nothing(front: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    number = front.send("a@customer")

    def dies(*_: object) -> None:
        raise Temporary("the power went off")

    monkeypatch.setattr("router.answer.belong", dies)
    before = _rows(front.store)
    with pytest.raises(Temporary):
        front.answer(number)
    assert _rows(front.store) == before


def _rows(store: Store) -> list[object]:
    with store.read() as connection:
        return [connection.execute(select(table)).all() for table in (tickets, entries, events, outbox)]


def test_a_departments_template_makes_its_mails(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "billing"
    folder.mkdir(parents=True)
    (folder / "answer.txt").write_text(
        "Dear {{ customer or 'customer' }},\n\n{{ text }}\n\n{{ agent }}, {{ department }}\n"
    )
    path = tmp_path / "desk.yaml"
    path.write_text(
        HEAD.replace("id: billing, name: Billing,", "id: billing, name: Billing, templates: templates/billing,")
    )
    at = load(path, KINDS, CHECKS).desk
    front = Answering(store, at, tmp_path / "out")
    number = front.send("a@customer", to="billing@acme.example")
    front.answer(number, text="{{ 7 * 7 }} <b>")
    front.deliver()
    [sent] = front.mails("ann@example.com")
    assert _text(sent).startswith("Dear customer,\n\n{{ 7 * 7 }} <b>\n\nLuca, Billing\n")


@pytest.mark.parametrize(
    "wrong", ["{{ nobody }}", "{% for %}", "{{ ''.__class__.__mro__ }}", "{{ 'x' * 1000000 }}", "{{ 1 / 0 }}"]
)
def test_a_wrong_template_is_told_by_check_and_keeps_the_desk_from_starting(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "answer.txt").write_text(wrong)
    path = tmp_path / "desk.yaml"
    path.write_text(HEAD.replace("id: billing, name: Billing,", "id: billing, name: Billing, templates: t,"))
    with pytest.raises(DeskError, match=r"answer\.txt"):
        load(path, KINDS, CHECKS)


def _text(sent: EmailMessage) -> str:
    body = sent.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")
