"""Promises keep their laws: what is kept from turn to turn equals what somebody finds who counts every quarter of an hour."""

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.desk import Desk
from router.clocks.promise import MOST_PAUSES, paused
from router.clocks.sla import Promises, terms_of
from router.clocks.wind import wind
from router.event import before
from router.rules import RuleSet
from router.state import OVER, WORKING, State, decided
from tests.desks import HEAD, desk
from tickets.calendar import is_open

QUARTER = 900
BEGINS = (1_792_936_800, 1_774_735_200, 1_796_310_000)
"""The clock is put back in Bratislava in the next night, is put forward, a Thursday: each at a full hour."""
RULES = RuleSet("", (), {})
CLOCK = Promises()
TARGETS = ("first_response", "next_response", "resolution")

PLACES = """
calendars:
  - {id: office, timezone: Europe/Bratislava, hours: {mon-fri: ["08:00-12:00", "13:00-17:00"], sat-sun: ["01:00-05:00"]}}
  - {id: nights, timezone: America/New_York, hours: {mon-sun: ["00:00-06:00", "22:00-24:00"]}}
slas:
  - id: gold
    first_response: 1h
    next_response: 90m
    resolution: 6h
    warn_before: 30m
    when_changed: WHEN
    priorities: {urgent: {first_response: 15m, resolution: 2h}}
  - {id: slow, calendar: nights, resolution: 20h, first_response: 8h, warn_before: 4h, when_changed: WHEN}
  - {id: bare, next_response: 4h, when_changed: WHEN}
"""


@cache
def promising(when: str) -> Desk:
    """Return a desk of three levels, with departments of other hours and levels."""
    text = HEAD.replace("agents: all, addr", "agents: all, calendar: office, sla: gold, addr")
    text = text.replace("agents: [sona, luca], addr", "agents: [sona, luca], calendar: nights, sla: gold, addr")
    return desk(text + PLACES.replace("WHEN", when))


def begun(now: float) -> State:
    """Return a ticket that begins with a customer's message."""
    return State("general", number=1, created_at=now, status_since=now, heard_at=now, waiting_since=now)


def moved(state: State, act: str, now: float) -> State:
    """Return the ticket after something happened in it, with its times, as the router leaves it."""
    verb, _, what = act.partition(" ")
    was, then, happened = state, before(state), {act}
    if verb == "customer":
        state = state._replace(heard_at=now, waiting_since=state.waiting_since or now)
        then = then._replace(status=state.status if state.status in WORKING else "open")
    elif verb == "answer":
        then, happened = then._replace(status="answered"), {"ticket.answered"}
    elif verb == "status":
        then = then._replace(status=what)
    elif verb == "priority":
        then = then._replace(priority=what)
    elif verb == "department":
        then = then._replace(department=what)
    elif verb == "level":
        then = then._replace(sla=what or None)
    return decided(was, state._replace(messages=state.messages + 1), then, happened, now)


ACTS = [
    "customer", "answer", "nothing", "status postponed", "status resolved", "status spam", "status open", "status closed",
    "priority urgent", "priority normal", "department billing", "department general", "department empty",
    "level slow", "level bare", "level ",
]  # fmt: skip
acts = st.lists(
    st.tuples(st.integers(0, 20) | st.integers(0, 60), st.sampled_from(ACTS) | st.sampled_from(ACTS[:2])), max_size=14
)


@dataclass
class Counted:
    """A promise by somebody who counts; times are quarters since the beginning."""

    began: int
    counted: int
    terms: Any
    broken: int | None = None
    warned: bool = False
    told: bool = False
    ended: str = ""
    off: bool = False


