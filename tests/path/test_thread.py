"""Whose ticket it is: what each kind of evidence is worth, and what follows from it."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from commands.look import why
from config.desk import Desk
from router.evidence import same_subject
from tests.desks import HEAD, TRUSTING, desk, mail, proven
from tests.path.stories import Front, outlook
from tickets import look
from tickets.keys import signing_key
from tickets.store import Store

MALLORY = "mallory@evil.example"
BILLING = "billing@acme.example"


@pytest.fixture
def front(store: Store) -> Front:
    return Front(store, desk(TRUSTING))


def test_the_reply_address_leads_to_its_ticket_whatever_became_of_the_headers(front: Front) -> None:
    front.send("a@x")
    assert front.send("b@x", to=front.reply_to(1).upper(), subject="Totally new") == 1
    assert front.weighed(1) == [("reply_address", 1, "joined")]
    assert front.trace(1)["because"] == (
        "joins the ticket: it was sent to the reply address of t.1, under a new subject"
    )


@pytest.mark.parametrize("header", ["Cc", "Delivered-To"])
def test_the_reply_address_counts_in_every_header_that_names_where_a_mail_went(front: Front, header: str) -> None:
    front.send("a@x")
    if header == "Delivered-To":
        pytest.importorskip("ingest.mail.way", reason="the parser does not read Delivered-To yet")
    raw = mail("b@x").replace(b"Subject:", f"{header}: <{front.reply_to(1)}>\r\nSubject:".encode())
    assert front.route(raw) == 1


def test_an_answer_to_a_mail_of_ours_joins_by_its_signed_message_id(front: Front) -> None:
    front.send("a@x")
    assert front.send("b@x", answers=front.our_id("t.1")) == 1
    assert front.weighed(1) == [("signed_id", 1, "joined")]


def test_an_agents_answer_to_a_notice_joins_the_ticket_the_notice_is_about(front: Front) -> None:
    front.send("z@x", sender="zoe@example.com")
    front.send("a@x", to=BILLING)
    notice = front.notices()[-1]
    answer = mail("b@x", sender="luca@acme.example", answers=front.our_id(f"n.{notice}"))
    assert front.route(proven(answer)) == 2
    assert "a notice of this desk" in front.trace(2)["because"]


def test_a_thread_index_leads_to_its_ticket_when_nothing_else_is_left(front: Front) -> None:
    first, reply = outlook(mail("a@x"), 7), outlook(mail("b@x"), 7, replies=2)
    assert front.route(first) == front.route(reply) == 1
    assert front.weighed(1) == [("thread_index", 1, "joined")]


def test_a_reply_with_nothing_but_its_thread_index_lets_its_waiting_parent_go_first(front: Front) -> None:
    first = outlook(mail("a@x", cc="bob@example.com", subject="First"), 7)
    parent, reply = front.keep(first, outlook(mail("b@x", sender="bob@example.com"), 7, replies=1))
    assert [one.inbox_id for one in front.router.route(reply)] == [parent, reply]
    assert front.counts() == [2]


def test_the_number_in_the_subject_leads_to_the_ticket(front: Front) -> None:
    front.send("a@x")
    assert front.send("b@x", subject="Re: [#1] Hello") == 1
    assert front.trace(1)["because"] == "joins the ticket: its subject names [#1]"


def test_the_stronger_evidence_decides_and_the_other_ticket_is_linked_once(front: Front) -> None:
    front.send("a@x")
    front.send("b@x", subject="Another matter")
    assert front.send("c@x", answers="a@x", to=front.reply_to(2)) == 2
    assert front.weighed(2) == [("reply_address", 2, "joined"), ("message_id", 1, "weaker")]
    assert (front.links(2), front.links(1)) == ([1], [2])
    assert "ticket 1 is named too" in front.trace(2)["because"]

    assert front.send("d@x", answers="a@x", to=front.reply_to(2)) == 2
    assert (front.links(2), front.links(1)) == ([1], [2])
    assert front.send("e@x", answers="a@x") == 1  # what led there still does


def test_weaker_evidence_counts_where_the_stronger_is_a_strangers(front: Front) -> None:
    front.send("a@x")
    front.send("z@x", sender="zoe@example.com")
    assert front.send("b@x", answers="a@x", to=front.reply_to(2)) == 1
    assert front.weighed(1) == [("reply_address", 2, "stranger"), ("message_id", 1, "joined")]
    assert front.links(2) == []


def test_a_reply_under_a_new_subject_stays_and_why_says_so(front: Front) -> None:
    front.send("a@x")
    assert front.send("b@x", answers="a@x", subject="AW: RE: [#1]  hello") == 1
    assert "new subject" not in front.trace(1)["because"]
    assert front.send("c@x", answers="a@x", subject="By the way, my invoice") == 1
    assert "under a new subject" in front.trace(1)["because"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Re: Hello", "hello", True),
        ("回复\uff1a你好", "你好", True),
        ("Re[2]: Fwd: SV: Hello [#17]", "Hello", True),
        ("Invoice: 12", "12", False),
        ("", "Re:", True),
        ("Re: Hello", "Hello again", False),
        ("re:" * 100_000, "x", False),
    ],
)
def test_subjects_are_compared_without_what_mail_programs_put_before_them(one: str, other: str, same: bool) -> None:
    assert same_subject(one, other) is same


def test_a_participant_who_writes_to_another_mailbox_gets_a_new_ticket_there(front: Front) -> None:
    front.send("a@x")
    assert front.send("b@x", answers="a@x", to=BILLING) == 2
    assert front.weighed(2) == [("message_id", 1, "elsewhere")]
    assert (front.links(2), front.trace(2)["department"]) == ([1], "billing")
    assert front.send("c@x", answers="b@x", to=BILLING) == 2


def test_after_a_transfer_both_mailboxes_are_the_tickets(front: Front) -> None:
    front.send("a@x")
    front.set(1, department="billing")
    assert front.send("b@x", answers="a@x") == front.send("c@x", answers="a@x", to=BILLING) == 1


def test_who_answers_from_another_address_is_linked_and_whoever_stands_in_copy_joins(front: Front) -> None:
    front.send("a@x", cc="bob@example.com")
    assert front.send("b@x", sender="bob@example.com", answers="a@x") == 1
    assert front.send("c@x", sender="ann@private.example", answers="a@x") == 2
    assert front.links(2) == [1]


@pytest.mark.parametrize("way", ["message_id", "subject", "reply_address"])
def test_what_follows_a_closed_ticket_is_one_ticket_however_often_it_is_named(front: Front, way: str) -> None:
    front.send("a@x")
    front.set(1, status="closed")
    said = {
        "message_id": {"answers": "a@x"},
        "subject": {"subject": "[#1] Hello"},
        "reply_address": {"to": front.reply_to(1)},
    }[way]
    assert [front.send(f"{n}@x", **said) for n in range(3)] == [2, 2, 2]
    assert front.links(2) == [1]
    assert front.weighed(2)[0] == (way, 2, "joined")


def test_a_merged_ticket_leads_on_to_the_one_that_took_it_in(front: Front) -> None:
    front.send("a@x")
    front.send("z@x", sender="zoe@example.com")
    front.send("y@x", sender="zoe@example.com", subject="Third")
    front.set(1, status="merged", merged_into=2)
    front.set(2, status="merged", merged_into=3)
    assert front.send("b@x", answers="a@x") == 3
    assert "which ticket 1 was merged into" in front.trace(3)["because"]
    assert front.send("c@x", sender="zoe@example.com", answers="a@x") == 3
    assert front.send("d@x", sender=MALLORY, answers="a@x") == 4
    assert front.links(4) == [3]


@pytest.mark.parametrize("target", [None, 1, 2])
def test_tickets_merged_in_a_ring_or_into_nothing_still_end_in_a_linked_ticket(
    front: Front, target: int | None
) -> None:
    front.send("a@x")
    front.send("z@x", subject="Second")
    front.set(1, status="merged", merged_into=target)
    front.set(2, status="merged", merged_into=1)
    assert front.send("b@x", answers="a@x") == 3
    assert front.links(3) == [1]


def test_a_long_chain_of_merged_tickets_is_followed_so_far_and_no_further(front: Front) -> None:
    for n in range(12):
        front.send(f"{n}@x", subject=f"Number {n}")
        front.set(n + 1, status="merged", merged_into=n + 2)
    front.send("last@x", subject="The last")
    assert front.send("b@x", answers="6@x") == 13
    assert front.send("c@x", answers="0@x") == 14


def test_a_parent_that_never_came_still_joins_its_replies(front: Front) -> None:
    assert front.send("b@x", answers="lost@x") == front.send("c@x", answers="lost@x") == 1


def test_why_tells_the_evidence_for_people_and_keeps_the_proofs(
    front: Front, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    front.send("a@x")
    front.send("b@x", answers="a@x", to=front.reply_to(1))
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", front.store.engine.url.render_as_string(hide_password=False))
    why(1)
    told = " ".join(capsys.readouterr().out.split())
    assert "• reply address t.1 → ticket 1, joined: it was sent to the reply address of t.1" in told
    assert "• Message-ID a@x → ticket 1, agrees: ticket 1 as well" in told
    proof = front.reply_to(1).partition("@")[0].rpartition(".")[2]
    assert proof not in str(look.passes(front.store, 1))
    why(1, as_json=True)
    assert '"kind": "reply_address", "value": "t.1", "ticket": 1, "who": "ann@example.com"' in capsys.readouterr().out


def test_every_process_signs_with_the_same_key_whoever_starts_first(store: Store) -> None:
    stores = [Store(store.engine.url.render_as_string(hide_password=False)) for _ in range(4)]
    with ThreadPoolExecutor(4) as workers:
        keys = set(workers.map(signing_key, stores))
    for one in stores:
        one.close()
    assert keys == {signing_key(store)}
    assert len(keys.pop()) == 32


def test_any_order_and_any_number_of_workers_end_as_one_worker_would_with_every_kind_of_evidence(
    store: Store,
) -> None:
    front, chance = Front(store, _with_an_alarm()), random.Random(11)
    raws, people = [], 6
    for n in range(people):
        front.send(f"{n}.first@x", sender=f"c{n}@example.com", subject=f"Matter {n}")
    for n in range(people):
        said = {"sender": f"c{n}@example.com"}
        raws += [
            (mail(f"{n}.a@x", answers=f"{n}.first@x", **said), "support@acme.example"),
            (mail(f"{n}.b@x", answers=f"{n}.first@x {n}.a@x", **said), "support@acme.example"),
            (mail(f"{n}.c@x", to=front.reply_to(n + 1), **said), front.reply_to(n + 1)),
            (mail(f"{n}.d@x", answers=front.our_id(f"t.{n + 1}"), **said), "support@acme.example"),
            (mail(f"{n}.e@x", subject=f"Re: [#{n + 1}] Matter", **said), "support@acme.example"),
            (outlook(mail(f"{n}.f@x", cc=f"d{n}@example.com", **said), n), "support@acme.example"),
            (outlook(mail(f"{n}.g@x", sender=f"d{n}@example.com"), n, replies=1), "support@acme.example"),
            *(
                (
                    mail(f"{n}.{m}.alarm@x", sender="nagios@acme.example", subject=f"DOWN host{n}"),
                    "support@acme.example",
                )
                for m in range(4)
            ),
        ]
    numbers = [front.keep(raw, to=to)[0] for raw, to in raws]
    chance.shuffle(numbers)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(front.router.route, [*numbers, *numbers]))
    assert sorted(front.counts()) == [2] * people + [4] * people + [6] * people


def _with_an_alarm() -> Desk:
    alarm = "- {name: nagios, from: [nagios@acme.example], subject: '^DOWN (?P<host>\\S+)'}"
    return desk(f"{HEAD}correlations:\n{alarm}\n")
