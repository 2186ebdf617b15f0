"""The index leaves out only what cannot hold: with it and without it everything is decided alike."""

from dataclasses import replace
from typing import Any

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.desk import Desk
from router.conditions import CONDITIONS, Seen
from router.conditions.patterns import pattern
from router.decide import Verdict, decide
from router.event import TicketEvent
from router.index import LONGEST, PIECE, Entry, index_of
from router.literals import literals
from router.rules import RuleSet, check_rules, compile_rules
from router.state import State
from router.trace import kept, whole
from tests.router_rules.desks import CREATED, LATER, desk, event

NEVER: list[dict[str, Any]] = [
    {"name": f"never {n}", "when": [{"from_domain": f"nobody{n}.example"}], "then": [{"tag": "vip"}]} for n in range(3)
]
"""Rules of others."""


def unindexed(rules: RuleSet) -> RuleSet:
    """Return the same rules, each of which is always asked."""
    return replace(rules, index=index_of([Entry(rule.on, None) if rule.active else None for rule in rules.rules]))


def asked(rules: RuleSet, of: TicketEvent) -> list[str]:
    return [rule.name for rule in rules.asked(of, Seen(of, desk()))]


def test_a_message_asks_only_the_rules_it_may_concern() -> None:
    rules = compile_rules(
        desk(
            [
                *NEVER,
                {"name": "loose", "when": [{"subject": {"not_contains": "x"}}]},
                {"name": "text", "when": [{"subject": {"contains": "INVOICE"}}]},
                {"name": "name", "when": [{"from_domain": "Example.com"}]},
                {"name": "pattern", "when": [{"body": {"matches": r"down since (noon|\d+)"}}]},
                {"name": "other event", "on": ["ticket.reopened"], "when": [{"subject": {"contains": "invoice"}}]},
                {"name": "off", "active": False},
            ]
        )
    )
    assert [name for name in asked(rules, event()) if name != "other event"] == ["loose", "text", "name", "pattern"]


def test_a_rule_a_clock_struck_for_is_found_by_its_name() -> None:
    rules = compile_rules(desk([*NEVER, {"name": "mine"}]))
    assert asked(rules, event()._replace(only=frozenset({"mine"}))) == ["mine"]


def test_only_what_rules_of_the_event_need_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = compile_rules(
        desk([*NEVER, {"on": ["ticket.reopened"], "when": [{"cc": "ann@example.com"}], "name": "reopened"}])
    )
    looked = set[str]()
    for word, one in list(CONDITIONS.items()):
        look = one.look

        def note(view: Any, word: str = word, look: Any = look) -> Any:
            looked.add(word)
            return look(view)

        monkeypatch.setitem(CONDITIONS, word, replace(one, look=note))
    asked(rules, event())
    assert looked == {"from_domain"}


def test_texts_over_the_edge_of_a_piece_and_long_texts_are_found() -> None:
    long = "The words of this rule are longer than what the index looks for"
    assert len(long) > LONGEST
    rules = compile_rules(desk([*NEVER, {"name": "long", "when": [{"body": {"contains": long}}]}]))
    for before in (0, PIECE - 40, PIECE - 1, PIECE, 3 * PIECE - 17):
        assert asked(rules, event(text="ß" * before + long.upper())) == ["long"]


def test_a_pattern_sees_a_text_without_what_no_database_keeps_and_is_asked_then() -> None:
    rules = compile_rules(desk([*NEVER, {"name": "pattern", "when": [{"body": {"matches": "outage"}}]}]))
    of = event(text="out\0age")
    assert asked(rules, of) == ["pattern"]


# the law