@dataclass
class Counter:
    """Somebody who knows everything that happened and counts the open quarters of an hour one by one."""

    desk: Desk
    begin: int
    opened: dict[tuple[str, int], bool] = field(default_factory=dict)
    works: list[bool] = field(default_factory=list)
    found: dict[str, Counted] = field(default_factory=dict)
    events: list[tuple[int, str, str]] = field(default_factory=list)

    def open(self, calendar: str, quarter: int) -> bool:
        """Tell whether a calendar is open in a quarter of an hour."""
        key = calendar, quarter
        if key not in self.opened:
            self.opened[key] = is_open(self.desk.hours[calendar], self.begin + quarter * QUARTER)
        return self.opened[key]

    def reached(self, name: str, one: Counted, seconds: float, until: int) -> int | None:
        """Return the quarter by which so much open time had passed, before or at `until`; the ticket stays as it is."""
        spent = 0
        for quarter in range(one.counted, until):
            works = self.works[min(quarter, len(self.works) - 1)]
            if self.open(one.terms.calendar, quarter) and (works or name != "resolution"):
                spent += QUARTER
                if spent >= seconds:
                    return quarter + 1
        return None

    def look(self, state: State, quarter: int) -> None:
        """Note what is broken by now, and what the clock tells of."""
        for name, one in self.found.items():
            if not one.ended and not one.off and one.broken is None:
                one.broken = self.reached(name, one, one.terms.seconds, quarter)
        for name, one in self.found.items():
            if state.status in OVER or one.off or one.ended == "dropped" or one.told:
                continue
            event = ""
            if one.broken is not None:
                event, at = "sla.breached", one.broken
            elif not one.ended and one.terms.before and one.terms.before < one.terms.seconds and not one.warned:
                since = self.reached(name, one, one.terms.seconds - one.terms.before, quarter)
                runs = name != "resolution" or state.status in WORKING
                event, at = ("sla.warning", since) if since is not None and runs else ("", 0)
            if event and (at == quarter or self.open(one.terms.calendar, quarter)):
                self.events.append((quarter, event, name))
                one.told, one.warned = event == "sla.breached", True

    def note(self, state: State, quarter: int) -> None:
        """Note what a turn has changed."""
        level = self.desk.slas_by_id.get(state.sla or self.desk.departments_by_id[state.department].sla or "")
        terms = terms_of(state, self.desk, level) if level else {}
        for name in TARGETS:
            old, began = self.found.get(name), self.waits(name, state)
            if began is None:
                if old and not old.ended:
                    met = (
                        state.status in ("resolved", "closed")
                        if name == "resolution"
                        else state.answered_at == (self.begin + quarter * QUARTER)
                    )
                    old.ended = "met" if met else "dropped"
                continue
            if old and name == "resolution":
                old.ended = ""
            if old is None or old.ended:
                if name in terms and level:
                    start = quarter if level.when_changed == "from_now" else began
                    self.found[name] = Counted(began, start, terms[name])
                elif old is not None and old.ended:
                    del self.found[name]
            elif name not in terms:
                old.off = True
            elif level:
                self.change(old, terms[name], level.when_changed, quarter)

    def change(self, old: Counted, terms: Any, when: str, quarter: int) -> None:
        """Do to what runs what the level says."""
        was, old.off = old.off, False
        if old.broken is not None:
            return
        same = not was and replace(old.terms, before=None) == replace(terms, before=None)
        if not same and when == "from_now":
            old.counted, old.warned = quarter, False
        elif not same and when == "from_start":
            old.counted = old.began
        old.terms = replace(old.terms, before=terms.before) if when == "keep" else terms

    def waits(self, name: str, state: State) -> int | None:
        """Return since when somebody waits for it."""
        if name == "resolution":
            return None if state.status in OVER else 0
        since = state.waiting_since if (state.first_answered_at is None) == (name == "first_response") else None
        return None if since is None else round(since - self.begin) // QUARTER


