"""What an agent is told of one ticket goes together, and a busy ticket does not ring all the time."""

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from config.notices import Choices
from notify.outbox import LEASE_SECONDS, Outbox
from notify.when import APART_SECONDS
from tests.notify.desk import NOW, Clock, a_desk, owe
from tests.notify.test_outbox import Killed, Recorder, row
from tickets.schema import events, outbox, tickets
from tickets.seen import SEEN, seen
from tickets.store import Store
from tickets.trouble import Permanent, Temporary


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def box_of(store: Store, clock: Clock, recorder: Recorder, **choices: Any) -> Outbox:
    desk = a_desk()
    chosen = desk.desk.model_copy(update={"notices": Choices.model_validate(choices)})
    ways = {"email": recorder, "slack": recorder, "push": recorder}
    return Outbox(store, desk.model_copy(update={"desk": chosen}), ways, clock, jitter=lambda: 1.0)


@pytest.fixture
def box(store: Store, clock: Clock, recorder: Recorder) -> Outbox:
    return box_of(store, clock, recorder)


def a_reply(store: Store, **changes: Any) -> int:
    return owe(store, word="replied", whose="mine", **changes)


def another(store: Store, first: int, **changes: Any) -> int:
    """Write one more row about the ticket of the first one, with these columns changed, and return its id."""
    with store.write() as connection:
        old = dict(connection.execute(select(outbox).where(outbox.c.id == first)).mappings().one())
        del old["id"]
        event = {
            "ticket_id": old["ticket_id"],
            "name": "message.received",
            "actor": "customer",
            "data": "{}",
            "at": NOW,
        }
        made = connection.execute(insert(events).returning(events.c.id), event).scalar_one()
        fresh = {"state": "pending", "attempts": 0, "due_at": NOW, "not_before": NOW, "held": None, "bundle": None}
        unsent = {"sent_at": None, "provider_id": None, "last_error": None, "event_id": made}
        values = {**old, **fresh, **unsent, **changes}
        number: int = connection.execute(insert(outbox).returning(outbox.c.id), values).scalar_one()
        return number


def ids(recorder: Recorder) -> list[list[int]]:
    """Return which rows each notice told of."""
    return [[note.id for note in sent.all] for sent in recorder.sent]


def states(store: Store, *rows: int) -> set[tuple[str, str | None]]:
    return {(found.state, found.provider_id) for found in (row(store, one) for one in rows)}


