"""Every action, as a table: the ticket as it was, what it becomes, the lines of its history, or why it is skipped."""

from collections.abc import Mapping
from typing import Any

import pytest

from config.desk import Desk
from router.actions import ACTIONS
from router.decide import Verdict, decide
from router.event import Change, Decision, Effect, Lookups, before
from router.rules import check_rules, compile_rules
from router.staff import Staff
from tests.router_rules.desks import CREATED, LATER, event

MONDAY_NOON = 1_795_435_200.0
MONDAY_NIGHT = MONDAY_NOON + 12 * 3600
RULE = "rule:it"


def desk(*then: Mapping[str, Any], **more: Any) -> Desk:
    people = {"sona": ["italian"], "luca": ["italian", "german"], "maria": []}
    departments = {
        "general": {"agents": ["sona", "luca", "maria"], "escalates_to": "leads"},
        "billing": {"agents": ["sona", "luca"], "when_away": "keep"},
        "leads": {"agents": ["sona", "maria"], "when_away": "substitute"},
    }
    rule = {"name": "it", "on": ["ticket.created", "message.received", "ticket.answered"], "then": list(then)}
    pattern = {"subject": {"matches": r"order (?P<order>\d+)"}}
    return Desk.model_validate(
        {
            "version": "0f3a5b",
            "desk": {"name": "Acme", "domain": "support.acme.example"},
            "agents": [
                {"id": one, "name": one.title(), "email": f"{one}@acme.example", "skills": has, "substitute": "maria"}
                for one, has in people.items()
            ],
            "departments": [{"id": one, "name": one.title(), **said} for one, said in departments.items()],
            "calendars": [
                {"id": "europe", "timezone": "UTC", "hours": {"mon-fri": ["09:00-17:00"]}},
                {"id": "shut", "timezone": "UTC", "hours": {}},
            ],
            "channels": [{"name": "support-mail", "type": "smtp"}],
            "notifiers": {},
            "tags": ["vip", "invoice", "outage"],
            "fields": ["order", "size"],
            "slas": [{"id": "gold", "first_response": "1h"}],
            "escalations": [{"id": "oncall", "steps": [{"notify": ["agent:sona"]}]}],
            "rules": [{"name": "finds", "when": [pattern], "then": [{"stop": False}]}, rule],
            **more,
        }
    )


class Known(Lookups):
    """A contact with an open ticket in general, and whatever it is just being linked with."""

    def newest_open(self, department: str) -> int | None:
        """Return it."""
        return {"general": 7}.get(department)

    def linked(self, other: int | None) -> int | None:
        """Return that."""
        return other


def done(*then: Mapping[str, Any], away: tuple[str, ...] = (), names: frozenset[str] = LATER, **ticket: Any) -> Verdict:
    on = desk(*then)
    of = event(names, **{"at": MONDAY_NOON, "number": 3, **ticket})
    return decide(compile_rules(on), of, on, Staff(on, of.at, away))


def became(verdict: Verdict, **ticket: Any) -> dict[str, Any]:
    """Return what is not as it was, without what strategies and patterns have found."""
    old = before(event(LATER, **{"at": MONDAY_NOON, "number": 3, **ticket}).ticket)
    new = verdict.decision
    names = [name for name in Decision._fields if name not in ("variables", "picks", "effects")]
    return {name: getattr(new, name) for name in names if getattr(new, name) != getattr(old, name)}


def line(name: str, **data: Any) -> Change:
    return Change(name, RULE, {{"was": "from"}.get(key, key): value for key, value in data.items()})