def struck(state: State, at: Desk, now: float, events: list[tuple[int, str, str]], begin: int) -> State:
    """Let the clock strike when it is due, and return the ticket after it."""
    if state.due_at is None or state.due_at > now:
        return state
    what = CLOCK.strike(state, at, RULES, now)
    assert what is not None, "it is due and does not strike"
    events += [(round(now - begin) // QUARTER, line.event, line.data["target"]) for line in what.lines]
    return wind(what.ticket, state, at, RULES, now)


def due_by(counter: Counter, state: State, quarter: int) -> dict[str, float]:
    """Return what is due when, of what runs."""
    found = dict[str, float]()
    for name, one in counter.found.items():
        if one.ended or one.off or state.status in OVER or (name == "resolution" and state.status not in WORKING):
            continue
        due = one.broken or counter.reached(name, one, one.terms.seconds, quarter + 2000)
        if due is not None:
            found[name] = counter.begin + due * QUARTER
    return found


@settings(max_examples=200)
@given(st.sampled_from(BEGINS), st.sampled_from(["from_start", "from_now", "keep"]), acts)
@example(BEGINS[2], "from_now", [(87, "priority urgent"), (9, "nothing")])
@example(BEGINS[2], "from_now", [(70, "department empty"), (2, "department general"), (2, "nothing")])
@example(BEGINS[2], "from_start", [(70, "answer"), (1, "status resolved"), (99, "customer"), (20, "nothing")])
@example(BEGINS[2], "from_start", [(70, "answer"), (1, "customer"), (0, "answer"), (0, "customer"), (9, "answer")])
def test_what_is_kept_equals_what_somebody_counts_who_knows_everything(
    begin: int, when: str, story: list[tuple[int, str]]
) -> None:
    at, events = promising(when), list[tuple[int, str, str]]()
    counter = Counter(at, begin)
    state = wind(begun(begin), None, at, RULES, begin)
    counter.works.append(True)
    counter.note(state, 0)
    quarter = 0
    for pause, act in [*story, (60, "nothing")]:
        for _ in range(pause):
            quarter += 1
            counter.look(state, quarter)
            state = struck(state, at, begin + quarter * QUARTER, events, begin)
            counter.works.append(state.status in WORKING)
        now = begin + quarter * QUARTER
        was, state = state, moved(state, act, now)
        state = wind(state, was, at, RULES, now)
        counter.works[-1] = state.status in WORKING
        counter.note(state, quarter)
        counter.look(state, quarter)
        state = struck(state, at, now, events, begin)
        assert sorted(events) == sorted(counter.events)
        assert state.sla_due_at == min(due_by(counter, state, quarter).values(), default=None)
        kept = state.clocks["sla"]["targets"]
        runs = {name for name, one in kept.items() if not {"met", "dropped", "off"} & one.keys()}
        assert runs == {name for name, one in counter.found.items() if not one.ended and not one.off}


@settings(max_examples=80)
@given(
    st.sampled_from(BEGINS),
    st.sampled_from(["from_start", "from_now", "keep"]),
    acts,
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_ticking_and_winding_more_often_changes_nothing(
    begin: int, when: str, story: list[tuple[int, str]], extra: list[bool]
) -> None:
    at = promising(when)

    def run(*, often: bool) -> tuple[list[tuple[int, str, str]], Any]:
        events, more = list[tuple[int, str, str]](), iter(extra * 100)
        state, now = wind(begun(begin), None, at, RULES, begin), begin
        for pause, act in [*story, (60, "nothing")]:
            for _ in range(pause * 3):
                now += QUARTER // 3
                state = struck(state, at, now, events, begin)
                if often and next(more):
                    assert CLOCK.strike(state, at, RULES, now) is None
                    again = wind(state, state, at, RULES, now)
                    assert again == state
            state = wind(moved(state, act, now), state, at, RULES, now)
            state = struck(state, at, now, events, begin)
        return events, state

    events, state = run(often=False)
    assert run(often=True) == (events, state)


@settings(max_examples=100)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 200))
def test_a_pause_never_makes_it_due_earlier(begin: int, pause: int, more: int) -> None:
    at = promising("from_start")
    state = wind(begun(BEGINS[0]), None, at, RULES, BEGINS[0])
    due = state.clocks["sla"]["targets"]["resolution"]["due"]
    answered = BEGINS[0] + (begin * 60.0)
    state = wind(moved(state, "answer", answered), state, at, RULES, answered)
    back = answered + (pause + more) * 60
    state = wind(moved(state, "customer", back), state, at, RULES, back)
    assert state.clocks["sla"]["targets"]["resolution"]["due"] >= due


def test_a_ticket_that_goes_to_and_fro_for_ever_keeps_a_hundred_pauses() -> None:
    pauses: tuple[tuple[float, float | None], ...] = ()
    for turn in range(1000):
        pauses = paused(pauses, turn * 10.0 + (turn % 7), now=turn % 2 == 0)
        assert len(pauses) <= MOST_PAUSES
    assert pauses[0][0] == 0.0
    assert all(one[1] is not None and one[1] <= other[0] for one, other in pairwise(pauses))
