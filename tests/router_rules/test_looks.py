"""What each condition looks at, asked with every operator it takes."""

import re
from typing import Any

import pytest

from router.conditions import CONDITIONS, OPERATORS
from router.conditions.kinds import AGE, CHOICE, LEFT, NAMES, NUMBER, SIZE, TIME
from router.event import TicketEvent
from router.lookups import MailHeaders
from tests.router_rules.asking import DAY, HOUR, MONDAY_10, Answers, holds
from tests.router_rules.desks import event
from tickets.message import Attachment, SpamVerdict, VirusVerdict
from tickets.trust import Trust

PROVEN = Trust(by="mx", spf="softfail", dkim="pass", dmarc="pass", authentic=True, because="signed")
FILES = (
    Attachment(filename="Invoice 12.PDF", content_type="application/pdf", size=120_000),
    Attachment(filename="run.exe", content_type="text/plain", sniffed="application/x-dosexec", size=5, dangerous=True),
    Attachment(filename="logo.png", content_type="image/png", size=9_000_000, inline=True),
)
BY_AGENT = frozenset({"ticket.answered"})

# A word, perhaps with what it is asked about; the event; a value it has; one it has not.
TEXTS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("channel_type", {}, "smtp", "chat"),
    ("channel", {}, "support-mail", "site-chat"),
    ("account", {"account": "Page 7"}, "page 7", "page"),
    ("from", {"sender": "ann@example.com"}, "Ann@Example.com", "bob@example.com"),
    ("from", {"sender": "178234"}, "178234", "17"),
    ("from_domain", {"sender": "ann@mail.example.com"}, "mail.example.com", "example.com"),
    ("to", {}, "support@acme.example", "general@acme.example"),
    ("to", {}, "billing@acme.example", "general@acme.example"),
    ("cc", {"cc": ("eve@example.com",)}, "eve@example.com", "ann@example.com"),
    ("reply_to", {"reply_to": ("desk@example.com",)}, "desk@example.com", "ann@example.com"),
    ("subject", {}, "your invoice 12", "invoice"),
    ("body", {"text": "Größer als 12"}, "GRÖßER ALS 12", "als 12"),
    ("reply_text", {"reply_text": "Yes.", "text": "Yes.\n> No?"}, "yes.", "no?"),
    ("header.x-priority", {"lookups": Answers({"x-priority": ("1", "High")})}, "high", "low"),
    ("kind", {"kind": "bounce"}, "bounce", "message"),
    ("actor", {"actors": ("agent:sona",)}, "agent:sona", "agent:luca"),
    ("actor", {"actors": ("agent:sona",)}, "agent", "customer"),
    ("authentic", {"trust": PROVEN}, "yes", "unknown"),
    ("authentic", {}, "unknown", "no"),
    ("spf", {"trust": PROVEN}, "softfail", "pass"),
    ("dkim", {"trust": PROVEN}, "pass", "fail"),
    ("dmarc", {"trust": PROVEN}, "pass", "none"),
    ("spam", {"spam": SpamVerdict(by="rspamd", spam=True)}, "yes", "unknown"),
    ("spam", {"spam": SpamVerdict(by="rspamd", spam=False)}, "no", "unknown"),
    ("spam", {"spam": SpamVerdict(by="mimecast", score=3)}, "unknown", "no"),
    ("spam_level", {"spam": SpamVerdict(by="spamassassin", spam=True, score=5.7)}, "*****", "******"),
    ("virus", {"virus": VirusVerdict(verdict="found")}, "found", "clean"),
    ("attachment_name", {"attachments": FILES}, "invoice 12.pdf", "logo.png"),
    ("attachment_type", {"attachments": FILES}, "application/x-dosexec", "text/plain"),
    ("attachment_dangerous", {"attachments": FILES}, "yes", "no"),
    ("attachment_dangerous", {"attachments": FILES[:1]}, "no", "yes"),
    ("contact_name", {"contact": "ann@example.com"}, "ann example", "ann of the contacts"),
    ("contact_name", {"contact": "bob@example.com", "lookups": Answers()}, "ann of the contacts", "ann example"),
    ("contact_group", {"contact": "ceo@partner.example"}, "board", "nobodies"),
    ("contact_group", {"contact": "CEO@partner.example"}, "partners", "nobodies"),
    ("contact_tags", {"lookups": Answers(tags=("vip", "outage"))}, "vip", "invoice"),
    ("vip", {"contact": "ceo@partner.example"}, "yes", "no"),
    ("vip", {"contact": "bob@partner.example"}, "no", "yes"),
    ("department", {}, "general", "billing"),
    ("agent", {"agent": "sona"}, "sona", "luca"),
    ("agent", {}, "nobody", "luca"),
    ("agent_available", {"agent": "luca"}, "yes", "no"),
    ("agent_available", {}, "no", "yes"),
    ("unassigned_reason", {"unassigned_reason": "all_offline"}, "all_offline", "no_members"),
    ("status", {"status": "answered"}, "answered", "open"),
    ("priority", {"priority": "high"}, "high", "normal"),
    ("tags", {"tags": ("vip", "outage")}, "outage", "invoice"),
    ("fields.order", {"fields": {"order": "A-12", "colour": "red"}}, "a-12", "red"),
    ("sla", {"sla": "gold", "department": "billing"}, "gold", "standard"),
    ("sla", {"department": "billing"}, "standard", "gold"),
    ("sla", {"department": "billing", "contact": "x@partner.example"}, "gold", "standard"),
    ("calendar", {"at": MONDAY_10, "department": "billing"}, "open", "closed"),
    ("calendar", {"at": MONDAY_10 + 8 * HOUR, "department": "billing"}, "closed", "open"),
    ("calendar", {"at": MONDAY_10, "department": "billing", "channel": "site-chat"}, "closed", "open"),
    ("calendar", {"at": MONDAY_10 + 5 * DAY}, "open", "closed"),
    ("calendar.europe", {"at": MONDAY_10 + 5 * DAY}, "closed", "open"),
    ("weekday", {"at": MONDAY_10}, "mon", "tue"),
    ("weekday", {"at": MONDAY_10 + 13.5 * HOUR}, "mon", "tue"),
    ("weekday", {"at": MONDAY_10 + 13.5 * HOUR, "department": "billing"}, "tue", "mon"),
    ("weekday.europe", {"at": MONDAY_10 + 13.5 * HOUR}, "tue", "mon"),
    ("rating", {"changed": {"rating": ((), ("negative",))}}, "negative", "positive"),
    ("language", {"reply_text": "Dobrý deň, faktúra je nesprávna. Ďakujem."}, "sk", "cs"),
    ("language", {"text": "Good morning, the invoice is wrong. Thank you."}, "en", "de"),
]  # fmt: skip
# … and one that is smaller, its own, and one that is larger.
NUMBERS: list[tuple[str, dict[str, Any], Any, Any, Any]] = [
    ("spam_score", {"spam": SpamVerdict(by="rspamd", score=4.5)}, 4, 4.5, 5),
    ("attachments", {"attachments": FILES}, 1, 2, 3),
    ("attachment_size", {"attachments": FILES[:1]}, "119kB", 120_000, "1 MB"),
    ("earlier_tickets", {"lookups": Answers(earlier=3)}, 2, 3, 4),
    ("messages", {"messages": 2}, 1, 2, 3),
    ("queue", {"lookups": Answers(queues={"general": 5})}, 4, 5, 6),
    ("queue.billing", {"lookups": Answers(queues={"billing": 7})}, 6, 7, 8),
    ("sla_left", {"at": 1_000.0, "sla_due_at": 1_000 + 2 * HOUR}, "1h", "2h", "3h"),
]
# … that was two hours ago.
AGES: list[tuple[str, dict[str, Any]]] = [
    ("created", {"created_at": 0.0}),
    ("status_since", {"status_since": 0.0, "created_at": 9.0}),
    ("agent_since", {"agent_since": 0.0, "created_at": 9.0}),
    ("waiting_since", {"waiting_since": 0.0}),
    ("heard", {"heard_at": 0.0}),
    ("answered", {"answered_at": 0.0}),
]


