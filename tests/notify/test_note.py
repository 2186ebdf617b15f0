"""The words of a note."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.note import QUOTE, key_of, one_line, quotable, rule_of
from tests.notify.desk import NOW, a_note


@pytest.mark.parametrize(
    ("event", "changes", "headline"),
    [
        ("message.received", {}, "Customer replied"),
        ("message.received", {"by_agent": True, "author": "Luca"}, "Luca wrote"),
        ("ticket.created", {}, "New ticket in Billing"),
        ("ticket.transferred", {}, "Transferred to Billing"),
        ("ticket.assigned", {}, "Assigned to you"),
        ("ticket.assigned", {"mine": False}, "Assigned to Sona"),
        ("ticket.assigned", {"mine": False, "agent": None}, "Assigned to nobody"),
        ("ticket.priority_changed", {"priority": "high"}, "Priority is now high"),
        ("ticket.split_in_two", {}, "Ticket split in two"),
    ],
)
def test_every_event_has_its_headline(event: str, changes: dict[str, object], headline: str) -> None:
    assert a_note(event=event, **changes).headline == headline


@pytest.mark.parametrize(
    "reason",
    ["the rule 'Social media' asks to tell you", "rule: Social media", 'rule "Social media" asked to tell you'],
)
def test_a_rule_is_named_in_the_headline(reason: str) -> None:
    assert rule_of(reason) == "Social media"
    assert a_note(reason=reason).headline == "Rule Social media asked to tell you"


def test_a_reason_that_only_begins_like_a_rule_is_none() -> None:
    assert rule_of("ruled out by the customer") is None
    assert rule_of("the rule") is None


def test_a_customer_without_a_name_is_known_by_the_address() -> None:
    note = a_note(customer=" ")
    assert note.who == note.customer_line == "ana@customer.example"
    assert a_note().customer_line == "Ana Customer <ana@customer.example>"
    assert a_note(customer_address="+421905123456").customer_line == "Ana Customer <+421905123456>"
    assert a_note(customer_address="v1v1v1v1").customer_line == "Ana Customer"


def test_the_time_is_told_where_the_recipient_is() -> None:
    assert a_note(created_at=0.0, timezone="Europe/Rome").when == "1970-01-01 01:00 Europe/Rome"


def test_the_key_differs_by_event_recipient_notifier_and_database() -> None:
    keys = {
        key_of(1, "sona", "email", NOW),
        key_of(2, "sona", "email", NOW),
        key_of(1, "luca", "email", NOW),
        key_of(1, "sona", "slack", NOW),
        key_of(1, "sona", "email", NOW + 1),
    }
    assert len(keys) == 5
    assert key_of(1, "sona", "email", NOW) in keys


@given(st.text())
def test_one_line_is_one_line_whatever_it_is_given(value: str) -> None:
    line = one_line(value)
    assert line.splitlines() in ([line], [])
    assert not any(ord(character) < 0x20 or 0xD800 <= ord(character) < 0xE000 for character in line)


def test_a_name_cannot_reorder_what_stands_beside_it() -> None:
    assert one_line("Ana\u202e moc.knab\r\nBcc: x\x00") == "Ana moc.knab Bcc: x"


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert quotable("a\r\nb\rc") == "a\nb\nc"
    assert len(quotable("x" * 100_000)) == QUOTE
    assert quotable("x" * 100_000).endswith("…")
