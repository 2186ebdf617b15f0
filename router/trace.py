"""A decision's trace made whole: a line for each rule, also for those the index has left out.

The trace (router/decide.py) says what was asked and, once, what the index saw; the rest is the same for every message and
kept once for each version of the desk file.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from router.rules import RuleSet

IDLE: Final = ("inactive", "not_for_event", "done_before")
"""How a rule fared that was not to be asked at all."""

Line = Mapping[str, Any]
Kept = Sequence[Mapping[str, Any]]
"""What is kept of a version's rules, in their order: name, active, on, and what is missing when the index leaves them out."""


def kept(rules: RuleSet) -> list[dict[str, Any]]:
    """Return what `whole` must know of the rules, for JSON."""
    return [
        {
            "rule": rule.name,
            "active": rule.active,
            "on": sorted(rule.on),
            "missing": [{k: v for k, v in asdict(miss).items() if v is not False} for miss in rule.missing],
        }
        for rule in rules.rules
    ]


def whole(trace: Mapping[str, Any], rules: Kept) -> dict[str, Any]:
    """Return the trace with a line for each rule in every pass; in those that followed only for rules that were to be asked."""
    done = set[str]()
    unknown = frozenset(trace.get("unknown", ()))
    first = _lines(trace, rules, done, unknown)
    follow = [
        {**one, "rules": [line for line in _lines(one, rules, done, unknown) if line["result"] not in IDLE]}
        for one in trace.get("next", ())
    ]
    return {**trace, "rules": first, **({"next": follow} if follow else {})}


def _lines(one: Mapping[str, Any], rules: Kept, done: set[str], unknown: Collection[str]) -> list[Line]:
    """Return the lines of a pass in the order of the rules; `done` are those that have matched before, and then in it too."""
    asked = {line["rule"]: line for line in one["rules"]}
    if not asked.keys() <= {rule["rule"] for rule in rules}:
        return list(one["rules"])  # from a desk file whose rules are not known any more
    events, only, lines, stopped_by = frozenset(one["events"]), one.get("only"), list[Line](), ""
    for rule in rules:
        name = rule["rule"]
        if (line := asked.get(name)) is None:
            line = {"rule": name} | _idle(rule, events, only, done)
            if "result" not in line:
                line |= (
                    {"result": "not_reached", "stopped_by": stopped_by} if stopped_by else _left_out(rule, one, unknown)
                )
        elif line.get("stopped"):
            stopped_by = name
        lines.append(line)
    done.update(name for name, line in asked.items() if line["result"] == "matched")
    return lines


def _idle(rule: Line, events: frozenset[str], only: Iterable[str] | None, done: set[str]) -> dict[str, Any]:
    if not rule["active"]:
        return {"result": "inactive"}
    if events.isdisjoint(rule["on"]) or (only is not None and rule["rule"] not in only):
        return {"result": "not_for_event"}
    return {"result": "done_before"} if rule["rule"] in done else {}


def _left_out(rule: Line, one: Mapping[str, Any], unknown: Collection[str]) -> dict[str, Any]:
    saw = one.get("saw", {})
    failed = [
        {**miss, "saw": saw.get(miss["word"], ""), **({"unknown": True} if miss["word"] in unknown else {})}
        for miss in rule["missing"]
    ]
    return {"result": "failed", "failed": failed}