HAS_ORDER = {"subject": "About order 17", "names": CREATED}
CHANGES: list[tuple[Mapping[str, Any], dict[str, Any], dict[str, Any], list[Change]]] = [
    ({"transfer": "billing"}, {"agent": "sona"}, {"department": "billing", "agent": None, "unassigned_reason": "transferred"},
     [line("ticket.transferred", was="general", to="billing"), line("ticket.unassigned", was="sona", reason="transferred")]),
    ({"transfer": "escalates_to"}, {}, {"department": "leads", "unassigned_reason": "transferred"},
     [line("ticket.transferred", was="general", to="leads")]),
    ({"assign": "sona"}, {}, {"agent": "sona"}, [line("ticket.assigned", was=None, to="sona")]),
    ({"assign": "nobody"}, {"agent": "sona"}, {"agent": None, "unassigned_reason": "rule_unassigned"},
     [line("ticket.unassigned", was="sona", reason="rule_unassigned")]),
    ({"assign": "sona"}, {"department": "billing", "away": ("sona",)}, {"agent": "sona"},
     [line("ticket.assigned", was=None, to="sona")]),
    ({"assign": "sona"}, {"department": "leads", "away": ("sona",)}, {"agent": "maria"},
     [line("ticket.assigned", was=None, to="maria")]),
    ({"assign": {"strategy": "least_loaded"}}, {"department": "leads", "away": ("sona",)}, {"agent": "maria"},
     [line("ticket.assigned", was=None, to="maria", reason="least_loaded")]),
    ({"priority": "urgent"}, {}, {"priority": "urgent"}, [line("ticket.priority_changed", was="normal", to="urgent")]),
    ({"priority": "raise"}, {"priority": "high"}, {"priority": "urgent"},
     [line("ticket.priority_changed", was="high", to="urgent")]),
    ({"priority": "raise"}, {"priority": "urgent"}, {}, []),
    ({"priority": "lower"}, {}, {"priority": "low"}, [line("ticket.priority_changed", was="normal", to="low")]),
    ({"priority": "lower"}, {"priority": "low"}, {}, []),
    ({"status": "closed"}, {"status": "open"}, {"status": "closed"}, [line("ticket.status_changed", was="open", to="closed")]),
    ({"status": "open"}, {"status": "resolved"}, {"status": "open"}, [line("ticket.reopened", was="resolved", to="open")]),
    ({"postpone": "4h"}, {}, {"status": "postponed", "postponed_until": MONDAY_NOON + 14_400},
     [line("ticket.status_changed", was="new", to="postponed", until=MONDAY_NOON + 14_400)]),
    ({"postpone": {"until": "europe"}}, {"at": MONDAY_NIGHT},
     {"status": "postponed", "postponed_until": MONDAY_NIGHT + 9 * 3600},
     [line("ticket.status_changed", was="new", to="postponed", until=MONDAY_NIGHT + 9 * 3600)]),
    ({"postpone": "2h"}, {"status": "postponed", "postponed_until": MONDAY_NOON}, {"postponed_until": MONDAY_NOON + 7200}, []),
    ({"tag": ["vip", "outage"]}, {"tags": ("vip",)}, {"tags": ("vip", "outage")}, [line("ticket.tagged", added=["outage"])]),
    ({"untag": "vip"}, {"tags": ("vip", "outage")}, {"tags": ("outage",)}, [line("ticket.tagged", added=[], removed=["vip"])]),
    ({"tags": ["invoice", "vip"]}, {"tags": ("vip", "outage")}, {"tags": ("vip", "invoice")},
     [line("ticket.tagged", added=["invoice"], removed=["outage"])]),
    ({"tags": []}, {"tags": ("vip",)}, {"tags": ()}, [line("ticket.tagged", added=[], removed=["vip"])]),
    ({"fields": {"order": "{{ order }}", "size": 12}}, HAS_ORDER,
     {"fields": {"order": "17", "size": "12"}, "unassigned_reason": "several_agents"}, []),
    ({"fields": {"order": "{{ order }}"}}, {"fields": {"order": "9"}}, {}, []),
    ({"fields": {"order": None}}, {"fields": {"order": "9", "size": "1"}}, {"fields": {"size": "1"}}, []),
    ({"skills": ["italian"]}, {}, {"skills": {"italian": None}}, []),
    ({"skills": {"italian": "2h", "german": True}}, {}, {"skills": {"italian": MONDAY_NOON + 7200, "german": None}}, []),
    ({"skills": {"italian": "2h"}}, {"skills": {"italian": None}}, {}, []),
    ({"skills": {"italian": False}}, {"skills": {"italian": None}}, {"skills": {}}, []),
    ({"sla": "gold"}, {}, {"sla": "gold"}, []),
    ({"notify": ["agent:sona"]}, {}, {"notify": (("agent:sona", "it"),)}, []),
    ({"escalate": "oncall"}, {}, {"escalation": "oncall"}, []),
    ({"quarantine": True}, {}, {"quarantine": "it"}, []),
    ({"spam": True}, {}, {"status": "spam", "silent": True}, [line("ticket.status_changed", was="new", to="spam")]),
    ({"silent_resolve": True}, {"status": "answered"}, {"status": "resolved", "silent": True},
     [line("ticket.status_changed", was="answered", to="resolved")]),
    ({"merge": "newest"}, {"lookups": Known()}, {"status": "merged"},
     [line("ticket.status_changed", was="new", to="merged")]),
    ({"stop": True}, {}, {}, []),
]  # fmt: skip

