"""What Slack shows of a ticket: whatever people write, Slack takes it, and nothing of it mentions anybody or is a link."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.card import (
    CARD,
    Card,
    below,
    blocks_of,
    button_of,
    card_of,
    cut,
    cut_escaped,
    digest,
    escape,
    keys,
    message,
    several,
)
from notify.note import Note
from tests.notify.desk import KEY, a_note
from tests.slack.limits import is_raw, message_trouble, texts

DATE = re.compile(r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|[\d:UTC -]+>")
EVIL = "<!channel> <@U024BE7LH> <https://evil.example|https://bank.example> & co"


def complaints(blocks: Sequence[dict[str, Any]], *notes: Note) -> list[str]:
    """Return what Slack would not take of blocks, or would misread."""
    said = message(CARD, notes or (a_note(),), blocks)
    raw = [text["text"] for text in texts(blocks) if text["type"] == "mrkdwn" and is_raw(DATE.sub("", text["text"]))]
    long = ["it is too long"] if sum(len(text["text"]) for text in texts(blocks)) >= 8_000 else []
    raw += [said["text"]] if is_raw(said["text"]) else []
    return [*(message_trouble(said) or ()), *raw, *long]


def a_card(**changes: Any) -> Card:
    """Return the card of a note's ticket with these fields changed."""
    return replace(card_of(a_note()), status="open", button=button_of(KEY, 123), **changes)


def buttons(card: Card) -> list[str]:
    """Return the actions of a card's buttons."""
    blocks = [block for block in blocks_of(card) if block["type"] == "actions"]
    return [one["action_id"] for block in blocks for one in block["elements"]]


def test_a_card_says_whose_ticket_it_is_how_it_stands_what_was_written_and_why_it_is_there() -> None:
    shown = json.dumps(blocks_of(a_card(due=1_795_000_000.0)))
    for words in (
        "#123 Where is my invoice?",
        "Ana Customer <ana@customer.example>",
        "Billing",
        "Status\\nopen",
        "Sona",
    ):
        assert words in shown
    for words in (">Hello,\\n>\\n>where is my invoice?", "the ticket is yours", "frontdesk ticket 123", "2026-11-18"):
        assert words in shown


@pytest.mark.parametrize(
    ("changes", "actions"),
    [
        ({"agent": None}, ["take", "reply", "transfer", "snooze", "resolve"]),
        ({}, ["reply", "transfer", "snooze", "resolve"]),
        ({"status": "resolved"}, ["reopen", "reply"]),
        ({"status": "spam"}, ["reopen"]),
        ({"status": "merged"}, []),
        ({"button": None}, []),
        ({"button": None, "link": "https://desk.acme.example/tickets/123"}, ["open"]),
    ],
)
def test_the_buttons_are_what_can_be_done_now(changes: dict[str, Any], actions: list[str]) -> None:
    card = replace(a_card(), **changes)
    assert buttons(card) == actions
    assert complaints(blocks_of(card)) == []


@pytest.mark.parametrize(("replies", "begins"), [("note", "reply:"), ("answer", "note:"), (None, None)])
def test_a_card_says_what_agents_write_below_it(replies: str | None, begins: str | None) -> None:
    shown = json.dumps(blocks_of(a_card(replies=replies)))
    assert ("What agents write in this thread" in shown) is (begins is not None)
    assert begins is None or f"what begins with {begins}" in shown


def test_a_card_of_a_ticket_that_has_gone_elsewhere_shows_nothing_of_it() -> None:
    shown = json.dumps(blocks_of(a_card(hidden="This ticket is in Legal now.")))
    assert "Legal" in shown
    assert not any(words in shown for words in ("invoice", "Ana", "take", "reply"))


def test_a_card_without_a_text_has_no_quote() -> None:
    blocks = blocks_of(a_card(text=""))
    assert complaints(blocks) == []
    assert "wrote:" not in json.dumps(blocks)


def test_customer_text_mentions_nobody_and_hides_no_link() -> None:
    evil = {"text": EVIL, "subject": EVIL, "customer": EVIL, "author": EVIL, "reason": EVIL}
    blocks = blocks_of(a_card(**evil))
    assert complaints(blocks) == []
    [quote] = [block["text"] for block in blocks if block.get("text", {}).get("type") == "mrkdwn"]
    assert (quote["text"], quote["verbatim"]) == (">" + escape(EVIL), True)


