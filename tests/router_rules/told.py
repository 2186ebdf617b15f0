"""The golden traces: what is told of a decision, word for word.

Each case is a file in `golden/`: rules, what happened, who is away. Beside it lies what people are told (`.txt`) and the
whole trace (`.json`). When they should read differently, `python -m tests.router_rules.told` writes them anew; look at the
difference before it is committed.
"""

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from router.decide import decide
from router.explain import explain
from router.rules import compile_rules
from router.staff import Staff
from router.trace import kept, whole
from tests.router_rules.desks import desk, event

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.glob("*.yaml"))


def told(case: Path) -> tuple[str, str]:
    """Return what is told of a case: for people, and as JSON."""
    said: dict[str, Any] = YAML(typ="safe").load(case.read_text(encoding="utf-8"))
    made = desk(said["rules"], **said.get("desk", {}))
    happened = dict(said["event"])
    of = event(frozenset(happened.pop("names")), **happened)
    rules = compile_rules(made)
    trace = decide(rules, of, made, Staff(made, of.at, said.get("away", ()))).trace
    stored = json.loads(json.dumps(trace | said.get("written", {})))  # as it is kept with the ticket
    full = whole(stored, json.loads(json.dumps(kept(rules))))
    return "\n".join(explain(full)) + "\n", json.dumps(full, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write what is told of every case."""
    for case in CASES:
        for suffix, text in zip((".txt", ".json"), told(case), strict=True):
            case.with_suffix(suffix).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