EFFECTS: list[tuple[Mapping[str, Any], dict[str, Any], Effect]] = [
    ({"note": "Order {{ order }}"}, {}, Effect("note", "Order {{ order }}", "it", "ticket.noted")),
    ({"reply": {"text": "Thanks"}}, {}, Effect("reply", {"text": "Thanks"}, "it")),
    ({"merge": "newest"}, {"lookups": Known()}, Effect("merge", 7, "it", "ticket.merged")),
    ({"merge": "linked"}, {"lookups": Known(), "linked_to": 5}, Effect("merge", 5, "it", "ticket.merged")),
    ({"link": "newest"}, {"lookups": Known()}, Effect("link", 7, "it", "ticket.linked")),
    ({"contact_tag": "vip"}, {}, Effect("contact_tag", {"added": ["vip"]}, "it")),
    ({"contact_untag": ["vip"]}, {}, Effect("contact_tag", {"removed": ["vip"]}, "it")),
]

SKIPS: list[tuple[Mapping[str, Any], dict[str, Any], str]] = [
    ({"transfer": "escalates_to"}, {"department": "billing"}, "billing escalates to no department"),
    ({"assign": "maria"}, {"department": "billing"}, "maria is not in billing"),
    ({"assign": "luca"}, {"away": ("luca",)}, "luca is not at work: away"),
    ({"assign": "sona"}, {"department": "leads", "away": ("sona", "maria")}, "sona is not at work: away"),
    ({"assign": {"strategy": "random"}}, {"agent": "sona"}, "sona has it already"),
    ({"assign": "last_agent"}, {}, "the contact has had no agent yet"),
    ({"status": "open"}, {"status": "merged"}, "it is merged into another ticket"),
    ({"spam": True}, {"status": "merged"}, "it is merged into another ticket"),
    ({"silent_resolve": True}, {"status": "merged"}, "it is merged into another ticket"),
    ({"postpone": "2h"}, {"status": "closed"}, "it is closed; there is nothing to postpone"),
    ({"postpone": {"until": "europe"}}, {}, "europe is open"),
    ({"postpone": {"until": "shut"}}, {}, "shut does not open any more"),
    ({"quarantine": True}, {"released": True}, "a person sent it on"),
    ({"quarantine": True}, {"message": None}, "there is no message to put aside"),
    ({"merge": "newest"}, {"department": "billing", "lookups": Known()}, "the contact has no other open ticket in billing"),
    ({"merge": "linked"}, {}, "the contact has no other open ticket linked with it"),
    ({"merge": "newest"}, {"status": "merged", "lookups": Known()}, "it is merged already"),
    ({"merge": "newest"}, {"follows": 1, "lookups": Known()}, "another ticket was merged into it just now"),
    ({"link": "newest"}, {}, "the contact has no other open ticket in general"),
    ({"link": "newest"}, {"linked_to": 7, "lookups": Known()}, "it is linked with ticket 7 already"),
    ({"fields": {"order": "{{ 1 / (order | length) }}"}}, {}, "its text cannot be filled: ZeroDivisionError: division by zero"),
]  # fmt: skip


def named(case: tuple[Any, ...]) -> str:
    return " ".join(f"{word} {value}" for word, value in case[0].items())[:60]


