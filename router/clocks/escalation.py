"""Escalations: steps that follow one another in a ticket until somebody acknowledges, or it is answered.

What the clock keeps is the chain and where it stands: `{"chain": "outage", "since": …, "step": 1, "at": …}`, with `step` the
next one (from 0), `at` when it comes, if it does; `acknowledged` is who did last, `struck` when the latest step was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.desk import Desk
from config.sla import ESCALATES_TO, Escalation
from router.clocks.clock import Struck, Wound
from router.event import Change
from router.rules import RuleSet
from router.state import WORKING, State, transferred

WORD: Final = "escalation"


@dataclass(frozen=True, slots=True)
class Escalating:
    """Does the steps of the escalation that a rule has begun in a ticket. An answer ends it, and any status but new and open."""

    word: Final = WORD

    def statuses(self, desk: Desk, rules: RuleSet) -> tuple[str, ...]:
        """Return none: a rule begins it."""
        del desk, rules
        return ()

    def wind(self, state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> Wound | None:
        """Return where it stands; what has just been begun begins, unless it runs already."""
        del before, rules
        running = _running(state, desk, now) if WORD in state.clocks else None
        return None if running is None else Wound(running, running["at"])

    def strike(self, state: State, desk: Desk, rules: RuleSet, now: float) -> Struck | None:
        """Return what the step that is due does."""
        del rules
        running = _running(state, desk, now)
        if running is None or running["at"] is None or running["at"] > now:
            return None
        chain, index = desk.escalations_by_id[running["chain"]], int(running["step"])
        step, place = chain.steps[index], f"step {index + 1} of {len(chain.steps)}"
        because = _because(chain, index, running, desk)
        data = {"escalation": chain.id, "step": index + 1, "of": len(chain.steps), "because": because}
        here = desk.departments_by_id.get(state.department)
        to = (here.escalates_to if here else None) if step.transfer == ESCALATES_TO else step.transfer
        ticket, moved = transferred(state, to or state.department, "clock")
        more = index + 1 < len(chain.steps)
        after = {
            "chain": chain.id,
            "since": running["since"],
            "step": index + 1,
            "at": now + (step.wait or 0.0) if more else None,
            "struck": now,
        }
        reason = f"escalation {chain.id}, {place}" + (f": {because}" if because else "")
        return Struck(
            [Change("ticket.escalated", "clock", data), *moved],
            ticket._replace(clocks={**state.clocks, WORD: after}),
            tell=tuple((target, reason) for target in step.notify),
        )


def acknowledged(ticket: State, desk: Desk, agent: str, now: float) -> tuple[list[Change], State]:
    """Return what it comes to that an agent acknowledges the ticket's escalation: lines and the ticket; none when none runs.

    That stops it, for as long as the escalation says.
    """
    running = _running(ticket, desk, now)
    if running is None:
        return [], ticket
    chain = desk.escalations_by_id[running["chain"]]
    goes_on = chain.acknowledged_for is not None and running["step"] < len(chain.steps)
    until = now + (chain.acknowledged_for or 0.0) if goes_on else None
    line = Change("ticket.acknowledged", f"agent:{agent}", {"escalation": chain.id, "until": until})
    kept = {**running, "at": until, "acknowledged": agent}
    return [line], ticket._replace(clocks={**ticket.clocks, WORD: kept})


def _running(ticket: State, desk: Desk, now: float) -> dict[str, Any] | None:
    """Return where the ticket's escalation stands; nothing when there is none, or nobody has to be called any more."""
    if ticket.status not in WORKING:
        return None
    said: Mapping[str, Any] = ticket.clocks.get(WORD, {})
    running = {word: value for word, value in said.items() if word != "begin"}
    chain = desk.escalations_by_id.get(running.get("chain", ""))
    over = chain is None or running["step"] >= len(chain.steps) or _answered(ticket, running)
    # What a step causes begins nothing, or two escalations would call one another for ever.
    if (
        (begin := said.get("begin")) is not None
        and running.get("struck") != now
        and (over or begin != running["chain"])
    ):
        running, chain = {"chain": begin, "since": now, "step": 0, "at": now}, desk.escalations_by_id.get(begin)
    if chain is None or _answered(ticket, running):
        return None
    return running if running["step"] < len(chain.steps) else {**running, "at": None}


def _answered(ticket: State, running: Mapping[str, Any]) -> bool:
    return ticket.answered_at is not None and ticket.answered_at > running["since"]


def _because(chain: Escalation, index: int, running: Mapping[str, Any], desk: Desk) -> str | None:
    """Return why a step comes now, in words; the first one comes because a rule says so."""
    if agent := running.get("acknowledged"):
        known = desk.agents_by_id.get(agent)
        within = lasting(chain.acknowledged_for or 0.0)
        return f"{known.name if known else agent} acknowledged it, and {within} later nobody has answered"
    return f"nobody acknowledged within {lasting(chain.steps[index - 1].wait or 0.0)}" if index else None


def lasting(seconds: float) -> str:
    """Return a duration in words, as somebody wrote it in the desk file."""
    size, word = next(
        ((size, word) for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")) if seconds % size == 0 < seconds),
        (1, "s"),
    )
    return f"{seconds / size:g} {word}"
