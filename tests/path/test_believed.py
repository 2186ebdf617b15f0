"""Whom a mail is believed to be from, and what follows from it."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from config.desk import Desk
from ingest import quarantine
from ingest.arrival import Arrival
from ingest.inbox import keep
from ingest.mail.arrival import Way, arrival
from ingest.mail.read import parse_mail
from ingest.mail.verify import Verifier
from notify.outbox import listing as notices
from router.department import begins
from router.reading import believed
from router.route import Router
from tests.desks import TRUSTING, arrived, desk, mail, proven
from tests.mail.name_server import NameServer
from tests.mail.test_trust import signed, zone
from tickets import look
from tickets.message import Forwarded, Sender
from tickets.schema import entries, inbox
from tickets.store import Store
from tickets.trust import Trust


def kept(store: Store, *arrivals: Arrival) -> list[int]:
    with store.write() as connection:
        return [one.id for one in keep(connection, arrivals, now=100.0, due_at=100.0)]


def routed(store: Store, router: Router, *arrivals: Arrival) -> None:
    for number in kept(store, *arrivals):
        router.route(number)


def authors(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.scalars(select(entries.c.author).order_by(entries.c.id)))


@pytest.mark.parametrize("verdict", ["fail", "none", ""])
def test_a_mail_from_an_agents_address_that_is_not_proven_is_a_customers(store: Store, verdict: str) -> None:
    at = desk(TRUSTING)
    raw = mail("a@x", sender="sona@acme.example")
    routed(store, Router(store, lambda: at), arrived(proven(raw, verdict) if verdict else raw))
    [passed] = look.passes(store, 1)
    assert authors(store) == ["sona@acme.example"]
    assert "sona@acme.example is Sona's address, but that is not proven" in passed["trace"]["because"]
    assert ("sona", "pending") in {(row["recipient"], row["state"]) for row in notices(store)}


def test_a_proven_agent_speaks_as_the_agent(store: Store) -> None:
    at = desk(TRUSTING)
    routed(store, Router(store, lambda: at), arrived(proven(mail("a@x", sender="sona@acme.example"))))
    assert authors(store) == ["agent:sona"]


def test_a_forged_agent_joins_no_ticket_of_a_customer(store: Store) -> None:
    at = desk(TRUSTING)
    forged = mail("b@x", answers="a@x", sender="sona@acme.example")
    routed(store, Router(store, lambda: at), arrived(mail("a@x")), arrived(proven(forged, "fail")))
    assert [row["messages"] for row in look.listing(store)] == [1, 1]


def test_who_forges_a_participants_address_joins_nothing(store: Store) -> None:
    at = desk(TRUSTING)
    router = Router(store, lambda: at)
    routed(store, router, arrived(mail("a@x")))
    routed(store, router, arrived(proven(mail("b@x", answers="a@x"), "fail")))
    routed(store, router, arrived(mail("c@x", answers="a@x")))
    assert sorted(row["messages"] for row in look.listing(store)) == [1, 2]


def test_the_verdict_stands_on_the_entry_and_rules_can_ask_for_it(store: Store) -> None:
    at = desk(TRUSTING, rules="- {name: Forged, when: [{authentic: no}], then: [tag: vip]}")
    routed(store, Router(store, lambda: at), arrived(proven(mail("a@x"), "fail")))
    [row] = look.listing(store)
    assert row["tags"] == ["vip"]
    with store.read() as connection:
        facts = json.loads(str(connection.scalar(select(entries.c.facts))))
    assert facts["trust"]["by"] == "mx.acme.example"
    assert (facts["trust"]["dmarc"], facts["trust"]["authentic"]) == ("fail", False)


def test_a_signature_is_found_out_here_where_no_server_does_it(store: Store) -> None:
    at = desk(TRUSTING.replace("authserv_id: mx.acme.example", "verify: [dkim]"))
    raw = mail("a@x", sender="sona@acme.example")
    with NameServer(zone("acme.example")) as server:
        router = Router(store, lambda: at, verifier=Verifier(server.names()))
        routed(store, router, arrived(signed(raw, "acme.example")), arrived(raw + b"More.\r\n"))
    assert authors(store) == ["agent:sona", "sona@acme.example"]


def test_a_mail_waits_for_a_silent_name_server_and_then_goes_on_unproven(store: Store) -> None:
    at = desk(TRUSTING.replace("authserv_id: mx.acme.example", "verify: [dkim]"))
    with NameServer({}, silent=True) as server:
        router = Router(store, lambda: at, verifier=Verifier(server.names(lifetime=0.05)))
        [number] = kept(store, arrived(mail("a@x")))
        assert [router.route(number) for _ in range(3)] == [[], [], []]
        with store.read() as connection:
            assert "DNS" in str(connection.scalar(select(inbox.c.cause)))
        assert [one.outcome for one in router.route(number)] == ["routed"]


ORIGINAL = Forwarded(sender=Sender(id="ann@example.com", name="Ann"), subject="My parcel", text="Where is it?")
YES = Trust(by="mx", authentic=True, because="DMARC passed")


def forwarding(**fields: Any) -> Any:
    message = parse_mail(mail("f@x", sender="sona@acme.example", subject="Fwd: My parcel"))
    return message.model_copy(update={"forwarded": ORIGINAL, **fields})


def test_a_mail_an_agent_forwards_is_its_writers() -> None:
    letter = believed(forwarding(), {}, YES, desk(TRUSTING))
    assert (letter.message.sender, letter.message.subject) == (ORIGINAL.sender, "My parcel")
    assert letter.agent
    assert (letter.agent.id, letter.forwarded) == ("sona", True)
    assert "Sona forwarded it" in letter.words


@pytest.mark.parametrize("trust", [None, Trust(by="mx", authentic=False, because="x"), Trust(by="mx", because="x")])
def test_nobody_speaks_for_another_by_forging_a_forward(trust: Trust | None) -> None:
    letter = believed(forwarding(), {}, trust, desk(TRUSTING))
    assert (letter.message.sender.id, letter.agent, letter.forwarded) == ("sona@acme.example", None, False)


def test_what_a_customer_forwards_is_the_customers() -> None:
    message = parse_mail(mail("f@x", sender="eve@example.com")).model_copy(update={"forwarded": ORIGINAL})
    assert believed(message, {}, YES, desk(TRUSTING)).message.sender.id == "eve@example.com"


def test_an_answer_of_an_agent_that_quotes_a_forwarded_mail_is_the_agents() -> None:
    letter = believed(forwarding(in_reply_to="a@x"), {}, YES, desk(TRUSTING))
    assert (letter.message.sender.id, letter.forwarded) == ("sona@acme.example", False)


def test_the_way_a_mail_took_is_nearer_than_the_last_hop() -> None:
    message = parse_mail(mail("a@x", to="support@acme.example")).model_copy(
        update={"delivered_to": ("else@where.example", "billing@acme.example")}
    )
    assert begins(desk(TRUSTING), "mail", message, {"recipients": ["support@acme.example"]}) == (
        "billing",
        "the mail was delivered to billing@acme.example",
    )


def test_history_becomes_silent_resolved_tickets(store: Store) -> None:
    at = desk(TRUSTING, rules='- {name: Tell, then: [transfer: billing, notify: ["agent:sona"]]}')
    way = Way("imap", recipients=["support@acme.example"], more={"archive": True})
    router = Router(store, lambda: at)
    routed(store, router, arrival("mail", mail("a@x"), way), arrival("mail", mail("b@x", answers="a@x"), way))
    [row] = look.listing(store)
    assert (row["status"], row["department"], row["messages"]) == ("resolved", "billing", 2)
    assert row["created_at"] == "2026-11-22T12:00:00.000+00:00"  # when it was sent
    assert notices(store) == []
    routed(store, router, arrived(mail("c@x", answers="b@x")))
    [row] = look.listing(store)
    assert (row["status"], row["messages"]) == ("open", 3)


QUESTION = mail(
    "a@x",
    sender="forwarding-noreply@google.com",
    subject="(#123456789) Gmail Forwarding Confirmation - Receive Mail from billing@acme.example",
    text="billing@acme.example has requested\n\nhttps://mail-settings.google.com/mail/vf-abcdefgh-12345\n",
)


def asks(store: Store, at: Desk, verdict: str) -> list[str]:
    """Route a provider's question and return the outcomes."""
    router = Router(store, lambda: at)
    return [one.outcome for number in kept(store, arrived(proven(QUESTION, verdict))) for one in router.route(number)]