WORDS = (
    "invoice",
    "Rechnung",
    "STRASSE",
    "straße",
    "out",
    "outage",
    "in",
    "5",
    "\u017f\u212a",
    "İ",
    "\0",
    "\ud800",
    "a.b",
)
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("".join)
PATTERNS = st.sampled_from(
    ["invoice|rechnung", r"out(age)?\d*", r"(?:in|out)voice", "stra(ss|ß)e", "a.b", "[io]n.+5", "k+"]
)
ADDRESSES = ("ann@example.com", "BOB@Straße.example", "x")
SOME = st.one_of(
    st.builds(lambda op, texts: {op: texts}, st.sampled_from(["is", "starts_with", "ends_with"]), TEXTS),
    st.builds(
        lambda op, texts: {op: texts},
        st.sampled_from(["in", "contains", "contains_all", "not_contains"]),
        st.lists(TEXTS, min_size=1, max_size=3),
    ),
    st.builds(lambda one: {"matches": one}, PATTERNS),
)
CONDITION = st.one_of(
    st.builds(lambda word, some: {word: some}, st.sampled_from(["subject", "body", "from", "to", "cc", "from_domain"]), SOME),
    st.builds(lambda one: {"from": one}, st.sampled_from(ADDRESSES)),
    st.builds(lambda one: {"to": {"in": one}}, st.lists(st.sampled_from(ADDRESSES), min_size=1)),
    st.builds(lambda one: {"tags": {"contains": one}}, st.sampled_from(["vip", "invoice"])),
    st.builds(lambda one: {"department": one}, st.sampled_from(["billing", "general"])),
    st.builds(lambda one: {"kind": one}, st.sampled_from(["message", "bounce"])),
)  # fmt: skip
GROUP = st.recursive(
    st.lists(CONDITION, min_size=1, max_size=3).map(lambda some: {k: v for one in some for k, v in one.items()}),
    lambda inner: st.one_of(
        st.builds(lambda one, two: {**one, "not": two}, inner, inner),
        st.builds(lambda one, two: {**one, "any": two}, inner, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda two: {"all": two}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=4,
)
EVENTS = st.lists(
    st.sampled_from(["ticket.created", "message.received", "ticket.tagged", "ticket.transferred", "ticket.assigned"]),
    min_size=1, max_size=3, unique=True,
)  # fmt: skip
RULE = st.fixed_dictionaries(
    {
        "on": EVENTS,
        "active": st.sampled_from([True, True, True, False]),
        "when": st.lists(GROUP, max_size=2),
        "then": st.lists(
            st.sampled_from(
                [{"tag": "vip"}, {"tag": "invoice"}, {"transfer": "billing"}, {"assign": "sona"}, {"priority": "high"}]
            ),
            min_size=1, max_size=2,
        ),
        "stop": st.sampled_from([False, False, True]),
    }
)  # fmt: skip
MESSAGE = st.fixed_dictionaries(
    {
        "subject": TEXTS,
        "text": TEXTS,
        "sender": st.sampled_from(ADDRESSES),
        "to": st.lists(st.sampled_from(ADDRESSES), max_size=2).map(tuple),
        "cc": st.lists(st.sampled_from(ADDRESSES), max_size=2).map(tuple),
        "kind": st.sampled_from(["message", "bounce"]),
    }
)


def of(names: frozenset[str], said: dict[str, Any]) -> TicketEvent:
    """Make the event with texts as they may come to the rules, also those that the model of a message would clean."""
    made = event(names, kind=said["kind"])
    assert made.message is not None
    raw = {"subject": said["subject"], "text": said["text"], "to": said["to"], "cc": said["cc"]}
    sender = made.message.sender.model_copy(update={"id": said["sender"]})
    return made._replace(message=made.message.model_copy(update={**raw, "sender": sender}))


def told(verdict: Verdict, rules: RuleSet) -> list[Any]:
    """Return what the rules made of it: what each matched rule did, and of the others only that they did not match."""
    trace = whole(verdict.trace, kept(rules))
    passes = [trace, *trace.get("next", ())]
    return [
        line if line["result"] == "matched" else (line["rule"], line["result"])
        for one in passes
        for line in one["rules"]
    ]


def right(rules: list[dict[str, Any]]) -> Desk | None:
    made = desk([*NEVER, *({"name": f"r{n}", **rule} for n, rule in enumerate(rules))])
    return None if check_rules(made) else made


@settings(deadline=None, max_examples=200)
@given(
    st.lists(RULE, min_size=1, max_size=6),
    st.sampled_from([CREATED, LATER]),
    MESSAGE,
    st.none() | st.just(frozenset({"r0", "r1"})),
)
def test_with_the_index_everything_is_decided_as_without(
    rules: list[dict[str, Any]], names: frozenset[str], said: dict[str, Any], only: frozenset[str] | None
) -> None:
    made = right(rules)
    if made is None:
        return
    compiled, question = compile_rules(made), of(names, said)._replace(only=only)
    plain = unindexed(compiled)
    one, other = decide(compiled, question, made), decide(plain, question, made)
    assert (one.decision, one.changes) == (other.decision, other.changes)
    assert told(one, compiled) == told(other, plain)


@settings(deadline=None)
@given(st.lists(RULE, min_size=1, max_size=6), MESSAGE)
def test_what_is_told_of_a_rule_that_was_left_out_is_a_condition_that_did_not_hold(
    rules: list[dict[str, Any]], said: dict[str, Any]
) -> None:
    made = right(rules)
    if made is None:
        return
    compiled, question = compile_rules(made), of(CREATED, said)
    lines = whole(decide(compiled, question, made).trace, kept(compiled))["rules"]
    assert [line["rule"] for line in lines] == [rule.name for rule in compiled.rules]
    for line, rule in zip(lines, compiled.rules, strict=True):
        if line["result"] == "failed":
            assert len(line["failed"]) == min(len(rule.groups), 5)
            assert all(miss["operator"] == "not" or miss["word"] in CONDITIONS for miss in line["failed"])


# what a pattern cannot be found without


@pytest.mark.parametrize(
    ("said", "needed"),
    [
        ("invoice", [("invoice",)]),
        ("In.oice 1?2", [("in",), ("oice ",), ("2",)]),
        ("colou?r", [("colo",), ("r",)]),
        ("ab+cdef", [("ab",), ("cdef",)]),
        ("abc{2,}de", [("abc",), ("de",)]),
        ("abc{0,2}de", [("ab",), ("de",)]),
        ("(invoice|bill) no", [("invoice", "bill"), (" no",)]),
        ("(?P<what>invoice|bill of)", [("invoice", "bill of")]),
        ("(order (no|number)) 5", [("order ",), ("no", "number"), (" 5",)]),
        ("(invoice|bill)?", []),
        ("(?i)refund", [("refund",)]),
        (r"a\.b\+c", [("a.b+c",)]),
        (r"\bord\d{4}", [("ord",)]),
        ("refund|.*", []),
        ("[]x]abcd[^]]ab", [("abcd",), ("ab",)]),
        ("[[:alpha:]]abcd", [("abcd",)]),
        (r"\x41bcd", []),
        (r"\Qab.*\E", []),
        (r"\p{Greek}abc", []),
        ("a{,3}bcd", []),
        ("Rückgabe", [("r",), ("ckgabe",)]),
        ("", []),
        ("(" * 60 + "x" + ")" * 60, []),
    ],
)
def test_the_texts_a_pattern_cannot_be_found_without(said: str, needed: list[tuple[str, ...]]) -> None:
    pattern(said)
    assert list(literals(said)) == needed


ATOMS = st.sampled_from(
    ["a", "bc", "\u212a", "s", "é", ".", r"\d", r"\.", "[ab]", "[^a]", "^", "$", r"\b", "\u017f", "x{2}", "(?i)"]
)
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,1}", "{1,}", "+?", "*?"])
REGEX = st.recursive(
    st.builds(lambda one, many: f"{one}{many}", ATOMS, REPEATS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        st.builds(
            lambda head, one, many: f"({head}{one}){many}", st.sampled_from(["", "?:", "?P<n>", "?i:"]), inner, REPEATS
        ),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=500)
@given(REGEX, st.text("abck\u212asS1. xé\u017f\u212a", max_size=12))
@example("\u212a", "\u212a")
@example("s", "\u017f")
@example("a(?i)*", "")
def test_a_pattern_that_is_found_has_one_of_its_texts(said: str, text: str) -> None:
    try:
        compiled = pattern(said)
    except ValueError:
        return
    if compiled.search(text) is not None:
        assert all(any(one in text.casefold() for one in clause) for clause in literals(said))


def test_re2_and_casefold_agree_about_the_case_of_ascii() -> None:
    everything = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    options = re2.Options()
    options.case_sensitive = False
    like_ascii = re2.compile(r"[\x21-\x7e]", options).findall(everything)
    assert {"\u017f", "\u212a"} <= set(like_ascii)
    for char in like_ascii:
        options.literal = True
        assert re2.compile(char.casefold(), options).fullmatch(char)
        assert len(char.casefold()) == 1
        assert char.casefold().isascii()


def test_a_ticket_alone_asks_by_its_own_words() -> None:
    rules = compile_rules(
        desk([*NEVER, {"name": "noted", "on": ["ticket.noted"], "when": [{"body": {"contains": "refund"}}]}])
    )
    noted = TicketEvent(frozenset({"ticket.noted"}), State("general"), 0.0, "support-mail", "smtp", text="a Refund")
    assert asked(rules, noted) == ["noted"]
