"""Rules that ask the database and the raw mail, on both databases: answers, and what asking costs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update

from ingest.inbox import Inbox
from ingest.mail.arrival import Way, arrival
from router import lookups
from router.lookups import InTransaction, lookups_of
from router.route import Router
from router.state import State, state_of
from tests.desks import HEAD, desk, mail
from tests.path.answering import Answering
from tests.path.stories import Front
from tickets.blobs import IN_THE_ROW, Blobs
from tickets.blobs_folder import FolderShelf
from tickets.prepared import Prepared
from tickets.schema import contacts, tickets
from tickets.store import Store

RULES = """
  - {name: Known, when: [{earlier_tickets: {at_least: 1}}], then: [priority: high]}
  - {name: Busy, when: [{queue: {billing: {more_than: 1}}}], then: [tag: busy]}
  - {name: Machine, when: [{header: {x-machine: {contains: "größe"}}}], then: [transfer: billing]}
  - {name: Good, when: [{contact_tags: vip}], then: [tag: vip]}
  - {name: Named, on: [ticket.answered], when: [{contact_name: Ann Example, header: {x-machine: {exists: false}}}], then: [tag: named]}
"""
AT = desk(HEAD.replace("tags: [vip]", "tags: [vip, busy, named]"), RULES)


@pytest.fixture
def front(store: Store) -> Front:
    return Front(store, AT)


def facts(front: Front, number: int) -> tuple[str, str, list[str]]:
    ticket = front._ticket(number)
    return ticket["department"], ticket["priority"], ticket["tags"]


def test_a_contact_is_known_by_the_other_tickets_they_have(front: Front) -> None:
    first = front.send("a@x")
    second = front.send("b@x")
    other = front.send("c@x", sender="eve@example.com")
    assert [facts(front, number)[1] for number in (first, second, other)] == ["normal", "high", "normal"]


def test_the_ticket_itself_is_none_of_the_others(front: Front) -> None:
    number = front.send("a@x")
    at = desk(HEAD, "\n  - {name: x, on: [message.received], when: [{earlier_tickets: 0}], then: [tag: vip]}")
    front.router = Router(front.store, lambda: at)
    assert front.send("b@x", answers="a@x") == number
    assert facts(front, number)[2] == ["vip"]


def test_a_queue_is_what_waits_for_an_agent_in_a_department(front: Front) -> None:
    for name in "abc":
        front.send(f"{name}@x", to="billing@acme.example")
    front.set(1, agent="sona")
    front.set(2, status="answered")
    assert facts(front, front.send("e@x"))[2] == []
    front.send("f@x", to="billing@acme.example")
    assert facts(front, front.send("g@x"))[2] == ["busy"]


def test_a_header_is_read_out_of_the_mail(front: Front) -> None:
    machine = b"X-Machine: =?utf-8?q?Die_Gr=C3=B6=C3=9Fe?=\r\nSubject:"
    with_header = mail("a@x").replace(b"Subject:", machine, 1)
    assert facts(front, front.route(with_header))[0] == "billing"
    assert facts(front, front.send("b@x"))[0] == "general"
    [failed] = [run["failed"] for run in front.trace(2)["rules"] if run["rule"] == "Machine"]
    assert failed[0] | {"saw": ""} == failed[0]
    assert "unknown" not in front.trace(2)


def test_a_header_of_a_mail_that_lies_among_the_blobs_is_read_as_well(store: Store, tmp_path: Path) -> None:
    blobs = Blobs(FolderShelf(tmp_path / "blobs"))
    inbox = Inbox(store, blobs=blobs)
    inbox.start()
    raw = mail("a@x", text="x" * IN_THE_ROW).replace(b"Subject:", b"X-Machine: Eine Gr\xc3\xb6\xc3\x9fe\r\nSubject:", 1)
    [kept] = inbox.accept([arrival("mail", raw, Way("smtp", "", ["support@acme.example"], "127.0.0.1"))]).result()
    inbox.stop()
    Router(store, lambda: AT, blobs=blobs).route(kept.id)
    assert facts(Front(store, AT), 1)[0] == "billing"


def test_tags_of_a_contact_are_the_contacts(front: Front) -> None:
    front.send("a@x")
    with front.store.write() as connection:
        connection.execute(update(contacts).values(tags=json.dumps(["vip"])))
    assert facts(front, front.send("b@x"))[2] == ["vip"]
    assert facts(front, front.send("c@x", sender="eve@example.com"))[2] == []


def test_an_answer_has_no_headers_and_the_contact_still_a_name(store: Store, tmp_path: Path) -> None:
    front = Answering(store, AT, tmp_path / "out")
    number = front.route(mail("a@x").replace(b"From: <", b"From: Ann Example <", 1))
    front.acts.answer(number, "sona", "It is on its way.")
    assert front.ticket(number)["tags"] == ["named"]


def test_each_is_asked_once_in_a_turn_and_nothing_that_no_rule_asks(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.send("a@x")
    made: list[Prepared] = []
    run = Prepared._run

    def counted(self: Prepared, connection: Connection, row: Mapping[str, Any]) -> Any:
        made.append(self)
        return run(self, connection, row)

    monkeypatch.setattr(Prepared, "_run", counted)
    with front.store.read() as connection:
        asked = lookups_of(connection, state_of(connection.execute(select(tickets)).one()))
        assert made == []
        for _ in range(3):
            assert (asked.contact_name(), asked.contact_tags(), asked.earlier_tickets()) == ("", (), 0)
            assert (asked.queue("billing"), asked.queue("general")) == (0, 0)
    assert made == [lookups._CONTACT, lookups._EARLIER, lookups._QUEUE, lookups._QUEUE]


def test_counting_is_bounded_and_goes_by_an_index(front: Front) -> None:
    front.send("a@x", to="billing@acme.example")
    with front.store.write() as connection:
        row = dict(connection.execute(select(tickets)).one()._mapping)
        del row["id"]
        connection.execute(insert(tickets), [row] * 1_200)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        asked = InTransaction(connection, State("billing", contact_id=row["contact_id"]), b"")
        assert (asked.queue("billing"), asked.earlier_tickets()) == (1_000, 1_000)
        for prepared, index in ((lookups._QUEUE, "tickets_working"), (lookups._EARLIER, "tickets_contact")):
            values = {"in_department": "billing", "of_contact": row["contact_id"], "but": 0}
            sql = prepared._text(connection.dialect)
            explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
            cursor = connection.connection.cursor()
            cursor.execute(explain + sql.sql, sql.values(values))
            assert index in str(cursor.fetchall())
