"""What the operators mean, and groups of conditions."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.conditions import CONDITIONS, UNKNOWN, Anchor, Seen, pattern
from router.event import Lookups, TicketEvent
from router.rules import compile_rules
from tests.router_rules.asking import HOUR, Answers, full, holds, misses
from tests.router_rules.desks import event
from tickets.message import clean

MEANS: list[tuple[str, Any, bool]] = [
    ("is", "your invoice 12", True),
    ("is", "your invoice", False),
    ("in", ["x", "YOUR INVOICE 12"], True),
    ("in", ["x", "y"], False),
    ("contains", "INVOICE", True),
    ("contains", ["refund", "invoice"], True),
    ("contains", ["refund", "receipt"], False),
    ("contains_all", ["your", "12"], True),
    ("contains_all", ["your", "13"], False),
    ("not_contains", "refund", True),
    ("not_contains", ["refund", "invoice"], False),
    ("starts_with", "your ", True),
    ("starts_with", ["x", "Your"], True),
    ("starts_with", "invoice", False),
    ("ends_with", "12", True),
    ("ends_with", ["x", "VOICE 12"], True),
    ("ends_with", "invoice", False),
    ("matches", r"invoice \d+$", True),
    ("matches", ["^x", r"\bINVOICE\b"], True),
    ("matches", "^invoice", False),
]


@pytest.mark.parametrize(("operator", "wanted", "expected"), MEANS)
def test_an_operator_means_what_its_word_says(operator: str, wanted: Any, expected: bool) -> None:
    assert holds({"subject": {operator: wanted}}) is expected


def test_several_operators_of_one_condition_must_all_hold() -> None:
    assert holds({"subject": {"contains": "invoice", "not_contains": "paid"}})
    assert not holds({"subject": {"contains": "invoice", "not_contains": "your"}})


def test_a_condition_with_several_values_holds_when_one_does() -> None:
    assert holds({"to": {"starts_with": "billing@"}})
    assert not holds({"to": {"not_contains": "billing@"}})
    assert holds({"cc": {"not_contains": "x"}})
    assert not holds({"cc": {"contains": "x"}})
    assert not holds({"cc": ""})


def test_tags_are_compared_as_whole_words() -> None:
    assert not holds({"tags": {"contains": "vip"}}, event(tags=("non-vip",)))
    assert holds({"tags": {"contains": ["vip", "outage"]}}, event(tags=("vip",)))
    assert not holds({"tags": {"contains_all": ["vip", "outage"]}}, event(tags=("vip",)))
    assert holds({"tags": {"contains_all": ["vip", "outage"]}}, event(tags=("outage", "vip")))
    assert holds({"tags": {"not_contains": ["vip", "outage"]}}, event(tags=("invoice",)))
    assert holds({"tags": {"not_contains": "vip"}})
    assert holds({"tags": {"starts_with": "inv"}}, event(tags=("invoice",)))


def test_a_pattern_that_would_take_for_ever_elsewhere_is_quick() -> None:
    assert not holds({"body": {"matches": "(x+x+)+y"}}, event(text="x" * 200_000))


def test_a_text_no_database_would_keep_is_compared_without_harm() -> None:
    assert not holds({"to": {"matches": "nobody"}}, event(recipients=("\udc80@acme.example",)))


TEXTS = st.text(alphabet="aAbBßäÄ ", max_size=5)
ATOMS: dict[str, Any] = {
    "is": lambda value, wanted: value == wanted[0],
    "in": lambda value, wanted: value in wanted,
    "contains": lambda value, wanted: any(text in value for text in wanted),
    "contains_all": lambda value, wanted: all(text in value for text in wanted),
    "not_contains": lambda value, wanted: not any(text in value for text in wanted),
    "starts_with": lambda value, wanted: any(value.startswith(text) for text in wanted),
    "ends_with": lambda value, wanted: any(value.endswith(text) for text in wanted),
}


def leaf(draw: st.DrawFn) -> dict[str, Any]:
    operator = draw(st.sampled_from(sorted(ATOMS)))
    texts = TEXTS if operator in {"is", "in"} else TEXTS.filter(bool)
    wanted = draw(texts if operator == "is" else st.lists(texts, min_size=1, max_size=3))
    return {draw(st.sampled_from(["subject", "body"])): {operator: wanted}}


@st.composite
def groups(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """Give a group of conditions, with groups nested in it."""
    group: dict[str, Any] = {}
    for _ in range(draw(st.integers(0, 2))):
        group |= leaf(draw)
    for word in draw(st.sets(st.sampled_from(["not", "any", "all"]))) if depth else ():
        inner = groups(depth=depth - 1)
        group[word] = draw(inner if word == "not" else st.lists(inner, min_size=1, max_size=3))
    return group or leaf(draw)


def brute_force(group: dict[str, Any], texts: dict[str, str]) -> bool:
    for word, said in group.items():
        if word == "not":
            held = not brute_force(said, texts)
        elif word in {"any", "all"}:
            held = (any if word == "any" else all)([brute_force(one, texts) for one in said])
        else:
            ((operator, wanted),) = said.items()
            folded = [text.casefold() for text in ([wanted] if isinstance(wanted, str) else wanted)]
            held = ATOMS[operator](texts[word].casefold(), folded)
        if not held:
            return False
    return True


@settings(deadline=None, max_examples=60)
@given(st.lists(groups(), max_size=3), TEXTS, TEXTS)
def test_groups_and_nesting_mean_what_a_plain_evaluator_says(
    when: list[dict[str, Any]], subject: str, body: str
) -> None:
    texts = {"subject": subject, "body": body}
    expected = not when or any(brute_force(group, texts) for group in when)
    assert holds(when, event(subject=subject, text=body)) is expected


def test_inside_a_group_all_must_hold_and_one_group_is_enough() -> None:
    assert holds([{"subject": {"contains": "invoice"}, "kind": "message"}])
    assert not holds([{"subject": {"contains": "invoice"}, "kind": "bounce"}])
    assert holds([{"kind": "bounce"}, {"subject": {"contains": "invoice"}}])
    assert holds([])
    assert holds([{"not": {"kind": "bounce", "subject": {"contains": "invoice"}}}])


# --- what changed ---------------------------------------------------------------------------------------------------

SOLVED = event(
    frozenset({"ticket.status_changed"}),
    status="resolved",
    agent="luca",
    changed={
        "status": (("open",), ("resolved",)),
        "agent": (("",), ("luca",)),
        "tags": (("outage",), ("vip", "invoice")),
    },
)
CHANGES: list[tuple[Any, bool]] = [
    ({"status": {"changed": True}}, True),
    ({"status": {"changed": False}}, False),
    ({"priority": {"changed": True}}, False),
    ({"priority": {"changed": False}}, True),
    ({"status": {"changed": {"from": "open", "to": "resolved"}}}, True),
    ({"status": {"changed": {"to": "Resolved"}}}, True),
    ({"status": {"changed": {"from": ["new", "open"]}}}, True),
    ({"status": {"changed": {"from": "new", "to": "resolved"}}}, False),
    ({"status": {"changed": {"from": "open", "to": ["closed", "spam"]}}}, False),
    ({"priority": {"changed": {"to": "high"}}}, False),
    ({"agent": {"changed": {"from": "nobody"}}}, True),
    ({"agent": {"changed": {"from": "sona"}}}, False),
    ({"agent": {"changed": {"to": "nobody"}}}, False),
    ({"tags": {"changed": {"to": "vip"}}}, True),
    ({"tags": {"changed": {"from": "vip"}}}, False),
    ({"tags": {"changed": {"from": "outage", "to": ["vip"]}}}, True),
]


@pytest.mark.parametrize(("group", "expected"), CHANGES, ids=[str(group) for group, _ in CHANGES])
def test_a_change_is_told_by_its_ends(group: Any, expected: bool) -> None:
    assert holds(group, SOLVED) is expected
    assert holds({"not": group}, SOLVED) is not expected


# --- what is not known ----------------------------------------------------------------------------------------------

UNKNOWABLE = {"queue": {"more_than": 3}}
OPPOSITES = [
    UNKNOWABLE, {"queue": {"at_most": 3}}, {"earlier_tickets": {"exists": False}}, {"contact_tags": {"not_contains": "vip"}},
    {"header": {"x-a": {"is_not": "1"}}}, {"not": UNKNOWABLE}, {"not": {"not": UNKNOWABLE}},
    {"any": [UNKNOWABLE, {"subject": "x"}]}, {"not": {"any": [UNKNOWABLE, {"subject": "x"}]}}, {"all": [UNKNOWABLE]},
    {"subject": {"contains": "invoice"}, "queue": 3}, {"not": {"subject": {"contains": "invoice"}, "queue": 3}},
]  # fmt: skip


@pytest.mark.parametrize("group", OPPOSITES, ids=str)
def test_what_is_not_known_does_not_hold_and_neither_does_its_opposite(group: Any) -> None:
    missed, seen = misses(group)
    assert missed
    assert missed[0].unknown
    assert len(seen.unknown) == 1


def test_what_is_known_decides_where_it_can() -> None:
    assert holds({"any": [UNKNOWABLE, {"subject": {"contains": "invoice"}}]})
    assert holds({"not": {"queue": {"more_than": 3}, "subject": "x"}})
    missed, _ = misses({"queue": {"more_than": 3}, "subject": "x"})
    assert [(miss.word, miss.unknown) for miss in missed or ()] == [("subject", False)]


def test_it_is_told_apart_from_there_being_nothing() -> None:
    seen = Seen(event(), full())
    assert seen.values("contact_tags") is UNKNOWN
    assert (seen.said("contact_tags"), seen.said("cc")) == ("not known", "")
    assert seen.unknown == {"contact_tags"}


# --- laws -----------------------------------------------------------------------------------------------------------

STRANGE = st.text(max_size=40) | st.text(alphabet="ab01xe ", max_size=8)
EVENTS = st.builds(
    lambda subject, text, sender, name, values, now, since, known: event(
        subject=subject, text=text, sender=sender, name=name, to=values, cc=values, tags=values, at=now,
        created_at=since, sla_due_at=since, heard_at=since, fields={"order": text}, contact=sender, messages=3,
        lookups=Answers({"x-a": values}, 2, values, {"general": 4}) if known else Lookups(),
    ),
    STRANGE, STRANGE, STRANGE, STRANGE, st.lists(STRANGE, max_size=3).map(tuple),
    st.floats(0, 4e9), st.floats(0, 4e9), st.booleans(),
)  # fmt: skip
ANYTHING: dict[str, Any] = {
    "subject": {"contains": ["a", "0"]}, "body": {"matches": "[a-m]"}, "from": {"starts_with": "x"}, "to": {"exists": True},
    "tags": {"contains": "vip"}, "contact_name": {"ends_with": "e"}, "created": {"within": "9999d"}, "messages": {"at_least": 3},
    "sla_left": {"less_than": "1h"}, "queue": {"more_than": 3}, "header": {"x-a": {"not_contains": "b"}}, "calendar": "open",
    "fields": {"order": {"is_not": "1"}}, "weekday": ["mon", "tue", "wed"], "time": "06:00-18:00", "status": {"changed": True},
    "contact_tags": {"not_in": ["vip"]}, "earlier_tickets": {"in": [2, 3]}, "agent": "nobody", "vip": False, "sla": {"exists": False},
}  # fmt: skip


@st.composite
def some(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Give a few groups of any kind of condition."""
    words = st.lists(st.sampled_from(sorted(ANYTHING)), min_size=1, max_size=3, unique=True)
    return [{word: ANYTHING[word] for word in draw(words)} for _ in range(draw(st.integers(1, 3)))]


