"""Notices by Slack: the card, and what becomes of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from notify.slack import Config, Slack, cut, cut_escaped, escape, render
from tests.notify.desk import a_note
from tests.services import free_port
from tests.slack.fake import FakeSlack
from tests.slack.limits import is_raw, message_trouble, texts
from tickets.trouble import Permanent, Temporary


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as running:
        running.member("U024BE7LH", name="Sona")
        yield running


@pytest.fixture
def app(slack: FakeSlack) -> Slack:
    return Slack(slack.token, slack.base_url)


def complaints(card: dict[str, Any]) -> list[str]:
    """Return what Slack would not take of a card, or would misread."""
    wrong = message_trouble(card)
    raw = [text["text"] for text in texts(card["blocks"]) if text["type"] == "mrkdwn" and is_raw(text["text"])]
    long = ["the card is too long"] if len(json.dumps(card["blocks"], ensure_ascii=False)) >= 8_000 else []
    return [*(wrong or ()), *raw, *long, *([card["text"]] if is_raw(card["text"]) or len(card["text"]) > 4_000 else [])]


def a_slack_note(**changes: Any) -> Any:
    return a_note(**{"notifier": "slack", "address": "U024BE7LH", **changes})


def test_a_card_says_what_happened_who_wrote_what_why_and_where_to_look() -> None:
    card = json.dumps(render(a_slack_note())["blocks"])
    for words in ("#123 Where is my invoice?", "Customer replied", "Ana Customer <ana@customer.example>", "Billing"):
        assert words in card
    for words in (">Hello,\\n>\\n>where is my invoice?", "the ticket is yours", "frontdesk ticket 123"):
        assert words in card


def test_a_card_is_posted_with_its_key_and_answers_with_its_ts(slack: FakeSlack, app: Slack) -> None:
    note = a_slack_note()
    ts = app.send(note)
    [message] = slack.messages("U024BE7LH")
    assert message["ts"] == ts
    assert (message["unfurl_links"], message["unfurl_media"]) == (False, False)
    assert message["metadata"]["event_payload"] == {"delivery": note.key, "ticket": 123, "event": "message.received"}
    assert message["text"] == "Customer replied: [#123] Where is my invoice? (Ana Customer)"


def test_a_card_without_a_text_has_no_quote() -> None:
    card = render(a_slack_note(text=""))
    assert complaints(card) == []
    assert "wrote:" not in json.dumps(card)


def test_customer_text_mentions_nobody_and_hides_no_link() -> None:
    evil = "<!channel> <@U024BE7LH> <https://evil.example|https://bank.example> & co"
    card = render(a_slack_note(text=evil, subject=evil, customer=evil, author=evil, reason=evil))
    assert complaints(card) == []
    [quote] = [
        b["text"] for b in card["blocks"] if b["type"] == "section" and b.get("text", {}).get("type") == "mrkdwn"
    ]
    assert quote["text"] == ">" + escape(evil)
    assert quote["verbatim"]
    assert "<" not in card["text"]


_anything = st.text(max_size=400) | st.text("&<>😀é\n ", max_size=400)


@given(
    subject=_anything,
    customer=_anything,
    customer_address=_anything,
    text=st.text(max_size=6_000) | st.text("&<>😀\n\r", min_size=900, max_size=6_000),
    department=_anything,
    reason=_anything,
    author=_anything,
    event=_anything,
    channel=_anything,
    tags=st.lists(_anything, max_size=20).map(tuple),
)
def test_whatever_people_write_slack_takes_the_card(**changes: Any) -> None:
    assert complaints(render(a_slack_note(**changes))) == []


@given(st.text("a&<>😀"), st.integers(2, 40))
def test_an_escaped_text_is_never_cut_inside_an_entity_or_a_character(text: str, limit: int) -> None:
    short = cut_escaped(escape(text), limit)
    assert len(short.encode("utf-16-le")) <= 2 * limit
    plain = short.removesuffix("…").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text.startswith(plain)
    assert short.endswith("…") == (len(escape(text).encode("utf-16-le")) > 2 * limit)


def test_a_plain_text_keeps_its_ampersand_when_cut() -> None:
    assert cut("AT&T and more", 8) == "AT&T an…"


def test_a_limit_is_temporary_for_as_long_as_slack_says(slack: FakeSlack, app: Slack) -> None:
    slack.say("ratelimited", status=429, headers={"Retry-After": "7"})
    slack.say("ratelimited", status=429, headers={"Retry-After": "soon"})
    with pytest.raises(Temporary, match="wait") as told:
        app.send(a_slack_note())
    assert told.value.retry_after == 7
    with pytest.raises(Temporary) as told:
        app.send(a_slack_note())
    assert told.value.retry_after is None
    assert len(slack.calls) == 2


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_broken_slack_is_temporary(slack: FakeSlack, app: Slack, status: int) -> None:
    slack.say(status=status, body=b"<html>oh no</html>")
    with pytest.raises(Temporary, match="trouble"):
        app.send(a_slack_note())


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "service_unavailable", "request_timeout"])
def test_trouble_told_with_200_is_temporary_too(slack: FakeSlack, app: Slack, error: str) -> None:
    slack.say(error)
    with pytest.raises(Temporary, match=error):
        app.send(a_slack_note())


def test_a_proxy_that_answers_for_slack_is_temporary(slack: FakeSlack, app: Slack) -> None:
    slack.say(status=403, body=b"<html>please sign in to the airport</html>")
    slack.say(status=200, body=b"[]")
    for _ in range(2):
        with pytest.raises(Temporary, match="cannot be understood"):
            app.send(a_slack_note())


def test_a_slack_that_hangs_up_is_temporary_and_not_asked_twice(slack: FakeSlack, app: Slack) -> None:
    slack.hang_up()
    with pytest.raises(Temporary, match="cannot be reached"):
        app.send(a_slack_note())
    assert len(slack.calls) == 1
    app.send(a_slack_note())


def test_no_slack_at_the_address_is_temporary() -> None:
    with pytest.raises(Temporary, match="cannot be reached"):
        Slack("xoxb-fake", f"http://127.0.0.1:{free_port()}/api/").send(a_slack_note())


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("invalid_auth", "token"),
        ("account_inactive", "install it again"),
        ("channel_not_found", "invite the app"),
        ("not_in_channel", "invite it"),
        ("is_archived", "another one"),
        ("some_new_word", "docs.slack.dev"),
    ],
)
def test_what_slack_will_never_take_is_permanent_and_says_what_to_do(
    slack: FakeSlack, app: Slack, error: str, advice: str
) -> None:
    slack.say(error)
    with pytest.raises(Permanent, match=f"{error}: .*{advice}"):
        app.send(a_slack_note())


def test_a_wrong_token_and_an_unknown_channel_are_permanent() -> None:
    with FakeSlack() as slack:
        social = slack.channel("#social")
        with pytest.raises(Permanent, match="invalid_auth"):
            Slack("xoxb-other", slack.base_url).send(a_slack_note())
        app = Slack(slack.token, slack.base_url)
        with pytest.raises(Permanent, match="channel_not_found"):
            app.send(a_slack_note(address="#nowhere"))
        app.send(a_slack_note(address="#social"))
        assert [message["channel"] for message in slack.messages()] == [social.id]


@pytest.mark.parametrize(
    "said",
    [{}, {"token": "xoxb-inline"}, {"token": "env:T", "base_url": "slack.com"}, {"token": "env:T", "colour": "red"}],
)
def test_a_mistake_in_the_desk_file_is_told(said: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(said)


def test_the_api_is_described_without_the_token() -> None:
    assert Slack("xoxb-fake").describe() == "slack → https://slack.com/api/"
