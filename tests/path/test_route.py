"""Routing: one message, one transaction, one ticket; the right one, whatever the order; and who is told of it."""

import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, update

from config.desk import Desk
from ingest import quarantine
from ingest.arrival import Arrival
from ingest.inbox import due, keep
from ingest.webhook import arrival as platform_arrival
from notify.outbox import listing as notices
from router import reading
from router.route import MOST_ATTEMPTS, Router
from router.ticket import Pen
from tests.desks import HEAD, ONE_AGENT, TRUSTING, arrived, desk, mail, proven
from tickets import look
from tickets.message import InboundMessage, Sender
from tickets.schema import entries, events, inbox, outbox, tickets
from tickets.store import Store


def kept(store: Store, *arrivals: Arrival) -> list[int]:
    with store.write() as connection:
        return [one.id for one in keep(connection, arrivals, now=100.0, due_at=100.0)]


def routed(store: Store, at: Desk, *arrivals: Arrival) -> None:
    router = Router(store, lambda: at)
    for number in kept(store, *arrivals):
        router.route(number)


def ticket(store: Store, number: int) -> dict[str, Any]:
    found = look.ticket(store, number)
    assert found is not None
    return found


def told(store: Store, number: int | None = None) -> list[tuple[str, str, str, str]]:
    rows = [(row["event"], row["recipient"], row["notifier"], row["state"]) for row in notices(store, number)]
    return [row for row in rows if row[2] != "in_app"]


def test_a_mail_becomes_a_ticket_in_the_department_it_is_addressed_to_and_its_members_are_told(store: Store) -> None:
    at = desk()
    raw = mail("a@x", to="billing@acme.example", subject="My invoice")
    routed(store, at, arrived(raw, "billing@acme.example"))

    [row] = look.listing(store)
    assert (row["subject"], row["department"], row["agent"]) == ("My invoice", "billing", None)
    assert row["unassigned_reason"] == "several_agents"
    assert row["contact"] == {"name": "", "address": "ann@example.com"}
    assert told(store) == [
        ("ticket.created", "sona", "email", "pending"),
        ("ticket.created", "luca", "email", "pending"),
    ]


def test_slack_tells_those_who_have_it(store: Store) -> None:
    at = desk(HEAD + "  slack: {token: env:SLACK_BOT_TOKEN}\n")
    routed(store, at, arrived(mail("a@x"), "billing@acme.example"))
    assert ("ticket.created", "sona", "slack", "pending") in told(store)
    assert ("ticket.created", "luca", "slack", "pending") not in told(store)


def test_a_reply_joins_its_ticket_and_the_agent_whose_ticket_it_is_is_told(store: Store) -> None:
    at = desk(rules="- {name: To Luca, then: [assign: luca]}")
    first, second = mail("a@x"), mail("b@x", answers="a@x", subject="Re: Hello")
    routed(store, at, arrived(first), arrived(second))

    [row] = look.listing(store)
    assert (row["messages"], row["agent"]) == (2, "luca")
    assert told(store) == [
        ("ticket.assigned", "luca", "email", "pending"),
        ("ticket.created", "sona", "email", "pending"),
        ("ticket.created", "mia", "email", "pending"),
        ("message.received", "luca", "email", "pending"),
    ]


def test_routing_a_row_twice_changes_nothing_the_second_time(store: Store) -> None:
    at = desk()
    [number] = kept(store, arrived(mail("a@x")))
    router = Router(store, lambda: at)
    assert len(router.route(number)) == 1
    before = snapshot(store)
    assert router.route(number) == []
    assert snapshot(store) == before


def snapshot(store: Store) -> list[Any]:
    with store.read() as connection:
        return [connection.execute(select(table)).all() for table in (tickets, entries, events, outbox)]


def test_a_stranger_with_a_stolen_message_id_gets_a_new_linked_ticket(store: Store) -> None:
    at = desk()
    stolen = mail("m@x", answers="a@x", sender="mallory@evil.example")
    routed(store, at, arrived(mail("a@x")), arrived(stolen, sender="mallory@evil.example"))

    assert [row["messages"] for row in look.listing(store)] == [1, 1]
    links = [
        event["data"]["ticket"]
        for number in (1, 2)
        for event in ticket(store, number)["history"]
        if event["event"] == "ticket.linked"
    ]
    assert links == [2, 1]