@settings(deadline=None, max_examples=60)
@given(some(), EVENTS)
def test_de_morgan_holds_for_what_is_known_and_what_is_not(several: list[dict[str, Any]], asked: TicketEvent) -> None:
    apart = [{"not": group} for group in several]
    assert holds({"not": {"any": several}}, asked) == holds({"all": apart}, asked)
    assert holds({"not": {"all": several}}, asked) == holds({"any": apart}, asked)
    assert holds({"not": {"not": {"any": several}}}, asked) == holds(several, asked)


@settings(deadline=None, max_examples=60)
@given(some(), EVENTS, st.randoms())
def test_the_order_inside_a_group_does_not_matter(several: list[dict[str, Any]], asked: TicketEvent, by: Any) -> None:
    shuffled = [
        dict(by.sample(sorted(group.items(), key=str), len(group))) for group in by.sample(several, len(several))
    ]
    assert holds(several, asked) == holds(shuffled, asked)


@settings(deadline=None, max_examples=100)
@given(EVENTS)
def test_no_message_makes_a_condition_raise(asked: TicketEvent) -> None:
    seen = Seen(asked, full())
    for word, found in CONDITIONS.items():
        key = word + {"header": ".x-a", "fields": ".order"}.get(word, "")
        seen.values(key)
        assert isinstance(seen.said(key), str)
        if found.kind.text:
            assert all(isinstance(value, str) for value in seen.folded(key))