_anything = st.text(max_size=400) | st.text("&<>😀é\n ", max_size=400)
_long = st.text(max_size=6_000) | st.text("&<>😀\n\r", min_size=900, max_size=6_000)


@given(
    subject=_anything,
    customer=_anything,
    text=_long,
    department=_anything,
    agent=st.none() | _anything,
    reason=_anything,
    author=_anything,
    channel=_anything,
    priority=_anything,
    due=st.none() | st.floats(0, 4e9),
    hidden=st.none() | _anything.filter(str.strip).filter(str.isprintable),
)
def test_whatever_people_write_slack_takes_the_card(**changes: Any) -> None:
    assert complaints(blocks_of(a_card(**changes))) == []


_notes = st.builds(
    a_note,
    id=st.integers(1, 30),
    number=st.integers(1, 40),
    event=st.sampled_from(["message.received", "ticket.assigned", "ticket.tagged", "ticket.answered", "x.y"]),
    entry_id=st.none() | st.integers(1, 12),
    text=_anything | st.text("&<>😀\n", min_size=900, max_size=2_000),
    **dict.fromkeys(("subject", "author", "customer", "reason", "department", "agent"), _anything),
)


@given(st.lists(_notes, min_size=1, max_size=50))
def test_whatever_comes_together_slack_takes_it_in_the_thread_and_as_a_digest(notes: list[Note]) -> None:
    assert complaints(below(notes), *notes) == []
    assert complaints(several(notes), *notes) == []


def test_what_comes_together_is_told_together() -> None:
    notes = [a_note(id=number, entry_id=number, text=f"line {number}", author="Ann") for number in range(1, 12)]
    notes.append(a_note(id=12, event="ticket.priority_changed", entry_id=None, text="", priority="urgent"))
    told = [text["text"] for text in texts(below(notes))]
    assert told[:3] == ["3 more before these: frontdesk ticket 123", "Ann wrote:", ">line 4"]
    assert told[-3:] == ["Ann wrote:", ">line 11", "Priority is now urgent"]


def test_one_text_of_two_events_is_quoted_once() -> None:
    notes = [a_note(id=1, event="ticket.reopened", entry_id=5), a_note(id=2, entry_id=5)]
    told = json.dumps(below(notes))
    assert told.count("where is my invoice") == 1
    assert "Reopened in Billing" in told


def test_a_digest_has_a_line_for_each_ticket() -> None:
    notes = [a_note(id=1, number=1, subject="One"), a_note(id=2, number=2, subject="Two"), a_note(id=3, number=1)]
    told = [text["text"] for text in texts(several(notes))]
    assert told[0] == "3 notices about 2 tickets"
    assert [line.split(":")[0] for line in told[1:]] == ["[#1] Where is my invoice?", "[#2] Two"]


def test_a_message_is_known_again_by_the_keys_of_all_it_tells() -> None:
    notes = [a_note(id=1, key="1.slack.a"), a_note(id=2, key="2.slack.b")]
    assert keys(message(CARD, notes, below(notes))) == (CARD, frozenset(("1.slack.a", "2.slack.b")))
    for other in ({}, {"metadata": {"event_type": "x", "event_payload": {"delivery": 5}}}, {"metadata": None}):
        assert keys(other)[1] == frozenset()


def test_the_digest_tells_what_is_shown_apart() -> None:
    assert digest(blocks_of(a_card())) == digest(blocks_of(a_card()))
    assert digest(blocks_of(a_card())) != digest(blocks_of(a_card(priority="urgent")))


@given(st.text("a&<>😀"), st.integers(2, 40))
def test_an_escaped_text_is_never_cut_inside_an_entity_or_a_character(text: str, limit: int) -> None:
    short = cut_escaped(escape(text), limit)
    assert len(short.encode("utf-16-le")) <= 2 * limit
    plain = short.removesuffix("…").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text.startswith(plain)
    assert short.endswith("…") == (len(escape(text).encode("utf-16-le")) > 2 * limit)


def test_a_plain_text_keeps_its_ampersand_when_cut() -> None:
    assert cut("AT&T and more", 8) == "AT&T an…"
