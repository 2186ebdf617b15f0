"""The law of time events: once for each rule and state of a ticket, not before its time, and never left out."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from config.desk import Desk
from config.rule import On
from router.clocks.timed import STAMPS, Timed
from router.clocks.wind import wind
from router.rules import RuleSet, compile_rules
from router.state import OVER, State
from tests.clocks.ticking import BEGIN
from tests.clocks.timed_desks import waits
from tests.desks import desk

EVENTS = [event for event in STAMPS if event not in ("time.due_in_less_than", "time.overdue_more_than")]


def rules(*seconds: int, names: str = "abcdefgh", status: str = "") -> str:
    """Return a rule for every event and duration; the names stay when the durations change."""
    return "".join(
        waits(event, f"{{than: {than}s{status}}}", "{tag: vip}", f"{name} {event}")
        for name, than in zip(names, seconds, strict=False)
        for event in EVENTS
    )


DESKS = [
    desk(rules=rules(20, 50, 90)),
    desk(rules=rules(35, 50, 10)),
    desk(rules=rules(20, names="b") + rules(30, names="s", status=", status: [answered, resolved]")),
    desk(),
]


@dataclass
class World:
    """A ticket, and what the rules were asked about it: how often for each rule, event and stamp."""

    now: float
    desk: Desk
    rules: RuleSet
    ticket: State
    asked: Counter[tuple[str, str, float]] = field(default_factory=Counter)

    def wind(self, ticket: State) -> None:
        """Write the ticket down, as a transaction does."""
        wound = wind(ticket, self.ticket, self.desk, self.rules, self.now)
        self.ticket = wound._replace(
            clocks=json.loads(json.dumps(wound.clocks))
        )  # a process may die, and another goes on

    def tick(self) -> None:
        """Strike what is due, if the index finds the ticket."""
        if self.ticket.due_at is None or self.ticket.due_at > self.now:
            return
        struck = Timed().strike(self.ticket, self.desk, self.rules, self.now)
        assert struck is not None, "it is due, and nothing strikes"
        for line in struck.lines:
            for rule in line.data["rules"]:
                stamp = line.data["since"]
                self.asked[rule, line.event, stamp] += 1
                on = next(on for one in self.desk.rules if one.name == rule for on in one.on)
                assert stamp + (on.than or 0) <= self.now, f"{rule} comes too early"
                assert runs(on, self.ticket)
        self.wind(struck.ticket)

    def check(self) -> None:
        """Nothing is asked twice, and what has to be asked was."""
        assert all(times == 1 for times in self.asked.values()), self.asked
        for rule in self.desk.rules:
            for on in rule.on:
                stamp = STAMPS[on.event](self.ticket)
                if stamp is not None and runs(on, self.ticket) and stamp + (on.than or 0) <= self.now:
                    assert self.asked[rule.name, on.event, stamp] == 1, f"{rule.name} was left out"


def runs(on: On, ticket: State) -> bool:
    """Tell whether a rule waits in the ticket's status."""
    return ticket.status in on.status if on.status else ticket.status not in OVER


def at(world: World, **values: Any) -> State:
    """Return the ticket with other values, and the times of what they change."""
    now, ticket = world.now, world.ticket._replace(**values)
    ticket = ticket if ticket.status == world.ticket.status else ticket._replace(status_since=now)
    return ticket if ticket.agent == world.ticket.agent else ticket._replace(agent_since=now)


HAPPENS: dict[str, Callable[[World], State]] = {
    "the customer writes": lambda world: at(
        world, status="open", heard_at=world.now, waiting_since=world.ticket.waiting_since or world.now
    ),
    "an agent answers": lambda world: at(
        world, status="answered", answered_at=world.now, waiting_since=None, agent=world.ticket.agent or "sona"
    ),
    "it is resolved": lambda world: at(world, status="resolved", waiting_since=None),
    "it is open again": lambda world: at(world, status="open"),
    "it is nobody's": lambda world: at(world, agent=None),
    "it is luca's": lambda world: at(world, agent="luca"),
}

steps = st.one_of(
    st.sampled_from(list(HAPPENS)),
    st.integers(0, len(DESKS) - 1),
    st.tuples(st.just("time goes by"), st.integers(1, 40)),
    st.tuples(st.just("and nobody ticks"), st.integers(1, 150)),
)


@given(st.lists(steps, max_size=40))
@example([("time goes by", 30), 1, ("time goes by", 30), 3, ("time goes by", 30), 0, ("time goes by", 40)])
@example(["an agent answers", ("and nobody ticks", 100), 2, "it is resolved", ("time goes by", 1)])
def test_every_rule_is_asked_once_for_a_state_of_a_ticket_and_not_before_its_time(history: list[object]) -> None:
    books = [compile_rules(one) for one in DESKS]
    new = State("general", number=1, created_at=BEGIN, status_since=BEGIN, agent_since=BEGIN, waiting_since=BEGIN)
    world = World(BEGIN, DESKS[0], books[0], new)
    world.wind(new)
    for step in history:
        if isinstance(step, int):
            world.desk, world.rules = DESKS[step], books[step]
            world.wind(world.ticket)
        elif isinstance(step, tuple):
            what, seconds = step
            world.now += seconds
            if what == "and nobody ticks":
                continue
        else:
            world.wind(HAPPENS[str(step)](world))
        world.tick()
        world.check()
