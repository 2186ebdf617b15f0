# ruff: noqa: D102  # the steps of the days are sentences
"""Whatever happens in whatever order: after a tick nobody absent has an open ticket, and nobody free is passed by."""

import random
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.responsibility.law import AGENTS, DESKS, MAILBOXES, World
from tests.responsibility.shift import Shift
from tests.services import Services
from tickets.store import Store

agents, mailboxes, numbers = st.sampled_from([*AGENTS]), st.sampled_from(MAILBOXES), st.integers(0, 9)
ACTS = ("answer", "take", "assign", "back", "transfer", "note", "resolve", "open")


class Days(RuleBasedStateMachine):
    """Days at a desk, one thing after the other."""

    make: Callable[[Path], Store]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(Shift(type(self).make(self.folder), DESKS[0], self.folder / "out"))

    def teardown(self) -> None:
        self.world.shift.store.close()
        shutil.rmtree(self.folder)

    def _ticket(self, number: int) -> int:
        known = [*self.world.sent]
        return known[number % len(known)] if known else 1

    @rule(mailbox=mailboxes)
    def a_customer_writes(self, mailbox: str) -> None:
        self.world.writes(mailbox)

    @rule(mailbox=mailboxes, number=numbers)
    def a_customer_writes_again(self, mailbox: str, number: int) -> None:
        self.world.writes(mailbox, again=self._ticket(number))

    @rule(agent=agents, number=numbers, act=st.sampled_from(ACTS), to=agents, mailbox=mailboxes)
    def an_agent_acts(self, agent: str, number: int, act: str, to: str, mailbox: str) -> None:
        self.world.does(agent, self._ticket(number), act, mailbox if act == "transfer" else to)

    @rule(agent=agents, away=st.booleans())
    def an_agent_comes_or_goes(self, agent: str, *, away: bool) -> None:
        self.world.goes(agent, away=away)

    @rule(desk=st.sampled_from(DESKS))
    def the_desk_file_changes(self, desk: object) -> None:
        self.world.shift.at = next(one for one in DESKS if one is desk)

    @rule(seconds=st.sampled_from([1.0, 59.0, 600.0, 1_800.0, 7_200.0, 20_000.0, 86_400.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.world.shift.tick(seconds)
        assert self.world.broken() == []


def test_no_open_ticket_stays_with_somebody_away_and_none_waits_while_somebody_is_free(migrated_sqlite: Path) -> None:
    def make(folder: Path) -> Store:
        shutil.copyfile(migrated_sqlite, folder / "frontdesk.sqlite3")
        return Store(f"sqlite:///{folder / 'frontdesk.sqlite3'}")

    class Here(Days):
        pass

    Here.make = staticmethod(make)
    some = settings(
        max_examples=12, stateful_step_count=30, phases=[Phase.reuse, Phase.generate]
    )  # shrinking takes minutes
    run_state_machine_as_test(Here, settings=some)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_holds_with_eight_at_once(
    services: Services, migrated_postgresql: str, tmp_path: Path, seed: int
) -> None:
    url = services.database(migrated_postgresql)
    store = Store(url)
    worlds = [World(Shift(store, DESKS[0], tmp_path / str(one)), f"w{one}.") for one in range(8)]

    def lives(world: World) -> None:
        dice = random.Random(f"{seed} {world.name}")
        world.writes("turns")
        for _ in range(25):
            world.anything(dice)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lives, worlds))
    last = worlds[0]
    last.shift.now = max(world.shift.now for world in worlds) + 86_400
    for agent in AGENTS:
        last.goes(agent, away=agent == "nora")
    for _ in range(3):
        last.shift.tick()
        assert last.broken() == []
    store.close()
    services.drop(url)
