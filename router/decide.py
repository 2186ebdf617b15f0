"""The decision: pure, so that the dry run, the backtest and the real thing are the same call.

Rules are asked in passes: first about what happened, then about what the rules and the desk made of that, each rule once.

The trace it leaves is plain JSON, kept with the ticket and told by `router/explain.py`:

    {"version": "0f3a…", "events": ["message.received", "ticket.created"],
     "rules": [{"rule": "Invoices", "result": "matched", "stopped": true,
                "actions": [{"action": "transfer", "value": "billing", "did": ["department general → billing"]},
                            {"action": "assign", "value": "luca", "skipped": "luca is not in billing"}]},
               {"rule": "Outages", "result": "failed",
                "failed": [{"path": "when.0.subject", "word": "subject", "operator": "contains",
                            "wanted": "outage", "saw": "Hello"}]}],
     "saw": {"from_domain": "example.com"},
     "next": [{"events": ["ticket.transferred"], "rules": [{"rule": "Transfers", "result": "matched", …}]}],
     "picked": [{"strategy": "least_loaded", "agent": "sona", "reason": null, "passed_over": [["luca", "away"]]},
                {"strategy": "ring_all", "agent": null, "reason": "several_agents", "passed_over": [], "rung": ["mia"]}],
     "unknown": ["earlier_tickets"],
     "department": "billing", "agent": null, "reason": "transferred", "by": "rule:Invoices"}

`by` is who changed the responsibility in this turn, or null. `unknown` is what rules asked for that is not known here: a
condition that needs it does not hold, nor does its `not`, and its line of `failed` says "unknown": true. A match may have
What effects did is added when they are done: `"effects": [{"effect": "note", "rule": "Invoices", "did": "noted"}]`, or `skipped`.
`captured`: what named groups have found. An action that found everything so already did nothing: [].

Only rules that were asked have a line. `saw` is what the index looked at when it left others out; `only` names those that
a clock has struck for, where it has. `router/trace.py` has the lines of all the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from config.desk import Desk
from router.absent import without
from router.actions import Skipped
from router.conditions import Miss, Seen
from router.event import NOUNS, Change, Decision, TicketEvent, as_decided, at_next, before
from router.rules import CompiledRule, RuleSet
from router.staff import Staff, picked
from router.state import OVER, WORKING

MAX_SAW: Final = 120  # characters of a value that stand in the trace
MAX_FAILED: Final = 5  # groups of one rule that stand in the trace


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided, the lines of the ticket's history in their order, and how it came about."""

    decision: Decision
    changes: tuple[Change, ...]
    trace: dict[str, Any]


MOST_PASSES: Final = 10
"""So many passes may follow from one another; the rules that are asked in none of them would only have gone on in a circle."""


def decide(rules: RuleSet, event: TicketEvent, desk: Desk, staff: Staff | None = None) -> Verdict:
    """Return what the rules and the desk make of an event; `rules` are compiled from this desk. Changes nothing.

    A rule's conditions see the ticket as the rules above have decided it. `staff` is who is at work, else everybody is.
    """
    turn = _Turn(rules, desk, staff or Staff(desk, event.at), before(event.ticket))
    first = turn.ask(event)
    turn.responsible(event, created="ticket.created" in event.names)
    follow, lines = list[dict[str, Any]](), turn.happened
    for _ in range(MOST_PASSES):
        if turn.decision.quarantine or rules.by_event.keys().isdisjoint(line.event for line in lines):
            break
        asked = at_next(event, turn.decision, lines)
        known = len(turn.happened)
        told = turn.ask(asked)
        if told["rules"] or "saw" in told:
            follow.append(told)
        turn.responsible(asked, created=False)
        lines = turn.happened[known:]
    decision = turn.decision
    trace = {
        "version": desk.version,
        **first,
        **({"next": follow} if follow else {}),
        **({"picked": [pick.as_json() for pick in decision.picks]} if decision.picks else {}),
        **({"unknown": sorted(turn.unknown)} if turn.unknown else {}),
        "department": decision.department,
        "agent": decision.agent,
        "reason": decision.unassigned_reason,
        "by": next((change.actor for change in reversed(turn.changes) if change.event in RESPONSIBILITY), None),
    }
    return Verdict(decision, tuple(turn.changes), trace)


