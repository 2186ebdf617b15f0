"""What a message costs by the number of rules: `decide` with 10,000 of them against 10, and against asking each with `re`.

The rules are those of a desk with many customers: each of them asks for a customer's domain, address, invoice, contract or
order. Every other message concerns one of the 10,000, so the few rules mostly have nothing to do. `python -m benchmarks.rules` makes a desk file of 10,000 rules and
says how long it takes to load.
"""

import re
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Any, Final

from ruamel.yaml import YAML

from benchmarks.corpus import corpus
from benchmarks.figures import Figure, Progress, figure
from benchmarks.process import DESK
from commands.parts import CHECKS, KINDS, open_desk
from config.desk import Desk
from config.load import load
from config.rule import Rule
from ingest.mail.read import parse_mail
from router.conditions import Seen
from router.decide import decide
from router.event import TicketEvent
from router.rules import RuleSet, compile_rules
from router.state import State
from tickets.message import InboundMessage

FEW: Final = 10
COUNTS: Final = (FEW, 100, 1_000, 10_000)
MESSAGES: Final = 100
LOOSE: Final = 1_000
GOAL: Final = 3.0
GOAL_RE: Final = 100.0
NAMES: Final = frozenset({"ticket.created", "message.received"})
FILES: Final = 4  # a file of the desk has at most a megabyte