def about(key: str, said: Any) -> dict[str, Any]:
    """Return a condition as it stands in the desk file."""
    word, _, of = key.partition(".")
    return {word: {of: said} if of else said}


def every(right: str, wrong: str) -> list[tuple[str, Any, bool]]:
    """Return every operator of a text that has one value and not the other, and whether it holds."""
    return [
        ("is", right, True), ("is", wrong, False), ("in", [wrong, right], True), ("in", [wrong], False),
        ("is_not", right, False), ("is_not", wrong, True), ("not_in", [wrong, right], False), ("not_in", [wrong], True),
        ("contains", right, True), ("contains", [f"{right}x"], False),
        ("contains_all", [right], True), ("contains_all", [right, f"{right}x"], False),
        ("not_contains", [right], False), ("not_contains", [f"{right}x"], True),
        ("starts_with", right[:2], True), ("starts_with", f"{right}x", False),
        ("ends_with", ["§", right[-2:]], True), ("ends_with", f"x{right}", False),
        ("matches", f"^{re.escape(right)}$", True), ("matches", "^$", False),
        ("exists", True, True), ("exists", False, False),
    ]  # fmt: skip


def asked_of_texts() -> list[Any]:
    """Return each condition of texts with each of its operators."""
    cases = []
    for key, fields, right, wrong in TEXTS:
        found = CONDITIONS[key.partition(".")[0]]
        for operator, wanted, expected in every(right, wrong):
            listed = found.kind is NAMES and "contains" in operator
            if operator not in found.operators or (
                key == "agent" and right == "nobody" and operator not in ("is", "in")
            ):
                continue
            if listed and "x" in str(wanted):
                wanted, expected = [wrong], operator == "not_contains"  # noqa: PLW2901  # only names that are listed
            if wrong == "nobodies" and "nobodies" in str(wanted):
                continue
            cases.append(pytest.param(key, fields, operator, wanted, expected, id=f"{key} {operator} {wanted}"))
    return cases