def test_after_a_strangers_mail_the_customers_reply_still_goes_to_the_customers_ticket(store: Store) -> None:
    at = desk()
    stolen = mail("m@x", answers="a@x", sender="mallory@evil.example", cc="ann@example.com")
    routed(store, at, arrived(mail("a@x")), arrived(stolen), arrived(mail("b@x", answers="a@x")))
    assert [row["messages"] for row in look.listing(store)] == [2, 1]


def test_somebody_in_copy_takes_part(store: Store) -> None:
    at = desk()
    answer = mail("b@x", answers="a@x", sender="bob@example.com")
    routed(store, at, arrived(mail("a@x", cc="bob@example.com")), arrived(answer))
    assert [row["messages"] for row in look.listing(store)] == [2]


def test_a_reply_that_is_routed_first_waits_for_its_parent_in_the_inbox(store: Store) -> None:
    at = desk()
    parent, reply = kept(store, arrived(mail("a@x", subject="First")), arrived(mail("b@x", answers="a@x")))
    done = Router(store, lambda: at).route(reply)
    assert [one.inbox_id for one in done] == [parent, reply]
    [row] = look.listing(store)
    assert (row["subject"], row["messages"]) == ("First", 2)


def test_a_parent_that_arrives_after_its_reply_joins_the_reply(store: Store) -> None:
    at = desk()
    routed(store, at, arrived(mail("b@x", answers="a@x")), arrived(mail("a@x")))
    assert [row["messages"] for row in look.listing(store)] == [2]


def test_two_mails_that_name_each_other_block_nobody(store: Store) -> None:
    at = desk()
    numbers = kept(store, arrived(mail("a@x", answers="b@x")), arrived(mail("b@x", answers="a@x")))
    Router(store, lambda: at).route(numbers[1])
    assert sum(row["messages"] for row in look.listing(store)) == 2


def test_a_long_chain_of_waiting_replies_is_routed_from_its_beginning(store: Store) -> None:
    at = desk()
    chain = [arrived(mail(f"{n}@x", answers=f"{n - 1}@x" if n else "")) for n in range(300)]
    numbers = kept(store, *reversed(chain))
    Router(store, lambda: at).route(numbers[0])
    assert [row["messages"] for row in look.listing(store)] == [300]


def chat(visitor: str, number: int) -> Arrival:
    body = {"visitor": visitor, "client_msg_id": f"{number:03}", "text": f"line {number}"}
    raw = json.dumps(body).encode()
    message = InboundMessage(
        channel="chat", external_id=f"{visitor}:{number:03}", conversation=visitor, sender=Sender(id=visitor), text=""
    )
    return platform_arrival("site", "chat", message, raw, 0)


def test_any_number_of_workers_and_any_order_end_as_one_worker_would(store: Store) -> None:
    at, chance = desk(), random.Random(7)
    arrivals = []
    for n in range(12):
        ids = [f"{n}.{step}@x" for step in range(4)]
        sender = f"customer{n}@example.com"
        arrivals += [arrived(mail(one, answers=" ".join(ids[:step]), sender=sender)) for step, one in enumerate(ids)]
        arrivals += [chat(f"visitor{n}", step) for step in range(3)]
    chance.shuffle(arrivals)
    numbers = kept(store, *arrivals)
    chance.shuffle(numbers)
    router = Router(store, lambda: at)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(router.route, [*numbers, *numbers]))

    found = list(look.listing(store))
    assert sorted(row["messages"] for row in found) == [3] * 12 + [4] * 12
    with store.read() as connection:
        assert connection.scalar(select(func.count()).where(inbox.c.state != "routed")) == 0


def test_messages_of_one_chat_stand_in_their_order(store: Store) -> None:
    at = desk()
    numbers = kept(store, *(chat("v", n) for n in range(5)))
    Router(store, lambda: at).route(numbers[-1])
    assert [one["text"] for one in ticket(store, 1)["entries"]] == [f"line {n}" for n in range(5)]


def test_the_only_agent_of_a_desk_has_everything(store: Store) -> None:
    at = desk(ONE_AGENT)
    routed(store, at, arrived(mail("a@x", to="hello@shop.example"), "hello@shop.example"))
    [row] = look.listing(store)
    assert row["agent"] == "sona"
    assert told(store) == [("ticket.assigned", "sona", "email", "pending")]


def test_nobody_is_told_of_their_own_act(store: Store) -> None:
    at = desk(TRUSTING)
    raw = proven(mail("a@x", sender="sona@acme.example", to="billing@acme.example"))
    routed(store, at, arrived(raw, "billing@acme.example", "sona@acme.example"))
    assert told(store) == [
        ("ticket.created", "sona", "email", "suppressed"),
        ("ticket.created", "luca", "email", "pending"),
    ]


