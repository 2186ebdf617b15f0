"""What was expected of a message and what came of it, compared; and which rule it was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.cases import Expected
from config.check import NOBODY
from router.event import NOUNS, Change, Decision
from router.explain import explain
from router.trial.file import Result
from router.trial.message import Tried

DOES: Final[Mapping[str, frozenset[str]]] = {
    "fields": frozenset({"fields"}),
    "sla": frozenset({"sla"}),
    "skills": frozenset({"skills"}),
    "postponed": frozenset({"postpone"}),
    "escalation": frozenset({"escalate"}),
    "told": frozenset({"notify", "spam", "silent_resolve"}),
    "outcome": frozenset({"quarantine"}),
}
"""The actions that change what no line of the history tells."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected; `by` is who made it so, in words."""

    what: str
    expected: Any
    got: Any
    by: str


def differences(expected: Expected, result: Result) -> list[Difference]:
    """Return what is not as expected, in the order of the words of `expect:`."""
    said = expected.model_dump(exclude_none=True)
    there = found(result)
    if not said:
        return []
    if said.pop("outcome", "routed") != result.outcome:
        return [Difference("outcome", expected.outcome or "routed", result.outcome, result.because)]
    if result.tried is None:
        return []
    wrong = []
    for what, wanted in said.items():
        got = there[what]
        if what == "fields":
            got = {name: got.get(name) for name in wanted}
        same = sorted(got) == sorted(wanted) if isinstance(wanted, tuple) else got == wanted
        if not same:
            plain = list(wanted) if isinstance(wanted, tuple) else wanted
            by = _unmatched(result.tried, wanted) if what == "rules" else maker(result.tried, what)
            wrong.append(Difference(what, plain, got, by))
    return wrong


def found(result: Result) -> dict[str, Any]:
    """Return what came of a message, under the words of `expect:`; nothing but the outcome when no rule was asked."""
    tried = result.tried
    if tried is None:
        return {"outcome": result.outcome}
    return {"outcome": result.outcome, **decided(tried.decision), "told": list(tried.told), "rules": matched(tried)}


def decided(decision: Decision) -> dict[str, Any]:
    """Return a decision for JSON."""
    return {
        "department": decision.department,
        "agent": decision.agent or NOBODY,
        "reason": decision.unassigned_reason,
        "priority": decision.priority,
        "status": decision.status,
        "tags": list(decision.tags),
        "fields": dict(decision.fields),
        "sla": decision.sla,
    }


def matched(tried: Tried) -> list[str]:
    """Return the names of the rules that matched, in their order."""
    passes = [tried.verdict.trace, *tried.verdict.trace.get("next", ())]
    return [run["rule"] for one in passes for run in one["rules"] if run["result"] == "matched"]


def _unmatched(tried: Tried, wanted: Iterable[str]) -> str:
    """Return what became of the rules that should have matched and did not."""
    lines, there = explain(tried.verdict.trace), matched(tried)
    words = [line[2:] for line in lines if any(line[2:].startswith(f"{one}:") for one in wanted if one not in there)]
    return "; ".join(words) or "a rule matched that should not"


def maker(tried: Tried, what: str) -> str:
    """Return in words who made it so: the rule that decided last, else the desk, else what a ticket begins with."""
    rule = rule_of(tried, what)
    if rule is not None:
        return f"rule {rule}"
    made = [change for change in tried.verdict.changes if _is(change, what)]
    if made:
        return f"the desk: {made[-1].data.get('reason') or made[-1].event}"
    if what == "told":  # who is told follows from where it goes
        return maker(tried, "department")
    return tried.because if what == "department" else "no rule"


def rule_of(tried: Tried, what: str) -> str | None:
    """Return the rule that decided something last, or nothing when no rule did."""
    actors = [change.actor for change in tried.verdict.changes if _is(change, what)]
    if actors and actors[-1].startswith("rule:"):
        return actors[-1].removeprefix("rule:")
    last = None
    for one in (tried.verdict.trace, *tried.verdict.trace.get("next", ())):
        for run in one["rules"]:
            if any(action["action"] in DOES.get(what, ()) and action.get("did") for action in run.get("actions", ())):
                last = run["rule"]
    return last


def _is(change: Change, what: str) -> bool:
    return NOUNS.get(change.event) == what or (what == "tags" and change.event == "ticket.tagged")