@pytest.mark.parametrize(("key", "fields", "operator", "wanted", "expected"), asked_of_texts())
def test_a_condition_looks_at_what_its_word_says(
    key: str, fields: dict[str, Any], operator: str, wanted: Any, expected: bool
) -> None:
    assert holds(about(key, {operator: wanted}), event(**fields)) is expected


@pytest.mark.parametrize(("key", "fields", "smaller", "own", "larger"), NUMBERS, ids=[key for key, *_ in NUMBERS])
def test_numbers_are_compared(key: str, fields: dict[str, Any], smaller: Any, own: Any, larger: Any) -> None:
    of, asked = CONDITIONS[key.partition(".")[0]], event(**fields)
    expected = {
        "is": (False, True, False), "is_not": (True, False, True), "in": (False, True, False),
        "not_in": (True, False, True), "less_than": (False, False, True), "more_than": (True, False, False),
        "at_least": (True, True, False), "at_most": (False, True, True),
    }  # fmt: skip
    for operator, held in expected.items():
        if operator in of.operators:
            found = [holds(about(key, {operator: wanted}), asked) for wanted in (smaller, own, larger)]
            assert tuple(found) == held, operator
    if "exists" in of.operators:
        assert holds(about(key, {"exists": True}), asked)
        assert not holds(about(key, {"exists": False}), asked)


@pytest.mark.parametrize(("word", "fields"), AGES, ids=[word for word, _ in AGES])
def test_ages_are_compared_with_now(word: str, fields: dict[str, Any]) -> None:
    asked = event(frozenset({"time.older_than"}), at=2 * HOUR, **fields)
    assert holds({word: {"within": "2h"}}, asked)
    assert holds({word: {"older_than": "119m"}}, asked)
    assert not holds({word: {"within": "119m"}}, asked)
    assert not holds({word: {"older_than": "2h"}}, asked)
    assert holds({word: {"exists": True}}, asked)


@pytest.mark.parametrize("word", ["waiting_since", "heard", "answered", "sla_left", "spam_score"])
def test_what_never_was_is_neither_long_ago_nor_lately(word: str) -> None:
    asked = event(at=2 * HOUR)
    assert holds({word: {"exists": False}}, asked)
    for operator in CONDITIONS[word].operators:
        if operator not in ("exists", "is_not", "not_in"):
            wanted: Any = "2h" if word != "spam_score" else 5
            assert not holds({word: {operator: [5] if operator == "in" else wanted}}, asked), operator


@pytest.mark.parametrize(
    ("wanted", "hours", "expected"),
    [
        ("08:00-11:00", 0, True), ("10:00-11:00", 0, True), ("08:00-10:00", 0, False), ("10:01-24:00", 0, False),
        ("22:00-06:00", 0, False), ("22:00-06:00", 12, True), ("22:00-06:00", 18, True), ("22:00-06:00", 20, False),
        (["01:00-02:00", "09:00-11:00"], 0, True), ({"between": "09:00-11:00"}, 0, True),
        ({"europe": "11:00-11:30"}, 0, True), ({"europe": {"between": ["10:00-11:00"]}}, 0, False),
    ],
)  # fmt: skip
def test_the_time_of_day_is_that_of_the_wall(wanted: Any, hours: int, expected: bool) -> None:
    assert holds({"time": wanted}, event(at=MONDAY_10 + hours * HOUR)) is expected


def test_summer_time_is_the_walls() -> None:
    july = MONDAY_10 + 212 * DAY
    assert holds({"time": {"europe": "12:00-12:01"}}, event(at=july))


def test_every_condition_and_operator_is_tried_here() -> None:
    keys = (*(case[0] for case in TEXTS), *(case[0] for case in NUMBERS), *(word for word, _ in AGES))
    tried = {key.partition(".")[0] for key in keys} | {"time"}
    assert tried == set(CONDITIONS)
    kinds = {id(one.kind): one.kind for one in CONDITIONS.values()}.values()
    assert {name for kind in kinds for name in kind.operators} | {"changed"} == set(OPERATORS)
    assert {TIME, AGE, LEFT, NUMBER, SIZE, CHOICE} < set(kinds)