@settings(deadline=None, max_examples=60)
@given(some(), EVENTS)
def test_an_anchor_is_only_claimed_where_nothing_holds_without_it(
    several: list[dict[str, Any]], asked: TicketEvent
) -> None:
    (rule,) = compile_rules(made := full([{"when": several}])).rules
    seen = Seen(asked, made)
    if rule.anchors is None or rule.misses(seen) is not None:
        return
    assert any(hit(one, text, value) for one in rule.anchors for text in one.texts for value in seen.folded(one.word))


def hit(anchor: Anchor, text: str, value: str) -> bool:
    if anchor.how == "found":
        return pattern(text).search(clean(value)) is not None
    return value == text if anchor.how == "equal" else text in value


# --- what the trace says --------------------------------------------------------------------------------------------


def test_what_was_seen_is_told_in_words() -> None:
    asked = event(
        at=30 * HOUR, created_at=0.0, heard_at=30 * HOUR - 90, sla_due_at=28.5 * HOUR, messages=12,
        lookups=Answers(queues={"general": 1_000}), tags=("vip", "outage"), to=tuple(f"{n}@x.example" for n in range(100)),
        changed=SOLVED.changed,
    )  # fmt: skip
    seen = Seen(asked, full())
    said = {
        key: seen.said(key) for key in ("created", "heard", "sla_left", "messages", "queue", "tags", "agent", "time")
    }
    assert said == {
        "created": "1d 6h ago", "heard": "1m 30s ago", "sla_left": "overdue by 1h 30m", "messages": "12",
        "queue": "1000", "tags": "vip, outage", "agent": "nobody", "time": "06:00",
    }  # fmt: skip
    assert seen.said("answered") == ""
    assert seen.said("status", "changed") == "open → resolved"
    assert seen.said("agent", "changed") == "nobody → luca"
    assert seen.said("priority", "changed") == "not changed"
    assert len(seen.said("to")) < 400


def test_the_trace_of_a_not_asks_for_nothing_else() -> None:
    lookups = Answers({"x-a": ("1",)}, queues={"billing": 7, "general": 1})
    for group, said in (
        ({"header": {"X-A": "1"}}, "1"),
        ({"queue": {"billing": {"more_than": 3}}}, "7"),
        ({"queue": 1}, "1"),
    ):
        missed, seen = misses({"not": group}, event(lookups=lookups))
        assert [seen.said(miss.word, miss.operator) for miss in missed or ()] == [said]
