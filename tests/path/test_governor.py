"""The governor of automatic answers: to whom none goes, and that two programs always come to an end."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from router.governor import MOST_OF_ADDRESS, MOST_OF_DESK, Said, circle, is_ours, is_robot, plain
from tests.path.ruled import Ruled
from tickets.schema import outbox
from tickets.store import Store

RULE = "  - {name: Received, on: [message.received], then: [{reply: received}]}\n"


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Ruled:
    return Ruled(store, tmp_path, RULE)


def hears(front: Ruled, text: str, after: float, sender: str = "ann@example.com", answers: str = "") -> tuple[str, str]:
    """Route a mail some seconds later and return what became of the automatic answer: its state and why."""
    front.now += after
    number = front.hears("Hello", text=text, sender=sender, answers=answers)
    _, state, reason = front.owed_to_customer(number)[-1]
    return state, reason


@pytest.mark.parametrize(
    "address",
    [
        "noreply@example.com", "no-reply@example.com", "No_Reply+17@example.com", "orders-noreply@example.com",
        "donotreply@example.com", "do-not-reply@example.com", "not-reply@example.com", "MAILER-DAEMON@example.com",
        "postmaster@example.com", "bounce+ann=acme@example.com", "news-bounces@lists.example.com",
        "bounces-77-x@example.com", "owner-news@lists.example.com", "news-request@lists.example.com",
        "listserv@example.com", "news-unsubscribe@lists.example.com", "mailer-daemon", "@example.com", "",
    ],
)  # fmt: skip
def test_addresses_nobody_reads_are_known(address: str) -> None:
    assert is_robot(address)


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.com", "norbert.reply@example.com", "reply@example.com", "bouncer@example.com", "owner@example.com",
        "master@example.com", "requests@example.com", "john.bounceman@example.com", "noreplyman@example.com",
    ],
)  # fmt: skip
def test_people_are_not_taken_for_programs(address: str) -> None:
    assert not is_robot(address)


def test_what_nobody_reads_is_not_answered_and_the_ledger_says_why(front: Ruled) -> None:
    state, reason = hears(front, "Your order was shipped", 1, "no-reply@shop.example")
    assert (state, reason) == ("suppressed", "not sent: nobody reads what is sent to that address")


def test_mailboxes_of_the_desk_are_its_own(front: Ruled) -> None:
    ours = ("billing+x@acme.example", "reply+t.1.aaaaaaaaaaaaaaaa@support.acme.example", "DESK@support.acme.example")
    assert [is_ours(front.at, one) for one in ours] == [True] * 3
    assert not is_ours(front.at, "ann@example.com")


def test_who_writes_the_same_again_and_again_is_answered_twice(front: Ruled) -> None:
    text = "I am away until 3 December. Please call 0900."
    found = [hears(front, text.replace("3", str(day)), 1_000) for day in (3, 14, 25)]
    assert [state for state, _ in found] == ["pending", "pending", "suppressed"]
    assert found[-1][1] == "not sent: the sender wrote the same 3 times within an hour"
    assert hears(front, text, 3_601)[0] == "pending"


def test_our_own_words_that_come_back_are_not_answered(front: Ruled) -> None:
    first = front.hears("Hello")
    ours = front.last(first)["text"]
    state, reason = hears(front, f"Thanks.\n{ours.upper()}", 60)
    assert (state, reason) == ("suppressed", "not sent: our own automatic answer came back")
    assert (
        hears(front, f"You wrote: {ours} But I have asked something else, and nobody has told me a thing.", 700)[0]
        == "pending"
    )


def test_two_programs_that_take_turns_are_found_by_that(front: Ruled) -> None:
    found = [hears(front, f"Thank you for your message about {word}", 30) for word in ("bread", "cheese", "wine")]
    assert [state for state, _ in found] == ["pending", "pending", "suppressed"]
    assert "two programs seem to answer each other" in found[-1][1]


def test_a_customer_who_talks_with_an_agent_is_no_program(front: Ruled) -> None:
    number = front.hears("Hello", text="one thing")
    for word in ("bread", "cheese"):
        front.answer(number)
        state, _ = hears(front, f"and what about {word}?", 30, answers="1@example.com")
        assert state == "pending"


def test_the_whole_desk_sends_no_more_than_so_many(front: Ruled) -> None:
    front.hears("Hello")
    with front.store.write() as connection:
        row = dict(connection.execute(select(outbox).where(outbox.c.recipient == "customer")).mappings().one())
        del row["id"]
        many = [row | {"recipient": f"c{one}", "address": f"c{one}@example.com"} for one in range(MOST_OF_DESK)]
        connection.execute(insert(outbox), many)
    state, reason = hears(front, "Hello?", 10, "bob@example.com")
    assert (state, reason) == (
        "suppressed",
        f"not sent: this desk has sent {MOST_OF_DESK} automatic answers within an hour",
    )
    assert hears(front, "Hello?", 3_600, "eve@example.com")[0] == "pending"


said = st.builds(Said, st.floats(0, 4_000), st.booleans(), st.text(max_size=30))


@given(st.lists(said, max_size=12))
def test_what_is_no_circle_by_its_numbers_is_none(lines: list[Said]) -> None:
    lines = sorted(lines, key=lambda one: one.at)
    found = circle(lines)
    theirs = [one for one in lines if not one.ours]
    if not lines or lines[-1].ours or len(lines) == len(theirs) < 3:
        assert found is None
    if len(theirs) >= 3 and not lines[-1].ours:
        last = lines[-1]
        same = [one for one in theirs if plain(one.text) == plain(last.text) and one.at > last.at - 3_600]
        assert found is not None or len(same) < 3


@given(
    st.lists(
        st.tuples(st.text("abcdefgh \n", max_size=60), st.integers(1, 1_500), st.booleans()), min_size=14, max_size=18
    )
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_hostile_responder_that_changes_its_words_and_has_no_headers_comes_to_an_end(
    answers: list[tuple[str, int, bool]],
) -> None:
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/desk.sqlite3")
        store.migrate()
        front = Ruled(store, Path(folder), RULE)
        last = ""
        for text, after, threads in answers:  # it answers each of our mails, and goes on where we have stopped
            front.now += after
            number = front.hears("Auto", text=text or "x", sender="bot@example.com", answers=last if threads else "")
            front.deliver()
            last = front.mails("bot@example.com")[-1]["Message-ID"].strip("<>")
            assert front.owed_to_customer(number)
        store.close()
        sent = len(front.mails("bot@example.com"))
    assert 1 <= sent <= MOST_OF_ADDRESS
