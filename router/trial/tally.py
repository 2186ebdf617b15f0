"""What a replay has come to: counts, examples, and how the rules of the new desk file fared."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from router.rules import RuleSet
from router.trial.compare import Changed
from router.trial.message import Tried


@dataclass(frozen=True, slots=True)
class Example:
    """A message that would go another way: its row of the inbox, its ticket, and what changes."""

    inbox: int
    ticket: int
    subject: str
    changed: Changed


@dataclass(slots=True)
class Tally:
    """Counts of a stretch of history. `left_out` are messages that could not be replayed, by the reason in words.

    `unknown` counts the messages for which a condition asked for what history does not know. Of the rules it counts
    messages: those they matched, those where they did something, and by (rule, other rule) those where they would have
    matched, had the other one not stopped before. `events` are those that were replayed.
    """

    replayed: int = 0
    changed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    given: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)
    hidden: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: set[str] = field(default_factory=set)

    def differs(self, example: Iterable[Example], most: int) -> None:
        """Count a message that would go another way, with one example for each thing that changes."""
        self.changed += 1
        for one in example:
            self.kinds[one.changed.kind] += 1
            kept = self.examples.setdefault(one.changed.kind, [])
            if len(kept) < most:
                kept.append(one)

    def ran(self, tried: Tried) -> None:
        """Count how the rules fared."""
        for one in (tried.verdict.trace, *tried.verdict.trace.get("next", ())):
            self.events.update(one["events"])
            for run in one["rules"]:
                if run["result"] == "matched":
                    self.matched[run["rule"]] += 1
                    self.decided[run["rule"]] += any(action.get("did") for action in run["actions"]) or run["stopped"]

    def add(self, other: "Tally", most: int) -> None:
        """Add the counts of another stretch; of the examples the oldest are kept."""
        self.replayed += other.replayed
        self.changed += other.changed
        self.given += other.given
        for name in ("kinds", "left_out", "unknown", "matched", "decided", "hidden"):
            getattr(self, name).update(getattr(other, name))
        self.events |= other.events
        for kind, examples in other.examples.items():
            both = [*self.examples.get(kind, ()), *examples]
            self.examples[kind] = sorted(both, key=lambda one: one.inbox)[:most]


@dataclass(frozen=True, slots=True)
class Idle:
    """A rule of the new desk file that did nothing in all of history, and why in words."""

    rule: str
    why: str


def idle(rules: RuleSet, tally: Tally) -> list[Idle]:
    """Return the active rules that history says nothing good of: never asked, never matched, hidden, or without effect."""
    hidden: dict[str, Counter[str]] = {}
    for (rule, by), count in tally.hidden.items():
        hidden.setdefault(rule, Counter())[by] += count
    found = []
    for one in rules.rules:
        why = _why(one.name, one.on, tally, hidden) if one.active else None
        if why is not None:
            found.append(Idle(one.name, why))
    return found


def _why(name: str, on: frozenset[str], tally: Tally, hidden: Mapping[str, Counter[str]]) -> str | None:
    if tally.matched[name]:
        return None if tally.decided[name] else "matched, but everything was so already"
    if name in hidden:
        by, count = hidden[name].most_common(1)[0]
        return f"hidden: it would have matched, but {by} stops before it ({count} messages)"
    if on.isdisjoint(tally.events):
        return f"not tried: nothing in this history asks it ({', '.join(sorted(on))})"
    return "never matched"


def document(tally: Tally, rules: RuleSet) -> dict[str, Any]:
    """Return it for JSON."""
    return {
        "replayed": tally.replayed,
        "changed": tally.changed,
        "kinds": dict(tally.kinds),
        "examples": [
            {
                "inbox": one.inbox,
                "ticket": one.ticket,
                "subject": one.subject,
                "what": one.changed.kind,
                "from": one.changed.was,
                "to": one.changed.now,
                "by": one.changed.by,
            }
            for examples in tally.examples.values()
            for one in examples
        ],
        "left_out": dict(tally.left_out),
        "unknown": dict(tally.unknown),
        "given_by_strategy": tally.given,
        "rules": [{"rule": one.rule, "why": one.why} for one in idle(rules, tally)],
    }
