"""Whatever dies, fails or is seen in whatever order: every notice ends sent, given up, or not needed, and a ticket rings seldom."""

import random
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, update
from structlog.testing import capture_logs

from config.notices import Choices
from notify.note import Note
from notify.outbox import LEASE_SECONDS, LONGEST_WAIT, Outbox
from notify.when import APART_SECONDS
from tests.notify.desk import NOW, Clock, a_desk, number_of, owe
from tests.notify.test_outbox import Killed, Recorder
from tests.notify.test_together import another
from tickets.schema import outbox, tickets
from tickets.seen import seen
from tickets.store import Store
from tickets.trouble import Permanent, Temporary

WORDS = ("replied", "replied", "replied", "new", "assigned", "chat_missed")
TROUBLES: Sequence[Callable[[], BaseException | None]] = (
    lambda: None,
    lambda: None,
    lambda: Temporary("451 later", 30.0),
    lambda: Permanent("554 no"),
    Killed,
)
QUIET = Choices.model_validate({"quiet_hours": {"mon-sun": ["01:00-05:00"]}, "digest": {"slack": "hourly"}})


def desk_of(choices: Choices) -> Any:
    desk = a_desk()
    return desk.model_copy(update={"desk": desk.desk.model_copy(update={"notices": choices})})


def states(store: Store) -> dict[int, Any]:
    with store.read() as connection:
        return {row.id: row for row in connection.execute(select(outbox))}


class Life(RuleBasedStateMachine):
    """A desk whose processes die, whose providers fail and whose clock jumps, until all is quiet."""

    template: Path
    folder: Path
    made = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1
        path = self.folder / f"{self.made}.sqlite3"
        shutil.copyfile(self.template, path)
        self.store, self.clock, self.provider = Store(f"sqlite:///{path}"), Clock(), Recorder()
        ways = {"email": self.provider, "slack": self.provider}
        self.box = Outbox(self.store, desk_of(QUIET), ways, self.clock, jitter=lambda: 1.0)
        self.owed: list[int] = []
        self.went: list[Note] = []

    @initialize()
    def begin(self) -> None:
        """Two tickets with a reply each."""
        for _ in range(2):
            self.owed.append(owe(self.store, word="replied", whose="mine"))

    @rule(
        of=st.integers(0, 99), word=st.sampled_from(WORDS), agent=st.sampled_from(["sona", "luca"]), slack=st.booleans()
    )
    def happens(self, of: int, word: str, agent: str, *, slack: bool) -> None:
        """Something more happens in a ticket."""
        now, whose = self.clock.now, "unassigned" if word == "new" else "mine"
        told = {"word": word, "whose": whose, "recipient": agent, "notifier": "slack" if slack else "email"}
        first = self.owed[of % len(self.owed)]
        self.owed.append(another(self.store, first, created_at=now, due_at=now, not_before=now, **told))

    @rule(of=st.integers(0, 99), trouble=st.sampled_from(TROUBLES))
    def rings(self, of: int, trouble: Callable[[], BaseException | None]) -> None:
        """Hear a bell, early or late."""
        self._deliver(self.owed[of % len(self.owed)], trouble())

    @rule(trouble=st.sampled_from(TROUBLES))
    def sweeps(self, trouble: Callable[[], BaseException | None]) -> None:
        """Everything that is due is rung for."""
        for one in self.box.due(20):
            self._deliver(one, trouble())

    @rule(seconds=st.sampled_from([1, 30, LEASE_SECONDS, APART_SECONDS, 3_600, 20_000, -100]))
    def goes_by(self, seconds: float) -> None:
        """Time goes by, or the clock is put back."""
        self.clock.now += seconds

    @rule(of=st.integers(0, 99), agent=st.sampled_from(["sona", "luca"]))
    def is_seen(self, of: int, agent: str) -> None:
        """Open a ticket."""
        with self.store.write() as connection:
            seen(connection, agent, number_of(self.store, self.owed[of % len(self.owed)]), self.clock.now)

    @rule(of=st.integers(0, 99), agent=st.sampled_from(["sona", "luca", None]))
    def is_given(self, of: int, agent: str | None) -> None:
        """Give a ticket to another agent, or to nobody."""
        number = number_of(self.store, self.owed[of % len(self.owed)])
        with self.store.write() as connection:
            connection.execute(update(tickets).where(tickets.c.id == number).values(agent=agent))

    @rule()
    def starts_again(self) -> None:
        """Start anew."""
        self.box.wake()

    def _deliver(self, row: int, trouble: BaseException | None) -> None:
        before = len(self.provider.sent)
        if trouble is not None:
            self.provider.troubles = [trouble]
        try:
            self.box.deliver(row)
        except Killed:
            pass
        finally:
            self.provider.troubles = []
        if trouble is None:
            self.went += self.provider.sent[before:]

    @invariant()
    def what_is_sent_was_in_a_notice_that_went_and_in_no_other(self) -> None:
        """Nothing is told twice by notices that went, and nothing is called sent that was in none."""
        told = [note.id for one in self.went for note in one.all]
        assert len(told) == len(set(told))
        assert {row.id for row in states(self.store).values() if row.state == "sent"} == set(told)

    @invariant()
    def what_waits_says_why_or_is_due_soon(self) -> None:
        """See what is not held back come within the longest wait."""
        for row in states(self.store).values():
            if row.state == "pending" and row.held is None:
                assert row.not_before <= self.clock.now + 3_600 + 100

    def teardown(self) -> None:
        """Let time go by until nothing waits: it must come to an end."""
        for _ in range(200):
            waiting = [row.due_at for row in states(self.store).values() if row.state == "pending"]
            if not waiting:
                break
            self.clock.now = max(self.clock.now, min(waiting))
            for one in self.box.due(50):
                self._deliver(one, None)
        assert {row.state for row in states(self.store).values()} <= {"sent", "failed", "suppressed"}
        self.what_is_sent_was_in_a_notice_that_went_and_in_no_other()
        self.store.close()