@pytest.mark.parametrize(("then", "ticket", "expected", "lines"), CHANGES, ids=map(named, CHANGES))
def test_an_action_changes_the_ticket_and_its_history_says_so(
    then: Mapping[str, Any], ticket: dict[str, Any], expected: dict[str, Any], lines: list[Change]
) -> None:
    verdict = done(then, **ticket)
    was = {name: value for name, value in ticket.items() if name not in ("away", "names")}
    assert became(verdict, **was) == expected
    assert [one for one in verdict.changes if one.actor == RULE] == lines
    [action] = verdict.trace["rules"][-1]["actions"]
    assert bool(action["did"]) == bool(expected or lines)


@pytest.mark.parametrize(("then", "ticket", "effect"), EFFECTS, ids=map(named, EFFECTS))
def test_an_action_that_is_more_than_a_value_is_an_effect(
    then: Mapping[str, Any], ticket: dict[str, Any], effect: Effect
) -> None:
    assert done(then, **ticket).decision.effects == (effect,)


@pytest.mark.parametrize(("then", "ticket", "why"), SKIPS, ids=[why for *_, why in SKIPS])
def test_an_action_that_cannot_be_done_is_skipped_and_the_trace_says_why(
    then: Mapping[str, Any], ticket: dict[str, Any], why: str
) -> None:
    verdict = done(then, {"tag": "vip"}, **ticket)
    skipped, next_one = verdict.trace["rules"][-1]["actions"]
    assert skipped["skipped"] == why
    assert next_one["did"] == ["tags + vip"]


def test_every_action_is_tried_here() -> None:
    told = {word for then in (*(case[0] for case in CHANGES), *(case[0] for case in EFFECTS)) for word in then}
    assert told | {"webhook"} == set(ACTIONS)  # tests/path/test_webhook.py


def test_a_strategy_that_finds_nobody_says_why_and_keeps_who_was_passed_over() -> None:
    verdict = done({"assign": {"strategy": "random"}}, department="leads", away=("sona", "maria"))
    assert (verdict.decision.agent, verdict.decision.unassigned_reason) == (None, "all_offline")
    [picked] = verdict.trace["picked"]
    assert dict(picked["passed_over"]) == {"sona": "away", "maria": "away"}


def test_what_an_effect_makes_happen_is_asked_of_the_rules_as_well() -> None:
    on = desk(
        rules=[
            {"name": "notes", "on": ["message.received"], "then": [{"note": "Look at this"}]},
            {"name": "noted", "on": ["ticket.noted"], "then": [{"tag": "vip"}]},
        ]
    )
    verdict = decide(compile_rules(on), event(LATER), on)
    assert verdict.decision.tags == ("vip",)
    assert [one.event for one in verdict.changes] == ["ticket.tagged"]  # the effect writes the other line
    assert verdict.trace["next"][0]["events"] == ["ticket.noted"]


def test_rules_that_note_each_other_s_notes_come_to_an_end() -> None:
    rules = [{"name": f"r{one}", "on": ["message.received", "ticket.noted"], "then": [{"note": "x"}]} for one in (1, 2)]
    on = desk(rules=rules)
    assert len(decide(compile_rules(on), event(LATER), on).decision.effects) == 2


def test_a_message_that_is_put_aside_is_put_aside_by_the_first_rule_and_asks_no_more() -> None:
    rules = [
        {"name": name, "on": ["message.received"], "then": [{"quarantine": True}, {"status": "closed"}]}
        for name in ("one", "two")
    ]
    later = {"name": "later", "on": ["ticket.status_changed"], "then": [{"tag": "vip"}]}
    on = desk(rules=[*rules, later])
    verdict = decide(compile_rules(on), event(LATER), on)
    assert (verdict.decision.quarantine, verdict.decision.tags) == ("one", ())
    assert [run["result"] for run in verdict.trace["rules"]] == ["matched"]
    assert "next" not in verdict.trace