def test_a_providers_question_waits_for_a_person_with_its_link_and_code(store: Store) -> None:
    assert asks(store, desk(TRUSTING), "pass") == ["quarantined"]
    [row] = quarantine.listing(store)
    assert row.cause == (
        "Gmail asks whether the mail of billing@acme.example may be forwarded here; "
        "to allow it, open https://mail-settings.google.com/mail/vf-abcdefgh-12345 or enter the code 123456789 there"
    )
    assert [*look.listing(store), *notices(store)] == []
    assert quarantine.retry(store, row.id, 200.0) is None
    assert [one.outcome for one in Router(store, desk).route(row.id)] == ["routed"]


def test_a_providers_question_goes_to_the_administrators_where_there_are_any(store: Store) -> None:
    at = desk(
        TRUSTING.replace("domain: support.acme.example}", "domain: support.acme.example, administrators: billing}")
    )
    assert asks(store, at, "pass") == ["routed"]
    [row] = look.listing(store)
    assert row["department"] == "billing"
    [passed] = look.passes(store, row["number"])
    assert "enter the code 123456789" in passed["trace"]["because"]


def test_a_forged_question_is_a_strangers_mail(store: Store) -> None:
    assert asks(store, desk(TRUSTING), "fail") == ["routed"]


def test_a_mail_an_agent_forwards_by_hand_becomes_its_writers_ticket(store: Store) -> None:
    at = desk(TRUSTING)
    text = (
        "Please have a look.\n\n---------- Forwarded message ---------\nFrom: Ann Lee <ann@example.com>\n"
        "Date: Sun, 22 Nov 2026 at 10:00\nSubject: My parcel\nTo: <sona@acme.example>\n\nIt never came.\n"
    )
    raw = mail("f@x", sender="sona@acme.example", subject="Fwd: My parcel", text=text)
    router = Router(store, lambda: at)
    routed(store, router, arrived(proven(raw)))
    [row] = look.listing(store)
    assert (row["subject"], row["contact"]) == ("My parcel", {"name": "Ann Lee", "address": "ann@example.com"})
    found = look.ticket(store, 1)
    assert found
    [entry] = found["entries"]
    assert (entry["author"], entry["reply_text"]) == ("ann@example.com", "It never came.")
    assert "Please have a look." in entry["text"]
    assert entry["facts"]["forwarded_by"] == "sona"
    assert found["waiting_since"] == found["created_at"]
    routed(store, router, arrived(mail("g@x", answers="f@x", text="Still nothing.")))
    assert [row["messages"] for row in look.listing(store)] == [2]  # the customer takes part in it
