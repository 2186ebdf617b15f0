"""Reacting: what was given to an agent who does nothing about it goes on, and what rings rings again.

What is kept of a ticket, while it is new or open:

    {"given": "sona", "given_at": 1795348800.0}      a strategy gave it to her then, and she has not done anything yet
    {…, "named": true}                               a rule, a colleague or the desk did, who meant her
    {"rung": ["sona", "luca"], "rings": 2, "rung_at": 1795348800.0}     it rang for the second time, with these
    {"passed": ["luca"]}                             these have had it and passed it on; they are not given it again

Each agent is given it once by the strategy. Then it stays in the queue, until the customer writes again: that begins
anew. Whoever takes a ticket themselves has reacted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.desk import Desk
from router.clocks.clock import Struck, Wound
from router.event import Change
from router.rules import RuleSet
from router.staff import Pick
from router.state import WORKING, State
from tickets.availability import way_in

WORD: Final = "react"
NOT_REACTED: Final = "not_reacted"
"""Why an agent has lost a ticket, and why nobody has it."""
RUNG: Final = "ticket.rung"
"""A line of the history only: it rang once more with everybody who could have it."""
MOST_RINGS: Final = 3
_GIVEN: Final = ("given", "given_at", "named")
_RUNG: Final = ("rung", "rings", "rung_at")


@dataclass(frozen=True, slots=True)
class React:
    """Runs in tickets that somebody else has given to an agent, or that ring, where the department does not wait for ever."""

    word: Final = WORD

    def statuses(self, desk: Desk, rules: RuleSet) -> tuple[str, ...]:
        """Return none: it begins when a ticket is given to somebody, and not by a desk file."""
        del desk, rules
        return ()

    def wind(self, state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> Wound | None:
        """Return until when somebody has to do something about it."""
        del before, rules, now
        kept = state.clocks.get(WORD)
        if not kept or state.status not in WORKING:
            return None
        seconds = within(state, desk, named=kept.get("named", False))
        begun = None
        if kept.get("given") == state.agent is not None:
            begun = kept["given_at"]
        elif 0 < kept.get("rings", 0) < MOST_RINGS:
            begun = kept["rung_at"]
        return Wound(kept, None if begun is None or seconds is None else begun + seconds)

    def strike(self, state: State, desk: Desk, rules: RuleSet, now: float) -> Struck | None:
        """Take the ticket from who has not reacted, or let it ring again."""
        wound = self.wind(state, None, desk, rules, now)
        if wound is None or wound.due_at is None or wound.due_at > now:
            return None
        kept = wound.kept
        if "given" not in kept:
            return Struck([rung(kept)], state)
        seconds = within(state, desk, named=kept.get("named", False)) or 0.0
        agent = desk.agents_by_id.get(kept["given"])
        why = f"{agent.name if agent else kept['given']} did not react within {_words(seconds)}"
        data = {"from": state.agent, "reason": NOT_REACTED, "why": why}
        passed = [*kept.get("passed", ()), kept["given"]]
        clocks = {**state.clocks, WORD: {"passed": passed}}
        if (instead := _instead(state, desk, passed)) is not None:
            given = state._replace(agent=instead, clocks=clocks)
            return Struck([Change("ticket.assigned", "desk", {**data, "to": instead})], given)
        lost = state._replace(agent=None, unassigned_reason=NOT_REACTED, clocks=clocks)
        return Struck([Change("ticket.unassigned", "desk", data)], lost)


def _instead(state: State, desk: Desk, passed: Sequence[str]) -> str | None:
    """Return who stands in for whoever did not react, where the department says so; whether they are at work is seen next."""
    department, agent = desk.departments_by_id.get(state.department), desk.agents_by_id.get(state.agent or "")
    if department is None or agent is None or department.when_away != "substitute":
        return None
    known = agent.substitute in desk.members(department.id) and agent.substitute not in passed
    return agent.substitute if known else None


def rung(kept: Mapping[str, Any]) -> Change:
    """Return what the history says when a ticket rings again, by what is kept of it."""
    return Change(RUNG, "desk", {"times": kept.get("rings", 0) + 1})


def within(state: State, desk: Desk, *, named: bool = False) -> float | None:
    """Return how many seconds an agent has to react to a ticket, or nothing when it stays with them.

    What a strategy gives in a chat or on the phone rings; who was `named` is not rung.
    """
    department = desk.departments_by_id.get(state.department)
    if department is None:
        return None
    rings = not named and way_in(desk, state.channel) in ("chat", "phone")
    return department.ring_within if rings else department.react_within


def noted(  # all that a turn may be to this clock
    state: State, before: State, picks: Sequence[Pick], lines: Sequence[Change], desk: Desk, now: float
) -> State:
    """Return a ticket as a turn leaves it, with what the turn was to this clock: `picks` were made, `lines` written in it."""
    kept: Mapping[str, Any] | None = state.clocks.get(WORD)
    new, agent = dict(kept or {}), state.agent
    given = agent is not None and agent != before.agent and _by_others(agent, lines, desk)
    if kept is None and not picks and not given:
        return state
    if state.department != before.department:
        new = {}
    elif any(line.event == "message.received" and line.actor == "customer" for line in lines):
        new.pop("passed", None)
        if new.get("rings") == MOST_RINGS:
            _forget(new, _RUNG)
    if agent is None:
        _forget(new, _GIVEN)
        new |= _ring(new, picks, lines, now)
    else:
        _forget(new, _RUNG)
        if given or new.get("given") != agent or any(line.actor == f"agent:{agent}" for line in lines):
            _forget(new, _GIVEN)
        named = all(pick.agent != agent for pick in picks)
        if given and within(state, desk, named=named) is not None:
            new |= {"given": agent, "given_at": now} | ({"named": True} if named else {})
    return state if kept is None and not new else state._replace(clocks={**state.clocks, WORD: new})


def _by_others(agent: str, lines: Sequence[Change], desk: Desk) -> bool:
    """Tell whether somebody else gave an agent a ticket; a desk's only agent has every ticket anyway."""
    return len(desk.agents) > 1 and all(line.actor != f"agent:{agent}" for line in lines)


def _forget(kept: dict[str, Any], words: Sequence[str]) -> None:
    for word in words:
        kept.pop(word, None)


def _ring(kept: Mapping[str, Any], picks: Sequence[Pick], lines: Sequence[Change], now: float) -> dict[str, Any]:
    """Return what is kept of a ticket because it rings now, for the first time or once more; nothing when it does not."""
    again, rings = any(line.event == RUNG for line in lines), kept.get("rings", 0)
    free = picks[-1].rung if picks else ()
    if not again and (rings > 0 or not free):
        return {}
    return {"rung": sorted({*kept.get("rung", ()), *free}), "rings": min(rings + 1, MOST_RINGS), "rung_at": now}


def called(state: State, before: State, picks: Sequence[Pick], now: float) -> tuple[str, ...]:
    """Return the agents with whom a ticket rings in this turn."""
    kept = state.clocks.get(WORD, {})
    if not picks or not kept.get("rings") or kept["rung_at"] != now or kept == before.clocks.get(WORD):
        return ()
    return picks[-1].rung


def _words(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"  # two minutes