def test_fifty_messages_in_a_minute_are_one_notice_at_once_and_one_with_the_rest(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    owed = [a_reply(store)]
    told = box.deliver(owed[0])
    assert told is not None
    assert told.outcome == "sent"
    for _ in range(49):
        clock.now += 1
        owed.append(another(store, owed[0], created_at=clock.now, not_before=clock.now))
        assert box.deliver(owed[-1]) is None
    held = row(store, owed[1])
    assert held.held == "told at 12:08 together with what comes until then"
    assert held.not_before == held.due_at == NOW + APART_SECONDS
    clock.now = NOW + APART_SECONDS
    assert sorted(box.due(100)) == owed[1:]
    outcomes = [box.deliver(one) for one in owed[1:]]
    assert [told.outcome for told in outcomes if told] == ["sent"]
    assert ids(recorder) == [owed[:1], owed[1:]]
    assert states(store, *owed[1:]) == {("sent", "sent-2")}
    assert [len(notes) for notes in recorder.sent[1].tickets] == [49]


def test_two_tickets_and_two_ways_do_not_wait_for_each_other(box: Outbox, store: Store, recorder: Recorder) -> None:
    owed = [a_reply(store), a_reply(store)]
    owed.append(another(store, owed[0], notifier="slack", address="U024BE7LH"))
    owed.append(another(store, owed[0], recipient="luca", address="luca@acme.example"))
    for one in owed:
        box.deliver(one)
    assert ids(recorder) == [[one] for one in owed]


@pytest.mark.parametrize(
    "changes",
    [{"word": "assigned"}, {"word": "chat_ringing"}, {"word": None}, {"reason": 'rule "VIP" asked to tell you'}],
)
def test_what_is_important_or_asked_for_goes_at_once_and_takes_along_what_waits(
    box: Outbox, store: Store, recorder: Recorder, changes: dict[str, Any]
) -> None:
    first = a_reply(store)
    box.deliver(first)
    waits = another(store, first)
    assert box.deliver(waits) is None
    urgent = another(store, first, **changes)
    box.deliver(urgent)
    assert ids(recorder) == [[first], [waits, urgent]]
    assert states(store, waits, urgent) == {("sent", "sent-2")}


def test_dying_repeats_the_same_notice_and_what_is_new_does_not_join_it(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    first = a_reply(store)
    rest = [another(store, first), another(store, first)]
    recorder.troubles.append(Killed())
    with pytest.raises(Killed):
        box.deliver(rest[1])
    late = another(store, first)
    assert box.deliver(late) is None, "another one is being sent"
    clock.now += LEASE_SECONDS
    assert sorted(box.due(10)) == [first, *rest]
    for one in (*rest, first):
        box.deliver(one)
    assert ids(recorder) == [[first, *rest]] * 2
    assert len({note.key for note in recorder.sent}) == 1
    assert states(store, first, *rest) == {("sent", "sent-2")}
    clock.now += 2 * APART_SECONDS
    box.deliver(late)
    assert ids(recorder)[2:] == [[late]]


def test_what_went_together_is_postponed_and_given_up_together(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    first = a_reply(store)
    second = another(store, first)
    recorder.troubles += [Temporary("451 later"), Permanent("550 no")]
    box.deliver(first)
    waiting = {(found.state, found.attempts, found.due_at) for found in (row(store, one) for one in (first, second))}
    assert waiting == {("pending", 1, NOW + 5)}
    clock.now += 5
    box.deliver(second)
    assert {(found.state, found.last_error) for found in (row(store, one) for one in (first, second))} == {
        ("failed", "550 no")
    }
    assert ids(recorder) == [[first, second]] * 2


def test_an_attempt_that_outlived_its_lease_changes_none_of_its_rows(box: Outbox, store: Store, clock: Clock) -> None:
    first = a_reply(store)
    second = another(store, first)
    late = box.claim(first)
    assert late is not None
    clock.now += LEASE_SECONDS
    assert box.claim(second) is not None
    box._fail(late, "too late")
    assert states(store, first, second) == {("pending", None)}
    box._sent(late, "yet sent")
    assert states(store, first, second) == {("sent", "yet sent")}


def test_what_the_agent_has_seen_is_not_sent_any_more(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    first = a_reply(store)
    box.deliver(first)
    waits = another(store, first)
    box.deliver(waits)
    fresh = another(store, first)
    with store.write() as connection:
        seen(connection, "sona", row(store, first).ticket_id, clock.now)
    told = box.deliver(fresh)
    assert told is not None
    assert told.outcome == "suppressed"
    ended = {(row(store, one).state, row(store, one).last_error, row(store, one).held) for one in (waits, fresh)}
    assert ended == {("suppressed", SEEN, None)}
    assert ids(recorder) == [[first]]


def test_who_is_gone_from_the_desk_file_is_told_nothing_more_also_not_what_a_rule_asked_for(
    store: Store, clock: Clock, recorder: Recorder
) -> None:
    desk = a_desk()
    left = desk.model_copy(update={"agents": (*desk.agents[1:], desk.agents[0].model_copy(update={"id": "ana"}))})
    box = Outbox(store, left, {"email": recorder}, clock)
    owed = [owe(store, reason='rule "X" asked to tell you', whose="mine"), a_reply(store)]
    assert [told.outcome for told in map(box.deliver, owed) if told] == ["suppressed", "suppressed"]
    assert recorder.sent == []
    assert row(store, owed[0]).last_error == "not sent: no longer a member of Billing"


def test_a_digest_is_one_notice_of_all_tickets_without_what_somebody_has_taken_meanwhile(
    store: Store, clock: Clock, recorder: Recorder
) -> None:
    box = box_of(store, clock, recorder, digest={"email": "hourly"})
    mine, other = a_reply(store), a_reply(store)
    taken = owe(store, word="new", whose="unassigned")
    more = another(store, mine)
    with store.write() as connection:
        number = row(store, taken).ticket_id
        connection.execute(update(tickets).where(tickets.c.id == number).values(agent=None))
    for one in (mine, other, taken, more):
        assert box.deliver(one) is None
    held = row(store, mine)
    assert (held.bundle, held.held) == ("sona/email/digest", "in the digest at 2026-11-18 13:00")
    with store.write() as connection:
        connection.execute(update(tickets).where(tickets.c.id == number).values(agent="luca"))
    box.wake()
    assert box.due(10) == [], "a process that starts does not bring a digest forward"
    clock.now = held.due_at
    told = [found.outcome for found in map(box.deliver, box.due(10)) if found]
    assert sorted(told) in (["sent"], ["sent", "suppressed"])
    assert ids(recorder) == [[mine, other, more]]
    assert [[note.id for note in notes] for notes in recorder.sent[0].tickets] == [[mine, more], [other]]
    assert row(store, taken).last_error == "not sent: Luca has the ticket meanwhile"
