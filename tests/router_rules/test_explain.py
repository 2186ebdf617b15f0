"""The trace of a decision, and how it is told to people."""

import json
from typing import Any

from router.decide import decide
from router.event import TicketEvent
from router.explain import explain
from router.rules import compile_rules
from router.trace import kept, whole
from tests.router_rules.desks import LATER, desk, event

RULES: list[dict[str, Any]] = [
    {
        "name": "Outages",
        "when": [{"subject": {"contains": "outage"}}, {"any": [{"body": {"matches": "5.. error"}}]}],
    },
    {"name": "Old", "active": False},
    {"name": "Reopened", "on": ["ticket.reopened"]},
    {"name": "Not bounced", "when": [{"not": {"kind": "message", "subject": ["x", "your invoice 12"]}}]},
    {
        "name": "Invoices to billing",
        "when": [{"subject": {"contains": "invoice"}}],
        "then": [
            {"transfer": "billing"},
            {"priority": "normal"},
            {"tag": ["vip", "invoice"]},
            {"notify": ["slack:#bills"]},
            {"assign": "sona"},
        ],
        "stop": True,
    },
    {"name": "Last"},
]


OUTAGES = (
    '✗ Outages: subject contains "outage" — saw "Your Invoice 12"; '
    'or body matches "5.. error" — saw "Dear all, the site is DOWN since noon."'
)
INVOICES = (
    "✓ Invoices to billing: transfer billing, priority normal (was so already), tag vip, invoice, "
    "notify slack:#bills, assign sona; stops here"
)


def lines(of: TicketEvent, rules: list[dict[str, Any]] = RULES) -> list[str]:
    made = desk(rules)
    compiled = compile_rules(made)
    trace = decide(compiled, of, made).trace
    return explain(whole(json.loads(json.dumps(trace)), json.loads(json.dumps(kept(compiled)))))


def test_every_rule_says_what_it_did_or_the_first_thing_that_kept_it() -> None:
    assert lines(event()) == [
        "Desk 0f3a5b, message.received + ticket.created",
        OUTAGES,
        "· Old: inactive",
        "· Reopened: not for this event",
        '✗ Not bounced: not (kind message, subject x or your invoice 12) — saw "message"',
        INVOICES,
        "· Last: not reached, 'Invoices to billing' stopped",
        "→ billing, sona (Invoices to billing)",
    ]


def test_the_trace_has_the_path_the_operator_what_was_wanted_and_what_was_seen() -> None:
    made = desk(RULES)
    compiled = compile_rules(made)
    run = whole(decide(compiled, event(text="x" * 500), made).trace, kept(compiled))["rules"][0]
    assert run["failed"] == [
        {
            "path": "when.0.subject",
            "word": "subject",
            "operator": "contains",
            "wanted": "outage",
            "saw": "Your Invoice 12",
        },
        {
            "path": "when.1.any.0.body",
            "word": "body",
            "operator": "matches",
            "wanted": "5.. error",
            "saw": "x" * 119 + "…",
        },
    ]


def test_the_last_line_says_who_is_responsible_and_why_nobody_is() -> None:
    assert lines(event(), [])[-1] == "→ general, nobody: several agents could; any of them may take it"
    assert lines(event(department="empty"), [])[-1] == "→ empty, nobody: the department has no agents"
    assert lines(event(LATER, agent="sona"), [])[-1] == "→ general, sona (as before)"
    assert lines(event(LATER), [])[-1] == "→ general, nobody: nobody was assigned"
    nobody = lines(event(), [{"then": [{"assign": "nobody"}, {"stop": True}]}])
    assert nobody[1:] == ["✓ rule 0: assign nobody; stops here", "→ general, nobody: a rule assigns nobody"]
    skipped = lines(event(department="billing"), [{"then": [{"assign": "luca"}]}])
    assert skipped[1] == "✓ rule 0: assign luca (skipped: luca is not in billing)"


def test_what_a_customer_wrote_cannot_move_the_cursor() -> None:
    told = lines(event(subject="\x1b[2J\r\nhello\u202e"))
    assert all(line.isprintable() for line in told)
