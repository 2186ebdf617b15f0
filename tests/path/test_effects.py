"""What rules do besides setting values: notes, merges, links, tags of contacts, quarantine, silence."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import delete, func, select, update

from ingest import quarantine
from router.explain import explain
from router.route import Router
from tests.desks import mail
from tests.path.answering import NOON
from tests.path.ruled import RULED, Ruled
from tickets import schema
from tickets.schema import conversations, outbox, tickets
from tickets.store import Store
from tickets.trouble import Temporary

NOTE = r"""
  - name: Orders
    on: [message.received]
    when: [{subject: {matches: 'order (?P<order>\d+)'}}]
    then:
      - fields: {order: "{{ order }}"}
      - note: "Order {{ order }} of {{ customer }}: {{ subject }}"
      - contact_tag: vip
  - name: Noted
    on: [ticket.noted]
    then: [{priority: high}]
"""
MERGE = """
  - name: One at a time
    when: [{subject: {contains: again}}]
    then: [{merge: newest}]
  - name: Merged
    on: [ticket.merged]
    then: [{tag: vip}]
"""


def test_a_note_stands_in_the_ticket_and_the_rules_hear_of_it(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, NOTE)
    number = front.hears("About order 17 {{ 7 * 7 }}")
    ticket = front.ticket(number)
    note = ticket["entries"][-1]
    assert (note["kind"], note["author"], note["author_name"]) == ("note", "rule:Orders", "Orders")
    assert note["text"] == "Order 17 of ann@example.com: About order 17 {{ 7 * 7 }}"
    assert (ticket["fields"], ticket["priority"]) == ({"order": "17"}, "high")
    assert ("ticket.noted", "rule:Orders", {"entry": note["id"]}) in [
        (one["event"], one["actor"], one["data"]) for one in ticket["history"]
    ]
    assert front.effects(number)[0] == {"effect": "note", "rule": "Orders", "did": "noted"}
    assert front.contact_tags() == ['["vip"]']


def test_routing_a_row_twice_does_every_effect_once(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, NOTE)
    [row] = front.keep(mail("1@example.com", subject="order 17"))
    first = front.router.route(row)
    before = _counts(store)
    assert front.router.route(row) == []
    assert Router(store, lambda: front.at).route(row) == []
    assert _counts(store) == before
    assert len(first) == 1


EVERYTHING = """
  - name: All of it
    on: [message.received]
    then:
      - {note: "{{ customer }} wrote"}
      - {reply: received}
      - {contact_tag: vip}
      - {link: newest}
      - {webhook: crm}
      - {merge: newest}
"""
HOOK = "\nnotifiers:\n  webhook: {hooks: {crm: {url: 'https://crm.acme.example', secret: 'env:CRM'}}}"


def test_however_often_and_by_how_many_rows_are_routed_their_effects_are_done_once(
    store: Store, tmp_path: Path
) -> None:
    front = Ruled(store, tmp_path, EVERYTHING, RULED.replace("\nnotifiers:", HOOK))
    to = "billing@acme.example"
    front.hears("First")
    rows = [row for one in (7, 8) for row in front.keep(mail(f"{one}@x", to=to, subject=f"No. {one}"), to=to)]
    routers = [Router(store, lambda: front.at, lambda: front.now) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = [one for many in pool.map(lambda router: [router.route(row) for row in rows], routers) for one in many]
    assert sorted(one.inbox_id for several in done for one in several) == rows
    before = _counts(store)
    for row in rows:
        assert front.router.route(row) == []
    assert _counts(store) == before
    entries = front.ticket(1)["entries"]
    assert [entry["kind"] for entry in entries].count("message") == 3
    assert [entry["kind"] for entry in entries].count("note") == 3
    assert front.events(1).count("ticket.merged") == 2
    with store.read() as connection:
        owed = select(outbox.c.notifier, func.count()).where(outbox.c.notifier.in_(["webhook", "mail"]))
        assert dict(connection.execute(owed.group_by(outbox.c.notifier)).all()) == {"webhook": 3, "mail": 3}


def test_two_tickets_that_are_to_be_merged_into_each_other_become_one(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, "  - {name: Answered, on: [ticket.answered], then: [{merge: newest}]}")
    numbers = [front.hears("One"), front.hears("Two")]
    begin = Barrier(2)

    def answer(number: int) -> str:
        begin.wait()
        try:
            front.acts.answer(number, "luca", "Yes")
        except Temporary as again:
            return str(again)
        return ""

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(answer, numbers))
    assert all(not one or "is just being written" in one or "has changed meanwhile" in one for one in said)
    assert sorted(front.status(number) == "merged" for number in numbers) == [False, True]
    [kept] = [number for number in numbers if front.status(number) != "merged"]
    assert len([one for one in front.ticket(kept)["entries"] if one["kind"] == "message"]) == 2


def test_the_contact_s_last_agent_gets_the_next_ticket_as_well(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, "  - {name: Same, then: [{assign: last_agent}]}")
    first = front.hears()
    front.answer(first, "luca")
    assert front.ticket(front.hears("Another matter"))["agent"] == "luca"
    assert front.ticket(front.hears("Hello", sender="bob@example.com"))["agent"] is None


def test_why_tells_what_every_effect_did_or_why_not(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, EVERYTHING, RULED.replace("\nnotifiers:", HOOK))
    said = explain(front.trace(front.hears(to="support@acme.example")))
    assert "  note of 'All of it': noted" in said
    assert "  reply of 'All of it': skipped: its template cannot be read: general has no template received" in said
    assert "  webhook of 'All of it': calls crm" in said


def test_tags_of_a_contact_are_taken_off_and_what_is_so_already_is_said(store: Store, tmp_path: Path) -> None:
    rules = """
  - {name: On, when: [{subject: {contains: "on"}}], then: [{contact_tag: vip}]}
  - {name: Off, when: [{subject: {contains: "off"}}], then: [{contact_untag: vip}]}