def test_who_is_no_member_is_not_told_even_when_a_rule_asks(store: Store) -> None:
    at = desk(rules='- {name: Tell Mia, then: [transfer: billing, notify: ["agent:mia", "email:boss@acme.example"]]}')
    routed(store, at, arrived(mail("a@x")))
    assert ("ticket.created", "mia", "email", "suppressed") in told(store)
    assert ("ticket.created", "boss@acme.example", "email", "pending") in told(store)


def test_one_person_named_twice_is_told_once(store: Store) -> None:
    at = desk(rules='- {name: Twice, then: [transfer: billing, notify: ["agent:sona", "department:billing"]]}')
    routed(store, at, arrived(mail("a@x")))
    assert sorted(recipient for _, recipient, _, _ in told(store)) == ["luca", "sona"]


@pytest.mark.parametrize(
    ("status", "expected"), [("resolved", [2]), ("closed", [1, 1]), ("answered", [2]), ("spam", [1, 1])]
)
def test_a_reply_to_a_ticket_that_is_over_follows_the_departments_policy(
    store: Store, status: str, expected: list[int]
) -> None:
    at = desk()
    routed(store, at, arrived(mail("a@x")))
    with store.write() as connection:
        connection.execute(update(tickets).values(status=status))
    routed(store, at, arrived(mail("b@x", answers="a@x")), arrived(mail("c@x", answers="a@x b@x")))
    assert [row["messages"] for row in look.listing(store)] == [expected[0] + 1] if len(expected) == 1 else [1, 2]
    assert list(look.listing(store))[-1]["status"] in {"open", "new"}


def test_a_process_that_dies_in_the_middle_leaves_nothing_and_the_row_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk()
    [number] = kept(store, arrived(mail("a@x")))

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Pen, "owe", die)
        Router(store, lambda: at).route(number)
    assert snapshot(store) == [[], [], [], []]
    assert due(store, now=200.0, most=10) == [number]
    Router(store, lambda: at).route(number)
    assert [row["messages"] for row in look.listing(store)] == [1]


def poisoned(patch: pytest.MonkeyPatch, number: int) -> None:
    real: Callable[..., Any] = reading.read

    def read(row: Any, *more: Any) -> Any:
        if row.id == number:
            raise RecursionError("a mail like a hall of mirrors")
        return real(row, *more)

    patch.setattr("router.route.read", read)


def test_a_message_that_cannot_be_routed_blocks_nobody_and_ends_in_quarantine_with_its_cause(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk()
    bad, good = kept(store, arrived(mail("a@x")), arrived(mail("b@x", answers="a@x")))
    router = Router(store, lambda: at)
    with monkeypatch.context() as patch:
        poisoned(patch, bad)
        assert [one.inbox_id for one in router.route(good)] == [good]
        outcomes: Sequence[Any] = [one for _ in range(MOST_ATTEMPTS) for one in router.route(bad)]
    assert [one.outcome for one in outcomes] == ["quarantined"]
    [row] = quarantine.listing(store)
    assert (row.id, row.cause) == (bad, "RecursionError: a mail like a hall of mirrors")

    assert quarantine.retry(store, bad, 300.0) is None
    assert due(store, now=300.0, most=10) == [bad]
    router.route(bad)
    assert [one["messages"] for one in look.listing(store)] == [2]
    assert quarantine.listing(store) == []


def test_a_ticket_tells_why_it_is_where_it_is(store: Store) -> None:
    at = desk(rules="- {name: Invoices, when: [{subject: {contains: invoice}}], then: [transfer: billing]}")
    routed(store, at, arrived(mail("a@x", subject="Invoice 7")))
    [one] = look.passes(store, 1)
    assert one["desk_version"] == at.version
    assert one["trace"]["because"] == "a new ticket in general: the mail is addressed to support@acme.example"
    assert one["trace"]["rules"][0]["result"] == "matched"
    assert {notice["recipient"] for notice in one["told"]} == {"sona", "luca"}


def test_senders_without_an_address_are_not_taken_for_one_person(store: Store) -> None:
    at = desk()
    nameless = [mail(f"{n}@x").replace(b"From: <ann@example.com>", b"X-No: from") for n in range(2)]
    routed(store, at, *(arrived(raw) for raw in nameless))
    with store.read() as connection:
        assert len(set(connection.scalars(select(tickets.c.contact_id)))) == 2
