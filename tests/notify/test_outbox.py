"""Rows that owe a notice: claimed by one, sent at least once, told what became of them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from notify.note import Note
from notify.outbox import ATTEMPTS, LEASE_SECONDS, RING_SECONDS, Delivery, Outbox, listing
from tests.notify.desk import NOW, TRUSTED, Clock, a_desk, owe
from tickets.keys import signing_key
from tickets.preferences import choose
from tickets.reply_address import act_claimed, act_proven
from tickets.schema import outbox
from tickets.schema_told import preferences
from tickets.store import Store
from tickets.trouble import Permanent, Temporary


class Recorder:
    """A notifier that remembers what it sent, and raises what it was told to."""

    def __init__(self) -> None:
        self.sent: list[Note] = []
        self.troubles: list[BaseException] = []

    def send(self, note: Note) -> str:
        """Remember the note."""
        self.sent.append(note)
        if self.troubles:
            raise self.troubles.pop(0)
        return f"sent-{len(self.sent)}"

    def describe(self) -> str:
        """Say where to."""
        return "nowhere"

    def close(self) -> None:
        """Nothing is open."""


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def box(store: Store, clock: Clock, recorder: Recorder) -> Outbox:
    return Outbox(store, a_desk(), {"email": recorder, "slack": recorder}, clock, jitter=lambda: 1.0)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


def row(store: Store, outbox_id: int) -> Any:
    with store.read() as connection:
        return connection.execute(select(outbox).where(outbox.c.id == outbox_id)).one()


def test_a_row_becomes_a_note_with_everything_looked_up(box: Outbox, store: Store) -> None:
    note = box.claim(owe(store))
    assert note is not None
    assert (note.recipient_name, note.timezone, note.agent, note.mine) == ("Sona", "Europe/Rome", "Sona", True)
    assert (note.department, note.department_id, note.channel) == ("Billing", "billing", "support-mail")
    assert (note.customer, note.customer_address) == ("Ana Customer", "ana@customer.example")
    assert (note.text, note.author, note.by_agent, note.tags) == ("Where is it?", "Ana Customer", False, ("vip",))
    assert (note.desk, note.domain, note.attempt, note.created_at) == ("Acme Support", "support.acme.example", 1, NOW)


def test_an_agents_mail_can_be_answered_at_an_address_that_stands_for_all_it_is_of(box: Outbox, store: Store) -> None:
    owed, by_slack = owe(store), owe(store, notifier="slack")
    with store.write() as connection:
        choose(connection, "sona", {"replies": "note"}, NOW)
        connection.execute(update(preferences).values(epoch=3))
    note, other = box.claim(owed), box.claim(by_slack)
    assert note is not None
    assert note.act_address is not None
    assert other is not None
    claimed = act_claimed(note.act_address, "support.acme.example")
    assert claimed is not None
    assert claimed[0] == owed
    told = (note.number, "sona", "message.received", 3)
    key = signing_key(store)
    assert act_proven(key, claimed, told)
    others = [
        (note.number + 1, *told[1:]),
        (told[0], "luca", *told[2:]),
        (*told[:2], "ticket.created", 3),
        (*told[:3], 2),
    ]
    assert not any(act_proven(key, claimed, other) for other in others)
    assert (note.replies, other.act_address) == ("note", None)


def test_no_reply_is_asked_for_where_nobody_could_tell_who_wrote_it(box: Outbox, store: Store) -> None:
    owed = owe(store)
    note = replace(box, desk=a_desk(channel=TRUSTED.model_copy(update={"trust": None}))).claim(owed)
    assert note is not None
    assert note.act_address is None


def test_a_row_for_a_channel_without_an_entry_or_a_known_department_still_becomes_a_note(
    box: Outbox, store: Store
) -> None:
    note = box.claim(owe(store, recipient="#social", notifier="slack", address="#social", entry_id=None))
    assert note is not None
    assert (note.recipient_name, note.text, note.timezone, note.mine) == ("#social", "", "UTC", False)


def test_the_first_bell_is_heard_before_the_sweeps_time(box: Outbox, store: Store, recorder: Recorder) -> None:
    owed = owe(store, due_at=NOW + 10)
    assert box.due(10) == []
    assert box.deliver(owed) == Delivery("sent", "email", "support-mail", 0.0)
    sent = row(store, owed)
    assert (sent.state, sent.provider_id, sent.attempts, sent.sent_at) == ("sent", "sent-1", 1, NOW)
    assert box.deliver(owed) is None
    assert len(recorder.sent) == 1


def test_a_suppressed_row_is_never_sent(box: Outbox, store: Store, recorder: Recorder) -> None:
    owed = owe(store, state="suppressed", due_at=0.0)
    assert box.deliver(owed) is None
    assert box.due(10) == []
    assert recorder.sent == []


def test_a_row_that_is_not_there_is_nothing_to_send(box: Outbox) -> None:
    assert box.deliver(4711) is None


def test_many_threads_that_hear_the_same_bell_send_once(box: Outbox, store: Store, recorder: Recorder) -> None:
    owed = [owe(store) for _ in range(5)]
    start = threading.Barrier(4)

    def ring(_: int) -> list[str]:
        start.wait()
        return [told.outcome for told in map(box.deliver, owed) if told is not None]

    with ThreadPoolExecutor(4) as threads:
        outcomes = [outcome for told in threads.map(ring, range(4)) for outcome in told]
    assert outcomes == ["sent"] * 5
    assert sorted(note.id for note in recorder.sent) == owed


def test_temporary_trouble_waits_longer_each_time_and_then_gives_up(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    owed = owe(store)
    waits = []
    for attempt in range(1, ATTEMPTS):
        recorder.troubles.append(Temporary("451 later"))
        told = box.deliver(owed)
        assert told is not None
        assert told.outcome == "again"
        found = row(store, owed)
        assert (found.state, found.attempts, found.last_error) == ("pending", attempt, "451 later")
        waits.append(found.due_at - clock.now)
        assert box.deliver(owed) is None, "a late bell does not shorten the wait"
        clock.now = found.due_at
    assert waits == pytest.approx([min(3600, 5 * 2**n) for n in range(ATTEMPTS - 1)])
    recorder.troubles.append(Temporary("451 later"))
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "failed"
    assert row(store, owed).last_error == f"given up after {ATTEMPTS} attempts: 451 later"
    assert len({note.key for note in recorder.sent}) == 1


def test_a_wait_the_provider_asks_for_is_kept_when_it_is_longer(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    recorder.troubles += [Temporary("slow down", 77.0), Temporary("slow down", 1.0)]
    owed = owe(store)
    box.deliver(owed)
    assert row(store, owed).due_at == NOW + 77
    clock.now += 77
    box.deliver(owed)
    assert row(store, owed).due_at == clock.now + 10


def test_permanent_trouble_fails_at_once_with_its_words(box: Outbox, store: Store, recorder: Recorder) -> None:
    recorder.troubles.append(Permanent("550 no such user\x00"))
    owed = owe(store)
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "failed"
    assert (row(store, owed).state, row(store, owed).last_error) == ("failed", "550 no such user")
    assert box.deliver(owed) is None


def test_a_broken_notifier_is_told_and_tried_again(
    box: Outbox, store: Store, recorder: Recorder, logs: list[Any]
) -> None:
    recorder.troubles.append(ZeroDivisionError("oops"))
    owed = owe(store)
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "again"
    assert row(store, owed).last_error == "ZeroDivisionError: oops"
    broke = next(line for line in logs if line["event"] == "notifier broke")
    assert broke["exc_info"]
    assert (broke["outbox"], broke["log_level"]) == (owed, "error")


def test_a_notifier_the_desk_file_no_longer_has_is_waited_for(box: Outbox, store: Store) -> None:
    owed = owe(store, notifier="pager")
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "again"
    assert row(store, owed).last_error == "the desk file has no notifier 'pager'"


def test_dying_while_sending_repeats_the_note_with_the_same_key_after_the_lease(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    owed = owe(store)
    recorder.troubles.append(Killed())
    with pytest.raises(Killed):
        box.deliver(owed)
    clock.now += LEASE_SECONDS - 1
    assert box.due(10) == []
    assert box.deliver(owed) is None
    clock.now += 1
    assert box.due(10) == [owed]
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "sent"
    assert recorder.sent[0].key == recorder.sent[1].key


def test_a_note_that_kills_every_process_is_given_up(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    owed = owe(store)
    for _ in range(ATTEMPTS):
        recorder.troubles.append(Killed())
        with pytest.raises(Killed):
            box.deliver(owed)
        clock.now += LEASE_SECONDS
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "failed"
    assert len(recorder.sent) == ATTEMPTS


def test_a_rung_row_is_not_rung_again_at_once_but_anybody_may_claim_it(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    fresh, again = owe(store), owe(store)
    recorder.troubles.append(Temporary("451 later"))
    box.deliver(again)
    clock.now += 10
    assert box.due(10) == [again, fresh]
    clock.now += 1
    assert box.due(10) == []
    assert box.claim(again) is not None
    assert box.claim(again) is None, "a second bell finds it leased"
    clock.now += RING_SECONDS
    assert box.due(10) == [fresh], "a lease outlasts the ring"


def test_a_bell_that_was_lost_is_rung_again(box: Outbox, store: Store, clock: Clock) -> None:
    owed = owe(store)
    clock.now += 10
    assert box.due(10) == [owed]
    clock.now += RING_SECONDS
    assert box.due(10) == [owed]


def test_two_bells_of_a_rung_row_do_not_shorten_the_wait_after_a_failure(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    owed = owe(store)
    clock.now += 10
    assert box.due(10) == [owed]
    recorder.troubles.append(Temporary("slow down", 600.0))
    assert box.deliver(owed) is not None
    assert box.deliver(owed) is None


def test_the_sweep_takes_the_longest_due_first_and_no_more_than_it_may(box: Outbox, store: Store, clock: Clock) -> None:
    owed = [owe(store, due_at=NOW - n) for n in range(5)]
    assert box.due(3) == owed[:1:-1]
    assert box.due(3) == owed[1::-1]
    assert box.due(3) == []
    assert clock.now == NOW


def test_two_sweeps_at_once_pass_each_other_by(box: Outbox, store: Store) -> None:
    owed = [owe(store, due_at=NOW) for _ in range(20)]
    start = threading.Barrier(2)

    def sweep(_: int) -> list[int]:
        start.wait()
        return box.due(20)

    with ThreadPoolExecutor(2) as threads:
        rung = [outbox_id for ids in threads.map(sweep, range(2)) for outbox_id in ids]
    assert sorted(rung) == owed


def test_a_process_that_starts_alone_wakes_every_pending_row(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder
) -> None:
    leased, waiting, done = owe(store), owe(store), owe(store)
    box.deliver(done)
    assert box.claim(leased) is not None
    recorder.troubles.append(Temporary("451 later"))
    box.deliver(waiting)
    assert box.wake() == 2
    assert sorted(box.due(10)) == [leased, waiting]
    assert box.claim(leased) is not None
    assert clock.now == NOW


def test_a_process_that_starts_alone_brings_nothing_forward_that_is_meant_to_wait(box: Outbox, store: Store) -> None:
    owe(store, due_at=NOW + 3_600, not_before=NOW + 3_600)
    rung = owe(store, due_at=NOW + 30, not_before=NOW)
    assert box.wake() == 1
    assert box.due(10) == [rung]


def test_an_attempt_that_outlived_its_lease_does_not_undo_the_next_one(box: Outbox, store: Store, clock: Clock) -> None:
    owed = owe(store)
    late = box.claim(owed)
    clock.now += LEASE_SECONDS
    assert box.claim(owed) is not None
    leased_until = row(store, owed).due_at
    assert late is not None
    box._again(late, "too late", 0.0)
    box._fail(late, "too late")
    assert (row(store, owed).state, row(store, owed).due_at) == ("pending", leased_until)
    box._sent(late, "yet sent")
    assert (row(store, owed).state, row(store, owed).provider_id) == ("sent", "yet sent")


def test_a_ring_during_an_attempt_that_outlived_its_lease_does_not_shorten_the_wait_after_it(
    box: Outbox, store: Store, clock: Clock
) -> None:
    owed = owe(store)
    late = box.claim(owed)
    clock.now += LEASE_SECONDS
    assert box.due(10) == [owed]
    assert late is not None
    box._again(late, "451 later", 600.0)
    assert box.claim(owed) is None


def test_a_note_that_was_sent_but_could_not_be_marked_is_sent_once_more_after_the_lease(
    box: Outbox, store: Store, clock: Clock, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = owe(store)
    write = store.write

    def down() -> None:
        raise Temporary("database: gone")

    def send(note: Note) -> str:
        monkeypatch.setattr(store, "write", down)
        recorder.sent.append(note)
        return "sent-1"

    monkeypatch.setattr(recorder, "send", send)
    with pytest.raises(Temporary, match="database"):
        box.deliver(owed)
    monkeypatch.setattr(store, "write", write)
    monkeypatch.delattr(recorder, "send")
    clock.now += LEASE_SECONDS
    assert box.due(10) == [owed]
    box.deliver(owed)
    assert [note.key for note in recorder.sent] == [recorder.sent[0].key] * 2
    assert row(store, owed).state == "sent"


def test_sent_rows_say_nothing_of_earlier_errors(box: Outbox, store: Store, clock: Clock, recorder: Recorder) -> None:
    owed = owe(store)
    recorder.troubles.append(Temporary("451 later"))
    box.deliver(owed)
    clock.now += 5
    box.deliver(owed)
    assert (row(store, owed).state, row(store, owed).last_error) == ("sent", None)


def test_the_listing_tells_every_row_in_the_words_other_tools_rely_on(box: Outbox, store: Store) -> None:
    first, second = owe(store), owe(store, state="suppressed", reason="not told: it is your own act")
    box.deliver(first)
    rows = listing(store)
    assert [told["id"] for told in rows] == [first, second]
    assert rows[1] == {
        "id": second,
        "ticket": row(store, second).ticket_id,
        "event": "message.received",
        "word": None,
        "whose": None,
        "recipient": "sona",
        "notifier": "email",
        "state": "suppressed",
        "attempts": 0,
        "reason": "not told: it is your own act",
        "held": None,
        "last_error": None,
        "provider_id": None,
        "not_before": None,
        "seen_at": None,
    }
    assert rows[0]["provider_id"] == "sent-1"
    assert listing(store, rows[0]["ticket"]) == rows[:1]
    assert listing(store, state="suppressed") == rows[1:]
    assert listing(store, recipient="sona") == rows
    assert listing(store, recipient="luca") == []
    assert listing(store, rows[0]["ticket"], "sona", "failed") == []


def test_every_outcome_is_one_line_of_the_log(box: Outbox, store: Store, recorder: Recorder, logs: list[Any]) -> None:
    recorder.troubles += [Temporary("451 later"), Permanent("550 no")]
    for _ in range(3):
        box.deliver(owe(store))
    assert [line["event"] for line in logs] == ["notice postponed", "notice given up", "notice sent"]
    assert all({"outbox", "ticket", "notifier", "recipient", "attempt"} <= set(line) for line in logs)


def test_an_agent_who_left_the_desk_file_is_called_by_the_id(box: Outbox, store: Store) -> None:
    owed = owe(store)
    with store.write() as connection:
        connection.execute(update(outbox).values(recipient="gone"))
    note = box.claim(owed)
    assert note is not None
    assert (note.recipient_name, note.timezone, note.mine) == ("gone", "UTC", False)


def test_an_agent_who_left_the_department_in_the_meantime_is_not_told(store: Store, clock: Clock) -> None:
    notifier = Recorder()
    owed = owe(store)
    left = a_desk().model_copy(update={"departments": tuple(
        department.model_copy(update={"agents": ("luca",)}) for department in a_desk().departments
    )})  # fmt: skip
    delivery = Outbox(store, left, {"email": notifier}, clock=clock).deliver(owed)
    assert delivery is not None
    assert delivery.outcome == row(store, owed).state == "suppressed"
    assert "no longer a member" in (row(store, owed).last_error or "")
    assert notifier.sent == []
