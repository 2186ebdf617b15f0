"""Forged senders and stolen numbers: whoever knows something of a ticket and takes no part in it gets a ticket of their own."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.desk import Agent
from router.evidence import Keys, Letter, Token, Writer, keys_of, tokens_of
from router.thread import find
from tests.desks import desk, mail
from tests.path.stories import DOMAIN, Front, outlook
from tickets.message import InboundMessage, Report, Sender
from tickets.reply_address import proven
from tickets.store import Store

MALLORY = "mallory@evil.example"
OTHER = "zoe@example.com"


@pytest.fixture
def front(store: Store) -> Front:
    """Ticket 1 is Ann's, ticket 2 is Zoe's."""
    made = Front(store, desk())
    made.route(outlook(mail("a@x"), 7))
    made.send("z@x", sender=OTHER, subject="Zoe's own")
    return made


STOLEN: dict[str, Callable[[Front], dict[str, Any]]] = {
    "message_id": lambda _: {"answers": "a@x"},
    "own_id": lambda _: {"message_id": "a@x"},
    "subject": lambda _: {"subject": "Re: [#1] Hello"},
    "reply_address": lambda front: {"to": front.reply_to(1)},
    "signed_id": lambda front: {"answers": front.our_id("t.1")},
    "notice": lambda front: {"answers": front.our_id(f"n.{front.notices()[0]}")},
    "everything": lambda front: {
        "answers": f"{front.our_id('t.1')} a@x",
        "subject": "[#1]",
        "to": front.reply_to(1),
        "cc": "ann@example.com",
    },
}


@pytest.mark.parametrize("what", STOLEN)
@pytest.mark.parametrize("thief", [MALLORY, OTHER])
def test_what_is_stolen_makes_a_new_ticket_that_is_linked(front: Front, what: str, thief: str) -> None:
    said = {"message_id": "m@x", "text": "give me access", **STOLEN[what](front)}
    assert front.send(said.pop("message_id"), sender=thief, **said) == 3
    assert (front.links(3), front.links(1)) == ([1], [3])
    assert "stranger" in {verdict for _, _, verdict in front.weighed(3)}
    assert front.counts() == [1, 1, 1]
    assert front.send("b@x", answers="a@x") == 1  # and Ann's own answers stay Ann's


@pytest.mark.parametrize("status", ["closed", "spam"])
def test_a_stolen_id_never_brings_the_customers_next_mail_into_the_thiefs_ticket(front: Front, status: str) -> None:
    front.send("a@x", sender=MALLORY, cc="ann@example.com", text="mine now")
    front.set(1, status=status)
    assert front.send("b@x", answers="a@x") == 4
    assert front.links(4) == [1]


def test_a_stolen_thread_index_makes_a_new_ticket_that_is_linked(front: Front) -> None:
    assert front.route(outlook(mail("m@x", sender=MALLORY), 7, replies=1)) == 3
    assert front.weighed(3) == [("thread_index", 1, "stranger")]


def test_the_thread_index_of_another_conversation_is_no_evidence(front: Front) -> None:
    assert front.route(outlook(mail("b@x"), 8)) == 3
    assert front.weighed(3) == []


def altered(address: str) -> Iterator[str]:
    """Yield the address with its number, its proof or its domain changed."""
    yield address.replace("t.1.", "t.2.")
    yield address.replace("t.1.", "n.1.")
    local, _, domain = address.partition("@")
    yield f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"
    yield f"{local[:-1]}@{domain}"
    yield f"{local}@other.example"
    yield f"{local}@{domain}.evil.example"


@pytest.mark.parametrize("number", range(6))
def test_an_altered_proof_is_no_evidence_even_from_who_takes_part(front: Front, number: int) -> None:
    for sender in ("ann@example.com", OTHER):
        address = list(altered(front.reply_to(1)))[number]
        new = front.send(f"{sender}{number}@x", sender=sender, to=address)
        assert front.links(new) == []
        assert {verdict for _, _, verdict in front.weighed(new)} <= {"forged"}
        ours = sender[:3] + list(altered(front.our_id("t.1")))[number]  # or both would name one mail we never got
        new = front.send(f"{sender}{number}b@x", sender=sender, answers=ours, subject="Hm")
        assert front.links(new) == []


def test_a_proof_in_a_name_or_in_the_text_is_no_evidence(front: Front) -> None:
    address = front.reply_to(1)
    raw = mail("b@x", text=f"write to {address} about [#1]").replace(b"To: <", f'To: "{address}" <'.encode(), 1)
    assert front.route(raw) == 3
    assert front.weighed(3) == []


def test_a_ticket_that_does_not_exist_is_no_evidence(front: Front) -> None:
    sent = [
        front.send("b@x", subject="[#999] Hello"),
        front.send("c@x", to=front.reply_to(999)),
        front.send("d@x", answers=front.our_id("n.999999999999999999")),
    ]
    assert sent == [3, 4, 5]
    assert [front.weighed(number)[0][2] for number in sent] == ["unknown"] * 3


def test_fifty_stolen_references_link_one_ticket_and_join_none(front: Front) -> None:
    for n in range(48):
        front.send(f"v{n}@x", sender=f"victim{n}@example.com", subject=f"Victim {n}")
    names = " ".join(["a@x", "z@x", *(f"v{n}@x" for n in range(48))])
    before = front.counts()
    number = front.send("m@x", sender=MALLORY, answers=names)
    assert front.counts() == [*before, 1]
    assert len(front.links(number)) == 1
    assert len(front.trace(number)["evidence"]) == 20
    assert front.send("n@x", answers=names) == 1  # of fifty references only one is to a ticket of Ann's
    assert [number for number in range(2, 51) if front.links(number) and number != 50] == []


def letter(sender: str, writer: Writer, **fields: Any) -> Letter:
    message = InboundMessage(channel="smtp", external_id="q@x", conversation="q@x", sender=Sender(id=sender), **fields)
    return Letter(message, writer, frozenset({"general"}))


def weigh(front: Front, one: Letter) -> Any:
    tokens = tokens_of(one.message, (), b"", DOMAIN)
    with front.store.write() as connection:
        return find(connection, front.at, keys_of("mid:q@x", one.message, tokens), one)


def test_who_forges_a_customers_address_is_a_stranger(front: Front) -> None:
    honest = letter("ann@example.com", Writer("ann@example.com"), in_reply_to="a@x")
    assert weigh(front, honest).ticket.id == 1
    forged = letter("ann@example.com", Writer("ann@example.com", forged=True), in_reply_to="a@x")
    found = weigh(front, forged)
    assert (found.ticket, found.linked_to, found.stranger) == (None, 1, True)
    assert "not proven" in found.because


def test_who_writes_as_an_agent_without_proof_joins_nothing_even_when_the_agent_stands_in_copy(front: Front) -> None:
    front.send("b@x", answers="a@x", cc="sona@acme.example")
    sona = front.at.agents_by_id["sona"]
    for agent, joins in ((None, False), (sona, True)):
        one = letter(sona.email, Writer(sona.email, agent), in_reply_to="a@x")
        assert (weigh(front, one).ticket is not None) is joins


def test_an_agent_joins_no_ticket_of_a_department_they_are_not_in(front: Front) -> None:
    front.set(1, department="billing")
    mia: Agent = front.at.agents_by_id["mia"]
    found = weigh(front, letter(mia.email, Writer(mia.email, mia), in_reply_to="a@x"))
    assert (found.ticket, found.linked_to) == (None, 1)


def test_an_automatic_reply_to_a_notice_says_which_one_it_answers_whoever_sends_it(front: Front) -> None:
    notice = front.notices()[0]
    tokens = [Token("signed_id", "n", notice)]
    for sender in ("sona@acme.example", "gone@acme.example"):
        one = letter(sender, Writer(sender), kind="auto_reply")
        with front.store.write() as connection:
            found = find(connection, front.at, Keys("mid:q@x", tokens=tuple(tokens)), one)
        assert found.notice == notice


def test_a_bounce_of_our_own_mail_finds_its_ticket_though_mail_systems_take_part_in_nothing(front: Front) -> None:
    key = front.store.secrets["signing"]
    report = Report(original=front.our_id("t.1"))
    one = letter("mailer-daemon@mx.example", Writer("mailer-daemon@mx.example"), kind="bounce", report=report)
    tokens = tokens_of(one.message, (), key, DOMAIN)
    with front.store.write() as connection:
        found = find(connection, front.at, keys_of("mid:q@x", one.message, tokens), one)
    assert found.ticket is not None
    assert found.ticket.id == 1
    stolen = one.message.model_copy(update={"report": None, "in_reply_to": "a@x"})
    assert weigh(front, Letter(stolen, one.writer)).ticket is None


def test_no_random_address_is_ever_taken_for_ours() -> None:
    chance = random.Random(3)
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    for _ in range(300):
        guess = "".join(chance.choices(letters, k=16))
        assert proven(b"k" * 32, f"reply+t.1.{guess}@{DOMAIN}", DOMAIN) is None


def test_a_thousand_claims_are_looked_at_no_further_than_twenty() -> None:
    to = tuple(f"reply+t.{n}.aaaaaaaaaaaaaaaa@{DOMAIN}" for n in range(1000))
    message = InboundMessage(channel="smtp", external_id="q", conversation="q", sender=Sender(id="a@x"), to=to)
    tokens = tokens_of(message, (), b"k", DOMAIN)
    assert len(tokens) == 20
    assert not any(token.genuine for token in tokens)