def measure(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure of a message's decision with the most rules against that with the fewest."""
    del folder
    desk, events = open_desk(DESK).current(), _events()
    desks = {count: _with(desk, [_rule(number) for number in range(count)]) for count in COUNTS}
    begun, before = time.perf_counter(), _megabytes()
    made = {count: compile_rules(one) for count, one in desks.items()}
    compiled, grown = time.perf_counter() - begun, _megabytes() - before
    loose = _with(desk, [_loose(number) for number in range(LOOSE)])
    pairs, costs = [], dict[int, list[float]]()
    for number in range(rounds):
        for count in COUNTS:
            costs.setdefault(count, []).append(_cost(made[count], events, desks[count]))
        pairs.append((costs[COUNTS[-1]][-1], costs[FEW][-1]))
        progress(f"rules {number + 1}/{rounds}: " + ", ".join(f"{count} {costs[count][-1]:.0f} µs" for count in COUNTS))
    return figure(
        "rules",
        f"time of a message's decision with {COUNTS[-1]:,} rules ÷ with {FEW}",
        pairs,
        goal=GOAL,
        at_least=False,
        details={
            **{f"us_with_{count}": median(costs[count]) for count in COUNTS},
            "us_with_1000_loose": _cost(compile_rules(loose), events[:10], loose),
            "seconds_to_compile": compiled,
            "megabytes": grown,
            "asked_of_10000": fmean(_asked(made[COUNTS[-1]], one, desk) for one in events),
        },
    )


def against_re(rounds: int, folder: Path, progress: Progress) -> Figure:
    """Return the figure of asking the same conditions one by one with `re` against our decision."""
    del folder
    desk, events = open_desk(DESK).current(), _events()[:10]
    many = _with(desk, [_rule(number) for number in range(COUNTS[-1])])
    made, by_hand = compile_rules(many), [_by_hand(number) for number in range(COUNTS[-1])]
    pairs = []
    for number in range(rounds):
        begun = time.perf_counter()
        for event in events:
            seen = Seen(event, desk)
            for word, pattern in by_hand:
                any(pattern.search(value) for value in seen.values(word))
        one_by_one = 1e6 * (time.perf_counter() - begun) / len(events)
        pairs.append((one_by_one, _cost(made, events, many)))
        progress(f"rules by re {number + 1}/{rounds}: {pairs[-1][0] / 1000:.0f} ms, ours {pairs[-1][1]:.0f} µs")
    return figure(
        "rules-re",
        f"time of asking {COUNTS[-1]:,} conditions one by one with re ÷ our decision",
        pairs,
        goal=GOAL_RE,
        at_least=True,
        details={"re_ms": median(one for one, _ in pairs) / 1000, "ours_us": median(ours for _, ours in pairs)},
    )


def _said(number: int) -> tuple[str, Any, str]:
    """Return what a rule asks: its word, what is said of it, and the same as a pattern of `re`."""
    asks: tuple[tuple[str, Any, str], ...] = (
        ("from_domain", f"customer{number}.example", rf"^customer{number}\.example$"),
        ("subject", {"contains": [f"invoice {number + 4000}", f"refund {number}"]}, f"invoice {number + 4000}|refund {number}"),
        ("body", {"contains": f"contract {number:05}"}, f"contract {number:05}"),
        ("to", f"team{number}@support.acme.example", rf"^team{number}@support\.acme\.example$"),
        ("body", {"matches": rf"order\s+(no\.?\s*)?{number + 20_000}\b"}, rf"order\s+(no\.?\s*)?{number + 20_000}\b"),
    )  # fmt: skip
    return asks[number % len(asks)]


def _by_hand(number: int) -> tuple[str, re.Pattern[str]]:
    word, _, pattern = _said(number)
    return word, re.compile(pattern, re.IGNORECASE)


def _rule(number: int) -> dict[str, Any]:
    word, said, _ = _said(number)
    return {"name": f"Customer {number}", "when": [{word: said, "kind": "message"}], "then": [{"priority": "high"}]}


def _loose(number: int) -> dict[str, Any]:
    when = {"body": {"matches": rf"\w+\s\d?{number % 10}?.*[aeiou]x?{number}?$"}, "subject": {"not_contains": "e"}}
    return {"name": f"Loose {number}", "when": [when], "then": [{"priority": "high"}]}


def _with(desk: Desk, rules: Sequence[dict[str, Any]]) -> Desk:
    return desk.model_copy(update={"rules": tuple(map(Rule.model_validate, rules))})


def _events() -> list[TicketEvent]:
    mails, state = corpus(["support@acme.example"], MESSAGES), State("general", status="new")
    messages = [_concerning(parse_mail(mail.raw, None), place) for place, mail in enumerate(mails)]
    to = ("support@acme.example",)
    return [TicketEvent(NAMES, state, 0.0, "support-mail", "smtp", message=one, recipients=to) for one in messages]


def _concerning(message: InboundMessage, place: int) -> InboundMessage:
    """Return every other message as it is when it is about a customer that some rule asks for."""
    number = place * 97 % COUNTS[-1]
    number -= number % 5  # the rule that asks for the domain; those behind it ask for the others
    sender = message.sender.model_copy(update={"id": f"ann@customer{number}.example"})
    said = (
        {"sender": sender},
        {"subject": f"About invoice {number + 1 + 4000}"},
        {"text": f"{message.text}\nOur contract {number + 2:05} ends."},
    )
    return message.model_copy(update=said[place // 2 % len(said)]) if place % 2 else message


def _cost(rules: RuleSet, events: Sequence[TicketEvent], desk: Desk) -> float:
    """Return the microseconds of a decision."""
    begun = time.perf_counter()
    for event in events:
        decide(rules, event, desk)
    return 1e6 * (time.perf_counter() - begun) / len(events)


def _asked(rules: RuleSet, event: TicketEvent, desk: Desk) -> int:
    return len(list(rules.asked(event, Seen(event, desk))))


def _megabytes() -> float:
    """Return the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _main(count: int) -> None:
    with TemporaryDirectory() as folder:
        desk, yaml = Path(folder) / "desk.yaml", YAML(typ="safe")
        whole = yaml.load(DESK.read_text(encoding="utf-8"))
        whole["include"] = [f"rules{number}.yaml" for number in range(FILES)]
        with desk.open("w", encoding="utf-8") as file:
            yaml.dump(whole, file)
        for number in range(FILES):
            with (Path(folder) / f"rules{number}.yaml").open("w", encoding="utf-8") as file:
                yaml.dump({"rules": [_rule(one) for one in range(number, count, FILES)]}, file)
        begun = time.perf_counter()
        found = load(desk, KINDS, CHECKS)
        print(f"{len(found.desk.rules):,} rules loaded and checked in {time.perf_counter() - begun:.1f} s")
        begun = time.perf_counter()
        compile_rules(found.desk)
        print(f"compiled in {time.perf_counter() - begun:.1f} s; {_megabytes():.0f} MB in all")


if __name__ == "__main__":
    _main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNTS[-1])
