"""The decision: pure, so that the dry run, the backtest and the real thing are the same call.

The trace it leaves is plain JSON, kept with the ticket and told by `router/explain.py`:

    {"version": "0f3a…", "events": ["message.received", "ticket.created"],
     "rules": [{"rule": "Invoices", "result": "matched", "stopped": true,
                "actions": [{"action": "transfer", "value": "billing", "did": ["department general → billing"]},
                            {"action": "assign", "value": "luca", "skipped": "luca is not in billing"}]},
               {"rule": "Outages", "result": "failed",
                "failed": [{"path": "when.0.subject", "word": "subject", "operator": "contains",
                            "wanted": "outage", "saw": "Hello"}]},
               {"rule": "Old", "result": "inactive"}, {"rule": "Reopened", "result": "not_for_event"},
               {"rule": "Last", "result": "not_reached", "stopped_by": "Invoices"}],
     "department": "billing", "agent": null, "reason": "transferred", "by": "rule:Invoices"}

`by` is who changed the responsibility in this pass, or null. An action that found everything so already did nothing: [].
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from config.desk import Desk
from router.actions import Skipped
from router.conditions import Miss, Seen
from router.event import Change, Decision, TicketEvent, before
from router.rules import CompiledRule, RuleSet

MAX_SAW: Final = 120  # characters of a value that stand in the trace
MAX_FAILED: Final = 5  # groups of one rule that stand in the trace


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided, the lines of the ticket's history in their order, and how it came about."""

    decision: Decision
    changes: tuple[Change, ...]
    trace: dict[str, Any]


def decide(rules: RuleSet, event: TicketEvent, desk: Desk) -> Verdict:
    """Return what the rules make of an event; `rules` are compiled from this desk. Changes nothing, asks nobody.

    A rule's conditions see the department, priority and tags that the rules above have decided.
    """
    decision, changes, runs = before(event), list[Change](), list[dict[str, Any]]()
    seen, stopped_by = Seen(event), ""
    for rule in rules.rules:
        idle = _idle(rule, event, stopped_by)
        if idle:
            runs.append(idle)
            continue
        misses = rule.misses(seen)
        if misses is not None:
            failed = [_failed(miss, seen) for miss in misses[:MAX_FAILED]]
            runs.append({"rule": rule.name, "result": "failed", "failed": failed})
            continue
        known = len(changes)
        decision, run = _apply(rule, event, decision, changes)
        runs.append(run)
        stopped_by = rule.name if rule.stop else ""
        if len(changes) > known:
            seen.decided(decision)
    decision = _responsible(event, decision, desk, changes)
    trace = {
        "version": desk.version,
        "events": sorted(event.names),
        "rules": runs,
        "department": decision.department,
        "agent": decision.agent,
        "reason": decision.unassigned_reason,
        "by": next((change.actor for change in reversed(changes) if change.event in RESPONSIBILITY), None),
    }
    return Verdict(decision, tuple(changes), trace)


RESPONSIBILITY: Final = frozenset({"ticket.transferred", "ticket.assigned", "ticket.unassigned"})


def _idle(rule: CompiledRule, event: TicketEvent, stopped_by: str) -> dict[str, Any] | None:
    """Return the line of a rule that is not asked, or None."""
    if not rule.active:
        return {"rule": rule.name, "result": "inactive"}
    if rule.on.isdisjoint(event.names):
        return {"rule": rule.name, "result": "not_for_event"}
    if stopped_by:
        return {"rule": rule.name, "result": "not_reached", "stopped_by": stopped_by}
    return None


def _failed(miss: Miss, seen: Seen) -> dict[str, Any]:
    values = seen.values(miss.word) if miss.word else ()
    saw = values[0] if len(values) == 1 else ", ".join(values)
    return {
        "path": miss.path,
        "word": miss.word,
        "operator": miss.operator,
        "wanted": miss.wanted,
        "saw": saw if len(saw) <= MAX_SAW else f"{saw[: MAX_SAW - 1]}…",
    }


def _apply(
    rule: CompiledRule, event: TicketEvent, decision: Decision, changes: list[Change]
) -> tuple[Decision, dict[str, Any]]:
    """Do a rule's actions one after the other; an action that is skipped does not keep the next from being done."""
    actor, actions = f"rule:{rule.name}", []
    for step in rule.steps:
        try:
            after = step.act(event, decision)
        except Skipped as skipped:
            actions.append({"action": step.word, "value": step.value, "skipped": str(skipped)})
            continue
        made = _changes(actor, decision, after)
        did = [_said(change) for change in made]
        if not did and after != decision:  # nobody remains nobody for another reason, or somebody more is told
            did = [step.word]
        actions.append({"action": step.word, "value": step.value, "did": did})
        changes.extend(made)
        decision = after
    return decision, {"rule": rule.name, "result": "matched", "stopped": rule.stop, "actions": actions}


def _changes(actor: str, old: Decision, new: Decision) -> list[Change]:
    """Return the difference of two decisions as the ticket's history tells it."""
    made = []
    if new.department != old.department:
        made.append(Change("ticket.transferred", actor, {"from": old.department, "to": new.department}))
    if new.agent != old.agent:
        if new.agent is None:
            data = {"from": old.agent, "reason": new.unassigned_reason}
            made.append(Change("ticket.unassigned", actor, data))
        else:
            made.append(Change("ticket.assigned", actor, {"from": old.agent, "to": new.agent}))
    if new.priority != old.priority:
        made.append(Change("ticket.priority_changed", actor, {"from": old.priority, "to": new.priority}))
    if new.tags != old.tags:
        added = [tag for tag in new.tags if tag not in old.tags]
        made.append(Change("ticket.tagged", actor, {"added": added}))
    return made


def _said(change: Change) -> str:
    what, data = change.event.removeprefix("ticket."), change.data
    if what == "tagged":
        return f"tags + {', '.join(data['added'])}"
    noun = {"transferred": "department", "priority_changed": "priority"}.get(what, "agent")
    return f"{noun} {data['from'] or 'nobody'} → {data.get('to') or 'nobody'}"


def _responsible(event: TicketEvent, decision: Decision, desk: Desk, changes: list[Change]) -> Decision:
    """Return the decision with the responsibility a new ticket has when no rule has said who.

    The only agent of a desk has everything; among several nobody is chosen. A later message changes nothing.
    """
    if "ticket.created" not in event.names or decision.agent is not None:
        return decision
    if decision.unassigned_reason == "rule_unassigned":
        return decision
    if len(desk.agents) == 1:
        only = desk.agents[0].id
        changes.append(Change("ticket.assigned", "desk", {"from": None, "to": only, "reason": "one_agent"}))
        return replace(decision, agent=only, unassigned_reason=None)
    if decision.unassigned_reason is None:
        members = desk.members(decision.department)
        return replace(decision, unassigned_reason="several_agents" if members else "no_members")
    return decision