def test_an_agent_who_is_away_is_not_available() -> None:
    assert holds({"agent_available": False}, event(agent="luca"), away=("luca",))
    assert holds({"agent_available": True}, event(agent="sona"), away=("luca",))


def test_an_agent_or_nobody() -> None:
    nobody, sona = event(), event(agent="sona")
    assert not holds({"agent": {"exists": True}}, nobody)
    assert holds({"agent": {"exists": True}}, sona)
    assert holds({"agent": {"is_not": "nobody"}}, sona)
    assert holds({"agent": ["Nobody", "luca"]}, nobody)


def test_without_a_message_its_words_see_the_ticket_or_nothing() -> None:
    asked = event(BY_AGENT, contact="ann@example.com", subject="Old")._replace(message=None, text="Dear Ann")
    assert holds({"subject": {"exists": False}, "from": "ann@example.com", "from_domain": "example.com"}, asked)
    assert holds({"body": "dear ann", "reply_text": {"starts_with": "Dear"}}, asked)
    for word in ("to", "cc", "reply_to", "account", "kind", "attachment_name", "spam_score"):
        assert holds({word: {"exists": False}}, asked), word
    assert holds({"attachments": 0, "header": {"x-priority": {"exists": False}}}, asked)
    assert holds({"spam": "unknown", "attachment_dangerous": "no"}, asked)


def test_a_platforms_id_is_in_no_group_whatever_it_looks_like() -> None:
    for contact in ("partner.example", "178234", ""):
        assert holds({"contact_group": {"exists": False}, "vip": False}, event(contact=contact)), contact


def test_a_danger_in_an_attached_file_counts() -> None:
    inside = Attachment(filename="mail.eml", contains=(FILES[1],))
    assert holds({"attachment_dangerous": "yes"}, event(attachments=(inside,)))


def test_files_whose_size_is_not_known_have_none() -> None:
    asked = event(attachments=(Attachment(filename="x", url="https://x.example/x"),))
    assert not holds({"attachment_size": {"at_least": 0}}, asked)


def test_times_of_what_has_just_changed_begin_now() -> None:
    changed = {"status": (("open",), ("answered",)), "agent": (("",), ("sona",))}
    asked = event(BY_AGENT, at=DAY, changed=changed, status="answered", agent="sona")
    assert holds(
        {"status_since": {"within": "1s"}, "agent_since": {"within": "1s"}, "answered": {"within": "1s"}}, asked
    )


def test_capital_letters_never_matter() -> None:
    asked = event(text="Grüße", to=("STRASSE@acme.example",))
    assert holds({"body": "GRÜSSE", "to": {"starts_with": "straße"}}, asked)


def test_the_domain_of_a_platforms_id_is_empty() -> None:
    assert holds({"from_domain": ""}, event(sender="178234"))
    assert holds({"spam_level": ""}, event(spam=SpamVerdict(by="spamassassin", score=-1.9)))


HOSTILE = b"\n".join(
    [
        b"Subject: x",
        b"List-Id: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <list.example>",
        *(b"X-Many: %d" % number for number in range(100)),
        b"X-Long: " + b"a" * 100_000,
        b"X-Bad: \xff\xfe \x00 =?utf-8?b?/////w==?=",
        b"",
        b"X-Body: not a header",
    ]
)


def test_headers_are_read_out_of_the_raw_mail() -> None:
    asked = event(lookups=MailHeaders(HOSTILE))
    assert holds({"header": {"List-ID": {"contains": "GRÜSSE"}, "x-many": ["19"], "x-none": {"exists": False}}}, asked)
    assert holds({"header": {"x-many": {"is_not": "20"}, "x-body": {"exists": False}}}, asked)
    assert [len(value) for value in MailHeaders(HOSTILE).header("x-long") or ()] == [10_000]
    assert holds({"header": {"x-bad": {"matches": "."}}}, asked)


def test_a_header_is_only_looked_for_when_a_rule_asks() -> None:
    lookups = Answers()
    assert not holds({"subject": "x", "header": {"x-a": "1"}}, event(lookups=lookups))
    assert lookups.asked == []
    assert not holds([{"header": {"x-a": "1"}}, {"header": {"X-A": "2"}}], event(lookups=lookups))
    assert lookups.asked == ["x-a"]


def language(text: str) -> TicketEvent:
    return event(reply_text=text)


@pytest.mark.parametrize("text", ["", "12345", "ok", "\ud800", "\0", "🙂🙂🙂", "=" * 100_000])
def test_a_text_that_says_too_little_has_no_language(text: str) -> None:
    asked = language("")._replace(message=None, text=text)
    assert not holds({"language": ["en", "de", "fr", "sk"]}, asked)