"""
    front = Ruled(store, tmp_path, rules)
    assert front.effects(front.hears("on"))[0]["did"] == "+ vip"
    assert front.effects(front.hears("on"))[0]["did"] == "was so already"
    assert front.effects(front.hears("off"))[0]["did"] == "- vip"
    assert front.contact_tags() == ["[]"]


def test_a_merged_ticket_goes_on_in_the_other_one(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, MERGE)
    first = front.hears("Where is my parcel?")
    front.answer(first)
    second = front.hears("Asking again")
    one, two = front.ticket(first), front.ticket(second)
    assert (two["status"], two["entries"]) == ("merged", [])
    assert [entry["kind"] for entry in one["entries"]] == ["message", "answer", "message"]
    assert (one["status"], one["messages"], one["tags"]) == ("open", 3, ["vip"])
    assert [line["data"] for line in two["history"] if line["event"] == "ticket.merged"] == [{"into": first}]
    assert [line["data"] for line in one["history"] if line["event"] == "ticket.merged"] == [{"ticket": second}]
    assert one["waiting_since"] is not None
    assert two["due_at"] is None


def test_what_answers_a_merged_ticket_reaches_the_one_that_took_it_in_and_so_do_answers(
    store: Store, tmp_path: Path
) -> None:
    front = Ruled(store, tmp_path, MERGE)
    first = front.hears("Where is my parcel?")
    second = front.hears("Asking again")
    assert front.hears("Re: again", answers="2@example.com") == first
    assert front.route(mail("x@example.com", subject="Hi", to=front.reply_to(second)), front.reply_to(second)) == first
    acted = front.answer(second)
    front.deliver()
    assert acted.ticket == first
    [sent] = front.mails("ann@example.com")
    assert sent["In-Reply-To"] == "<x@example.com>"


def test_the_agent_of_the_other_ticket_is_told_and_nobody_of_the_merged_one(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, MERGE)
    first = front.hears("Where is my parcel?")
    front.answer(first, "luca")
    before = front.owed(first)
    second = front.hears("Asking again")
    assert front.owed(second) == []
    assert front.owed(first)[len(before) :] == [("luca", "email", "pending")]


def test_a_message_that_is_merged_may_be_answered_automatically(store: Store, tmp_path: Path) -> None:
    rules = MERGE + "  - {name: Thanks, on: [message.received], then: [{reply: received}]}"
    front = Ruled(store, tmp_path, rules)
    first = front.hears("Where is my parcel?")
    front.hears("Asking again")
    assert [one["kind"] for one in front.ticket(first)["entries"]] == ["message", "answer", "message", "answer"]
    front.deliver()
    assert len(front.mails("ann@example.com")) == 2


def test_nothing_is_merged_across_contacts_or_departments_or_into_what_is_over(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, MERGE)
    front.hears("Hello", sender="bob@example.com")
    front.hears("Hello", to="support@acme.example")
    over = front.hears("Hello")
    front.set(over, status="closed")
    alone = front.hears("Asking again")
    assert front.status(alone) == "new"
    [action] = front.trace(alone)["rules"][0]["actions"]
    assert action["skipped"] == "the contact has no other open ticket in billing"


def test_a_ticket_is_merged_into_the_one_it_is_linked_with(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, "  - {name: Linked, on: [ticket.linked], then: [{merge: linked}]}")
    first = front.hears("Hello")
    # a stranger to the ticket's mailbox, but the same contact: a new ticket that is linked
    second = front.hears("Re: Hello", answers="1@example.com", to="empty@acme.example")
    assert second != first
    assert front.status(second) == "merged"
    assert len(front.ticket(first)["entries"]) == 2


def test_a_stranger_s_ticket_is_never_merged_into_the_one_it_names(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, "  - {name: Linked, on: [ticket.linked], then: [{merge: linked}]}")
    first = front.hears("Hello")
    second = front.hears("Re: Hello", answers="1@example.com", sender="mallory@example.net")
    assert front.links(second) == [first]
    assert front.status(second) == "new"
    assert len(front.ticket(first)["entries"]) == 1


def test_a_link_stands_in_both_histories_once(store: Store, tmp_path: Path) -> None:
    rules = "  - {name: Together, on: [message.received], then: [{link: newest}]}"
    front = Ruled(store, tmp_path, rules)
    first, second = front.hears("One"), front.hears("Two")
    assert (front.links(first), front.links(second)) == ([second], [first])
    front.hears("Re: Two", answers="2@example.com")
    assert (front.links(first), front.links(second)) == ([second], [first])


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_a_merge_into_a_ticket_that_somebody_holds_is_tried_again_and_never_waits_in_a_circle(
    store: Store, tmp_path: Path
) -> None:
    rules = "  - {name: Answered, on: [ticket.answered], then: [{merge: newest}]}"
    front = Ruled(store, tmp_path, rules)
    first, second = front.hears("One"), front.hears("Two")
    with store.write() as connection:
        connection.execute(select(tickets).where(tickets.c.id == first).with_for_update())
        with pytest.raises(Temporary, match=f"ticket {first} is just being written"):
            front.answer(second)
    assert front.status(second) == "new"
    front.answer(second)
    assert front.status(second) == "merged"
    assert [entry["kind"] for entry in front.ticket(first)["entries"]] == ["message", "message", "answer"]


QUARANTINE = """
  - name: Odd
    on: [message.received]
    when: [{subject: {contains: lottery}}]
    then: [{quarantine: true}, {tag: vip}]