def test_every_notice_comes_to_an_end_whatever_happens(migrated_sqlite: Path, tmp_path: Path) -> None:
    Life.template, Life.folder = migrated_sqlite, tmp_path
    with capture_logs():
        run_state_machine_as_test(Life, settings=settings(max_examples=25, stateful_step_count=30, deadline=None))


def test_of_many_workers_at_the_same_moment_one_rings_for_a_ticket(store: Store) -> None:
    provider, clock = Recorder(), Clock()
    desk = desk_of(Choices())
    firsts = [owe(store, word="replied", whose="mine", due_at=NOW) for _ in range(3)]
    rows = [another(store, first) for first in firsts for _ in range(7)] + firsts
    start = threading.Barrier(6)

    def work(seed: int) -> None:
        box = Outbox(store, desk, {"email": provider}, clock, jitter=lambda: 1.0)
        mine = random.Random(seed).sample(rows, len(rows))
        start.wait()
        for one in mine:
            box.deliver(one)

    with capture_logs(), ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert sorted(note.number for note in provider.sent) == sorted(number_of(store, first) for first in firsts)
    clock.now += APART_SECONDS
    with capture_logs(), ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert len(provider.sent) <= 6
    assert sorted(note.id for one in provider.sent for note in one.all) == sorted(rows)
    assert {row.state for row in states(store).values()} == {"sent"}


@pytest.mark.parametrize("seed", [1, 2])
def test_workers_that_die_and_fail_at_the_same_time_lose_nothing(store: Store, seed: int) -> None:
    clock, chance = Clock(), random.Random(seed)
    firsts = [owe(store, word="replied", whose="mine", due_at=NOW) for _ in range(3)]
    rows = [
        another(store, first, word=chance.choice(WORDS[:1] + WORDS[4:])) for first in firsts for _ in range(5)
    ] + firsts
    boxes = []
    for number in range(4):
        provider = Recorder()
        provider.troubles = [
            trouble
            for _ in range(6)
            if (trouble := random.Random(seed * 10 + number).choice(TROUBLES[2:])()) is not None
        ]
        boxes.append((Outbox(store, desk_of(Choices()), {"email": provider}, clock, jitter=lambda: 1.0), provider))

    def work(one: tuple[Outbox, Recorder]) -> None:
        for row in random.Random(id(one)).sample(rows, len(rows)):
            try:
                one[0].deliver(row)
            except Killed:
                continue

    with capture_logs():
        for _ in range(30):
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(work, boxes))
            clock.now += LONGEST_WAIT
            if not any(row.state == "pending" for row in states(store).values()):
                break
    ended = states(store)
    assert {row.state for row in ended.values()} <= {"sent", "failed"}
    told = {note.id for _, provider in boxes for one in provider.sent for note in one.all}
    assert {row.id for row in ended.values() if row.state == "sent"} <= told