RESPONSIBILITY: Final = frozenset({"ticket.transferred", "ticket.assigned", "ticket.unassigned"})


class _Turn:
    """What follows from one event, pass by pass: the decision so far, and the lines of the history.

    `happened` are those lines and what effects will write, which the rules are asked about as well.
    """

    def __init__(self, rules: RuleSet, desk: Desk, staff: Staff, decision: Decision) -> None:
        self.rules, self.desk, self.staff, self.decision = rules, desk, staff, decision
        self.changes: list[Change] = []
        self.happened: list[Change] = []
        self.unknown: set[str] = set()
        self._fired: set[str] = set()

    def ask(self, event: TicketEvent) -> dict[str, Any]:
        """Ask the rules about an event, in their order, and return the pass as the trace has it."""
        runs, seen = list[dict[str, Any]](), Seen(event, self.desk, self.staff)
        for rule in self.rules.asked(event, seen):
            if rule.name in self._fired or rule.on.isdisjoint(event.names):
                continue
            misses = rule.misses(seen)
            if misses is not None:
                failed = [_failed(miss, seen) for miss in misses[:MAX_FAILED]]
                runs.append({"rule": rule.name, "result": "failed", "failed": failed})
                continue
            old = self.decision
            if found := rule.captures(seen):
                self.decision = old._replace(variables={**old.variables, **found})
            runs.append({**self._apply(rule, event), **({"captured": dict(found)} if found else {})})
            self._fired.add(rule.name)
            if rule.stop or self.decision.quarantine:
                break
            if self.decision is not old:
                seen.decided(self.decision)
        told: dict[str, Any] = {"events": sorted(event.names), "rules": runs}
        if event.only is not None:
            told["only"] = sorted(event.only)
        elif saw := {word: _said(seen, word) for word in self.rules.index.words_of(event.names)}:
            told["saw"] = saw
        self.unknown |= seen.unknown
        return told

    def _apply(self, rule: CompiledRule, event: TicketEvent) -> dict[str, Any]:
        """Do a rule's actions one after the other; an action that is skipped does not keep the next from being done."""
        actor, actions = f"rule:{rule.name}", []
        for step in rule.steps:
            try:
                after = step.act(event, self.decision, self.staff)
            except Skipped as skipped:
                actions.append({"action": step.word, "value": step.value, "skipped": str(skipped)})
                continue
            made = changes(actor, self.decision, after)
            did = [*map(_changed, made), *_besides(self.decision, after)]
            if not did and after != self.decision:  # nobody remains nobody for another reason, or somebody more is told
                did = [step.word]
            actions.append({"action": step.word, "value": step.value, "did": did})
            new = after.effects[len(self.decision.effects) :]
            self._tell(made, [Change(one.event, actor, {}) for one in new if one.event is not None])
            self.decision = after
        stopped = rule.stop or self.decision.quarantine is not None
        return {"rule": rule.name, "result": "matched", "stopped": stopped, "actions": actions}

    def _tell(self, made: Sequence[Change], coming: Sequence[Change] = ()) -> None:
        """Note lines of the history; those that effects will write are only known to the rules yet."""
        self.changes += made
        self.happened += (*made, *coming)

    def responsible(self, event: TicketEvent, *, created: bool) -> None:
        """Say who has the ticket where no rule has.

        Who is not at work loses it. The only agent of a desk has everything; a department's strategy chooses among several,
        without one nobody is.
        """
        if (lost := without(self.staff, self.decision)) is not None:
            line, self.decision = lost
            self._tell([line])
        decision = self.decision
        given = decision.agent is not None or decision.unassigned_reason == "rule_unassigned"
        if given or decision.status not in WORKING or decision.quarantine is not None:
            return
        if len(self.desk.agents) == 1:
            if created:
                self._assign(self.desk.agents[0].id, "one_agent")
        elif self.desk.departments_by_id[decision.department].chooses:
            self._pick(event)
        elif created and decision.unassigned_reason is None:
            members = self.desk.members(decision.department)
            self.decision = decision._replace(unassigned_reason="several_agents" if members else "no_members")

    def _pick(self, event: TicketEvent) -> None:
        old, pick = self.decision, self.staff.pick(as_decided(event, self.decision).ticket)
        self.decision = picked(old, pick)
        self._tell(changes("desk", old, self.decision))

    def _assign(self, agent: str, reason: str) -> None:
        self._tell([Change("ticket.assigned", "desk", {"from": None, "to": agent, "reason": reason})])
        self.decision = self.decision._replace(agent=agent, unassigned_reason=None)