"""


def test_a_message_that_a_rule_puts_aside_leaves_nothing_but_its_row(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, QUARANTINE)
    [row] = front.keep(mail("1@example.com", subject="You won the lottery"))
    before = _counts(store)
    [routed] = front.router.route(row)
    assert (routed.outcome, routed.ticket, routed.notices) == ("quarantined", None, ())
    assert _counts(store) == before
    assert (front.kept(row).state, front.kept(row).cause) == ("quarantined", 'rule "Odd"')


def test_a_message_that_joins_a_ticket_is_put_aside_as_well_and_the_ticket_stays(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, QUARANTINE)
    number = front.hears("Hello")
    before = front.ticket(number)
    [row] = front.keep(mail("9@example.com", subject="lottery", answers="1@example.com"))
    assert front.router.route(row)[-1].outcome == "quarantined"
    assert front.ticket(number) == before


def test_who_sends_a_message_on_is_not_overruled_by_the_rule(store: Store, tmp_path: Path) -> None:
    front = Ruled(store, tmp_path, QUARANTINE)
    [row] = front.keep(mail("1@example.com", subject="You won the lottery"))
    front.router.route(row)
    assert quarantine.retry(store, row, NOON) is None
    [routed] = front.router.route(row)
    assert routed.outcome == "routed"
    [skipped, tagged] = front.trace(routed.ticket or 0)["rules"][0]["actions"]
    assert (skipped["skipped"], tagged["did"]) == ("a person sent it on", ["tags + vip"])


@pytest.mark.parametrize(("action", "status"), [("spam", "spam"), ("silent_resolve", "resolved")])
def test_nobody_is_told_but_who_a_rule_names(store: Store, tmp_path: Path, action: str, status: str) -> None:
    rules = f"""
  - name: Quiet
    when: [{{subject: {{contains: casino}}}}]
    then: [{{{action}: true}}, {{notify: ["email:boss@acme.example"]}}, {{reply: received}}]
"""
    front = Ruled(store, tmp_path, rules)
    number = front.hears("casino")
    assert front.status(number) == status
    assert [row for row in front.owed(number) if row[2] == "pending"] == [("boss@acme.example", "email", "pending")]
    assert front.owed_to_customer(number) == [("mail", "suppressed", "not sent: nobody is told of this")]
    assert front.owed(front.hears("Hello")) != []


def test_a_chat_that_is_merged_is_answered_in_the_chat(store: Store, tmp_path: Path) -> None:
    from tests.path.test_chat import Guest

    front = Ruled(store, tmp_path, MERGE)
    guest = Guest(front)
    first = guest.says("Hello", department="billing")
    with store.write() as connection:  # the conversation goes on in a new ticket
        connection.execute(update(tickets).where(tickets.c.id == first).values(status="closed"))
    second = guest.says("asking for more", department="billing")
    with store.write() as connection:
        connection.execute(update(tickets).where(tickets.c.id == first).values(status="open"))
        connection.execute(delete(schema.thread_keys).where(schema.thread_keys.c.ticket_id == first))
    assert second != first
    front.at = Ruled(store, tmp_path, "  - {name: M, on: [message.received], then: [{merge: newest}]}").at
    guest.says("and more")
    with store.read() as connection:
        assert connection.scalar(select(conversations.c.ticket_id)) == first
    front.answer(second)
    front.deliver()
    assert [reply.text for _, reply in front.sent] == ["It is on its way."]


def _counts(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in schema.metadata.tables.items()
            if name != "secrets"
        }
