"""What each condition looks at, and what each operator means."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.conditions import CONDITIONS, OPERATORS, Seen
from router.event import TicketEvent
from router.rules import compile_rules
from tests.router_rules.desks import desk, event
from tickets.message import SpamVerdict, VirusVerdict
from tickets.trust import Trust


def holds(when: Any, asked: TicketEvent | None = None) -> bool:
    made = desk([{"when": when if isinstance(when, list) else [when]}])
    (rule,) = compile_rules(made).rules
    return rule.misses(Seen(asked or event(), made)) is None


PROVEN = Trust(by="mx", spf="softfail", dkim="pass", dmarc="pass", authentic=True, because="signed")

LOOKS = [
    ("channel_type", {}, "smtp", "chat"),
    ("channel", {}, "support-mail", "site-chat"),
    ("from", {"sender": "ann@example.com"}, "Ann@Example.com", "bob@example.com"),
    ("from", {"sender": "178234"}, 178234, "17"),
    ("from_domain", {"sender": "ann@mail.example.com"}, "mail.example.com", "example.com"),
    ("from_domain", {"sender": "178234"}, "", "178234"),
    ("to", {}, "support@acme.example", "general@acme.example"),
    ("to", {}, "billing@acme.example", "general@acme.example"),
    ("cc", {"cc": ("eve@example.com",)}, "eve@example.com", "ann@example.com"),
    ("subject", {}, "your invoice 12", "invoice"),
    ("body", {"text": "Grüße"}, "GRÜSSE", "Gruse"),
    ("kind", {"kind": "bounce"}, "bounce", "message"),
    ("authentic", {"trust": PROVEN}, "yes", "unknown"),
    ("authentic", {}, "unknown", "no"),
    ("spf", {"trust": PROVEN}, "softfail", "pass"),
    ("dkim", {"trust": PROVEN}, "pass", "fail"),
    ("dmarc", {"trust": PROVEN}, "pass", ""),
    ("spam", {"spam": SpamVerdict(by="rspamd", spam=True)}, "yes", "unknown"),
    ("spam", {"spam": SpamVerdict(by="rspamd", spam=False)}, "no", "unknown"),
    ("spam", {"spam": SpamVerdict(by="mimecast", score=3)}, "unknown", "no"),
    ("spam", {}, "unknown", "no"),
    ("spam_level", {"spam": SpamVerdict(by="spamassassin", spam=True, score=5.7)}, "*****", "******"),
    ("spam_level", {"spam": SpamVerdict(by="spamassassin", score=-1.9)}, "", "*"),
    ("spam_level", {}, "", "*"),
    ("virus", {"virus": VirusVerdict(verdict="found")}, "found", "clean"),
    ("department", {}, "general", "billing"),
    ("priority", {"priority": "high"}, "high", "normal"),
    ("tags", {"tags": ("vip", "outage")}, "outage", "invoice"),
]


@pytest.mark.parametrize(("word", "fields", "right", "wrong"), LOOKS)
def test_a_condition_looks_at_what_its_word_says(word: str, fields: dict[str, Any], right: str, wrong: str) -> None:
    assert holds({word: right}, event(**fields))
    assert not holds({word: wrong}, event(**fields))
    assert holds({word: [wrong, right]}, event(**fields))


def test_every_condition_is_tried_here() -> None:
    assert {word for word, *_ in LOOKS} == set(CONDITIONS)


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


def test_every_operator_is_tried_here() -> None:
    assert {operator for operator, _, _ in MEANS} == set(OPERATORS)


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