def _failed(miss: Miss, seen: Seen) -> dict[str, Any]:
    return {
        "path": miss.path,
        "word": miss.word,
        "operator": miss.operator,
        "wanted": miss.wanted,
        "saw": _said(seen, miss.word, miss.operator) if miss.word else "",
        **({"unknown": True} if miss.unknown else {}),
    }


def _said(seen: Seen, word: str, operator: str = "") -> str:
    saw = seen.said(word, operator)
    return saw if len(saw) <= MAX_SAW else f"{saw[: MAX_SAW - 1]}…"


def changes(actor: str, old: Decision, new: Decision) -> list[Change]:
    """Return the difference of two decisions as the ticket's history tells it."""
    made = []
    if new.department != old.department:
        made.append(Change("ticket.transferred", actor, {"from": old.department, "to": new.department}))
    if new.agent != old.agent:
        if new.agent is None:
            data = {"from": old.agent, "reason": new.unassigned_reason}
            made.append(Change("ticket.unassigned", actor, data))
        else:
            reason = {"reason": new.picks[-1].strategy} if new.picks != old.picks else {}
            made.append(Change("ticket.assigned", actor, {"from": old.agent, "to": new.agent, **reason}))
    if new.priority != old.priority:
        made.append(Change("ticket.priority_changed", actor, {"from": old.priority, "to": new.priority}))
    if new.tags != old.tags:
        added = [tag for tag in new.tags if tag not in old.tags]
        removed = [tag for tag in old.tags if tag not in new.tags]
        made.append(Change("ticket.tagged", actor, {"added": added} | ({"removed": removed} if removed else {})))
    if new.status != old.status:
        event = "ticket.reopened" if new.status == "open" and old.status in OVER else "ticket.status_changed"
        until = {"until": new.postponed_until} if new.status == "postponed" else {}
        made.append(Change(event, actor, {"from": old.status, "to": new.status, **until}))
    return made


def _besides(old: Decision, new: Decision) -> Iterator[str]:
    """Yield in words what is new of a ticket and stands in no line of its history."""
    if new.postponed_until != old.postponed_until and new.postponed_until is not None:
        yield f"until {datetime.fromtimestamp(new.postponed_until, UTC):%Y-%m-%d %H:%M} UTC"
    for noun, was, now in (("field", old.fields, new.fields), ("skill", old.skills, new.skills)):
        yield from (f"{noun} + {name}" for name in now if name not in was or now[name] != was[name])
        yield from (f"{noun} - {name}" for name in was if name not in now)
    if new.sla != old.sla:
        yield f"sla {old.sla or 'the usual'} → {new.sla}"


def _changed(change: Change) -> str:
    what, data = change.event.removeprefix("ticket."), change.data
    if what == "tagged":
        signs = [("+", data["added"]), ("-", data.get("removed", ()))]
        return " ".join(("tags", *(f"{sign} {', '.join(names)}" for sign, names in signs if names)))
    noun = NOUNS[change.event]
    return f"{noun} {data['from'] or 'nobody'} → {data.get('to') or 'nobody'}"