MISTAKES: list[tuple[Mapping[str, Any], str]] = [
    ({"transfer": "escalate_to"}, 'transfer: no department is called "escalate_to"; did you mean "escalates_to"?'),
    ({"assign": {"strategy": "rund_robin"}}, 'assign.strategy: no strategy is called "rund_robin"; did you mean "round_robin"?'),
    ({"assign": {"strateg": "random"}}, "assign: must be an agent, or how one is chosen: {strategy: least_loaded}"),
    ({"status": "merged"}, "status: no rule sets a ticket to merged like this; write merge: newest"),
    ({"status": "postponed"}, "status: no rule sets a ticket to postponed like this; write postpone: 4h"),
    ({"status": "opn"}, 'status: no status is called "opn"; did you mean "open"?'),
    ({"postpone": "soon"}, "postpone: must be a duration like 90s, 30m, 4h or 2d; or until a calendar opens: {until: CALENDAR}"),
    ({"postpone": {"until": "europ"}}, 'postpone.until: no calendar is called "europ"; did you mean "europe"?'),
    ({"untag": "vipp"}, 'untag: no tag is called "vipp"; did you mean "vip"?'),
    ({"tags": ["vipp"]}, 'tags.0: no tag is called "vipp"; did you mean "vip"?'),
    ({"fields": {"ordr": "1"}}, 'fields.ordr: no field is called "ordr"; did you mean "order"?'),
    ({"fields": {"order": "{{ ordr }}"}}, "fields.order: cannot be filled: 'ordr' is undefined"),
    ({"fields": ["order"]}, 'fields: must be fields with their texts: {order: "{{ order }}"}; null takes one off'),
    ({"skills": ["italan"]}, 'skills.0: no skill is called "italan"; did you mean "italian"?'),
    ({"skills": {"italian": "long"}}, "skills.italian: must be a duration like 90s, 30m, 4h or 2d, or true or false"),
    ({"sla": "god"}, 'sla: no SLA level is called "god"; did you mean "gold"?'),
    ({"note": ""}, "note: must be a text; put it in quotes"),
    ({"note": "{% if order %}"}, "note: cannot be filled: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'. in line 1"),
    ({"note": "{{ order.__class__ }}"}, "note: cannot be filled: access to attribute '__class__' of 'str' object is unsafe."),
    ({"reply": "thanks"}, 'reply: no template is called "thanks"'),
    ({"reply": ["thanks"]}, 'reply: must be the name of a template, or {text: "…"}'),
    ({"webhook": "crm"}, 'webhook: no webhook is called "crm"'),
    ({"merge": "oldest"}, 'merge: no ticket is called "oldest"; known: newest, linked'),
    ({"link": "linked"}, 'link: no ticket is called "linked"; known: newest'),
    ({"quarantine": False}, "quarantine: must be true; leave it out where it is not wanted"),
    ({"spam": "yes"}, "spam: must be true; leave it out where it is not wanted"),
    ({"silent_resolve": False}, "silent_resolve: must be true; leave it out where it is not wanted"),
    ({"contact_tag": "vipp"}, 'contact_tag: no tag is called "vipp"; did you mean "vip"?'),
    ({"escalate": "oncal"}, 'escalate: no escalation is called "oncal"; did you mean "oncall"?'),
]  # fmt: skip


@pytest.mark.parametrize(("then", "expected"), MISTAKES, ids=[words[:60] for _, words in MISTAKES])
def test_what_an_action_names_and_is_not_there_is_a_mistake(then: Mapping[str, Any], expected: str) -> None:
    assert [str(problem) for problem in check_rules(desk(then))] == [f"rules.1.then.0.{expected}"]


def test_customer_text_in_a_value_is_never_filled_again() -> None:
    verdict = done({"fields": {"order": "{{ subject }}"}}, ticket_subject="{{ 7 * 7 }}")
    assert verdict.decision.fields == {"order": "{{ 7 * 7 }}"}


def test_a_long_text_is_cut_in_the_trace_and_a_field_is_bounded() -> None:
    verdict = done({"fields": {"order": "x" * 5000}})
    assert len(verdict.decision.fields["order"]) == 1000
    assert len(verdict.trace["rules"][-1]["actions"][0]["value"]["order"]) == 120
