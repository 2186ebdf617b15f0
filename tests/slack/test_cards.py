"""A card for each ticket and place: posted once, what comes later is below it, and it follows its ticket."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from notify.cards import RESERVED_SECONDS, Cards
from notify.outbox import LEASE_SECONDS, Outbox
from notify.slack import ATTEMPTS, Config, Slack
from notify.slack_api import Api
from tests.notify.desk import NOW, Clock, a_desk, number_of, owe
from tests.slack.fake import SCOPES, FakeSlack
from tests.slack.limits import texts
from tickets.cards import APART_SECONDS, changed
from tickets.schema import entries, events, outbox, tickets
from tickets.schema_told import cards
from tickets.store import Store

PLACE = "#billing"


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def slack(clock: Clock) -> Iterator[FakeSlack]:
    with FakeSlack(clock) as running:
        running.member("U024BE7LH", name="Sona")
        running.channel(PLACE)
        yield running


@pytest.fixture
def app(slack: FakeSlack, store: Store, clock: Clock) -> Slack:
    return Slack(Api(slack.token, slack.base_url), Cards(store, a_desk(), clickable=True, clock=clock))


@pytest.fixture
def box(store: Store, app: Slack, clock: Clock) -> Outbox:
    return Outbox(store, a_desk(), {"slack": app}, clock, jitter=lambda: 1.0)


def owe_card(store: Store, place: str = PLACE, **changes: Any) -> int:
    """Owe a notice of a new ticket to a place in Slack."""
    return owe(store, recipient=place, notifier="slack", address=place, reason="a new ticket in Billing", **changes)


def owe_more(store: Store, ticket: int, text: str, place: str = PLACE) -> int:
    """Let the customer write once more in a ticket, and owe a notice of it."""
    with store.write() as connection:

        def add(table: Any, **values: Any) -> int:
            made: int = connection.execute(insert(table).returning(table.c.id), values).scalar_one()
            return made

        said = {"kind": "message", "author": "ana@customer.example", "author_name": "Ana", "external_id": text}
        entry = add(entries, ticket_id=ticket, **said, text=text, reply_text=text, attachments="[]", created_at=NOW)
        event = add(events, ticket_id=ticket, name="message.received", actor="customer", data="{}", at=NOW)
        told = {"recipient": place, "notifier": "slack", "address": place, "reason": "the customer replied"}
        times = {"attempts": 0, "due_at": NOW, "not_before": NOW, "created_at": NOW}
        return add(
            outbox,
            ticket_id=ticket,
            event_id=event,
            entry_id=entry,
            event="message.received",
            **{**told, "state": "pending", **times},
        )


def change(store: Store, ticket: int, now: float, **columns: Any) -> None:
    """Change a ticket, as a turn does."""
    with store.write() as connection:
        connection.execute(update(tickets).where(tickets.c.id == ticket).values(**columns))
        changed(connection, ticket, now)


def row(store: Store) -> Any:
    with store.read() as connection:
        return connection.execute(select(cards)).one()


def words(message: dict[str, Any]) -> list[str]:
    return [text["text"] for text in texts(message["blocks"])]


def follow(app: Slack) -> list[str | None]:
    return [app.follow(card) for card in app.cards.due(10)]


def test_the_first_notice_of_a_ticket_is_its_card_and_the_next_ones_are_below_it(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock
) -> None:
    first = owe_card(store)
    ticket = number_of(store, first)
    box.deliver(first)
    clock.now += 1
    box.deliver(owe_more(store, ticket, "Are you <there>?"))
    [card, below] = slack.messages(PLACE)
    assert words(card)[0] == f"#{ticket} Where is my invoice?"
    assert below["thread_ts"] == card["ts"] == row(store).ts
    assert words(below) == ["Ana wrote:", ">Are you &lt;there&gt;?"]
    assert (row(store).channel, row(store).place) == (card["channel"], PLACE)


@pytest.mark.parametrize("place", [PLACE, "U024BE7LH"])
def test_what_is_urgent_is_shown_outside_of_a_channels_thread_too(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock, place: str
) -> None:
    first = owe_card(store, place)
    box.deliver(first)
    for word in ("replied", "sla_breached"):
        clock.now += 150  # longer than notices of a ticket are kept apart
        owed = owe_more(store, number_of(store, first), word, place)
        with store.write() as connection:
            connection.execute(update(outbox).where(outbox.c.id == owed).values(word=word))
        box.deliver(owed)
    outside = [message.get("reply_broadcast") for message in slack.messages(place)]
    assert outside == [None, None, True if place == PLACE else None]


def test_a_card_whose_every_attempt_died_is_left_until_its_ticket_changes(
    store: Store, slack: FakeSlack, box: Outbox, app: Slack, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise Killed

    owed = owe_card(store)
    box.deliver(owed)
    change(store, number_of(store, owed), clock.now, status="answered")
    with monkeypatch.context() as patch:
        patch.setattr(Api, "call", die)
        for _ in range(ATTEMPTS):
            clock.now = row(store).due_at
            with pytest.raises(Killed):
                follow(app)
    clock.now = row(store).due_at
    assert follow(app) == ["failed"]
    change(store, number_of(store, owed), clock.now, status="open", priority="urgent")
    clock.now += APART_SECONDS
    assert follow(app) == ["updated"]
    assert slack.messages(PLACE)[0]["text"] == f"#{number_of(store, owed)} Where is my invoice?"


def test_each_place_has_its_own_card_also_a_direct_message(store: Store, slack: FakeSlack, box: Outbox) -> None:
    first = owe_card(store)
    box.deliver(first)
    box.deliver(owe_more(store, number_of(store, first), "Hello?", "U024BE7LH"))
    [card] = slack.messages("U024BE7LH")
    assert (card["channel"][0], words(card)[0]) == ("D", words(slack.messages(PLACE)[0])[0])


def test_of_several_notices_at_once_one_posts_the_card(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock
) -> None:
    first = owe_card(store)
    ticket = number_of(store, first)
    owed = [first, owe_more(store, ticket, "two"), owe_more(store, ticket, "three")]
    start = threading.Barrier(3)

    def ring(one: int) -> None:
        start.wait()
        box.deliver(one)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(ring, owed))
    for _ in range(6):
        clock.now += 60
        for one in owed:
            box.deliver(one)
    messages = slack.messages(PLACE)
    assert [one.get("thread_ts") for one in messages] == [None, messages[0]["ts"], messages[0]["ts"]]


def test_a_card_follows_its_ticket_and_many_changes_are_one_update(
    store: Store, slack: FakeSlack, box: Outbox, app: Slack, clock: Clock
) -> None:
    owed = owe_card(store)
    ticket = number_of(store, owed)
    box.deliver(owed)
    clock.now += APART_SECONDS
    assert follow(app) == ["same"]
    for status in ("answered", "postponed", "resolved"):
        change(store, ticket, clock.now, status=status)
        assert follow(app) == []
        clock.now += 0.2
    clock.now += APART_SECONDS
    assert follow(app) == ["updated"]
    [card] = slack.messages(PLACE)
    assert ("Status\nresolved" in words(card), "Reopen" in words(card), "Resolve" in words(card)) == (True, True, False)
    assert len(slack.called("chat.update")) == 1
    assert (row(store).due_at, row(store).attempts) == (None, 0)


def test_what_changes_while_a_card_is_brought_up_to_date_is_not_forgotten(
    store: Store, slack: FakeSlack, box: Outbox, app: Slack, clock: Clock
) -> None:
    owed = owe_card(store)
    ticket = number_of(store, owed)
    box.deliver(owed)
    change(store, ticket, clock.now, priority="urgent")
    clock.now += APART_SECONDS
    with ThreadPoolExecutor(1) as threads:
        with slack.held() as reached:
            following = threads.submit(follow, app)
            assert reached.wait(10)
            change(store, ticket, clock.now, status="resolved")
        assert following.result() == ["updated"]
    clock.now += APART_SECONDS
    assert follow(app) == ["updated"]
    assert {"Priority\nurgent", "Status\nresolved"} <= set(words(slack.messages(PLACE)[0]))


def test_a_card_that_was_deleted_ends_and_the_next_notice_posts_a_new_one(
    store: Store, slack: FakeSlack, box: Outbox, app: Slack, clock: Clock
) -> None:
    owed = owe_card(store)
    ticket = number_of(store, owed)
    box.deliver(owed)
    [card] = slack.messages(PLACE)
    slack.delete(card["channel"], card["ts"])
    change(store, ticket, clock.now, status="answered")
    clock.now += APART_SECONDS
    assert follow(app) == ["ended"]
    assert "message_not_found" in row(store).last_error
    change(store, ticket, clock.now, status="open")
    assert (row(store).due_at, follow(app)) == (None, [])
    box.deliver(owe_more(store, ticket, "Hello?"))
    [new] = slack.messages(PLACE)
    assert (new["ts"], row(store).ts, row(store).last_error) == (row(store).ts, new["ts"], None)
    assert ">Hello?" in words(new)


def test_a_limit_puts_a_card_off_for_as_long_as_slack_says(
    store: Store, slack: FakeSlack, box: Outbox, app: Slack, clock: Clock
) -> None:
    owed = owe_card(store)
    box.deliver(owed)
    change(store, number_of(store, owed), clock.now, status="answered")
    clock.now += APART_SECONDS
    slack.say("ratelimited", method="chat.update", status=429, headers={"Retry-After": "30"})
    assert follow(app) == ["again"]
    change(store, number_of(store, owed), clock.now, status="open")
    assert row(store).due_at == clock.now + 30
    clock.now += 29
    assert follow(app) == []
    clock.now += 1
    assert follow(app) == ["same"]


def test_a_card_that_cannot_be_changed_is_tried_less_and_less_often_and_then_left(
    store: Store, slack: FakeSlack, box: Outbox, app: Slack, clock: Clock
) -> None:
    owed = owe_card(store)
    ticket = number_of(store, owed)
    box.deliver(owed)
    change(store, ticket, clock.now, status="answered")
    slack.token = "xoxb-another"
    outcomes = []
    for _ in range(ATTEMPTS):
        clock.now = row(store).due_at
        outcomes += follow(app)
    assert outcomes == ["again"] * (ATTEMPTS - 1) + ["failed"]
    assert row(store).due_at is None
    slack.token = FakeSlack.token
    change(store, ticket, clock.now, status="open", priority="urgent")
    clock.now += APART_SECONDS
    assert follow(app) == ["updated"]


@pytest.mark.parametrize("way", ["dropped", "500", "internal_error"])
@pytest.mark.parametrize("place", [PLACE, "U024BE7LH"])
def test_a_message_that_was_posted_although_no_answer_came_is_not_posted_again(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock, way: str, place: str
) -> None:
    if place == PLACE:  # its id is known from an earlier card
        box.deliver(owe_card(store))
        clock.now += 1
    before = len(slack.messages(place)) if place == PLACE else 0
    owed = owe_card(store, place)
    if way == "internal_error":
        slack.fail(200)
        slack._scripted[-1].body = b'{"ok": false, "error": "internal_error"}'
    elif way == "500":
        slack.fail(500)
    else:
        slack.hang_up(after=True)
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "again"
    clock.now += 10
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "sent"
    assert len(slack.messages(place)) == before + 1
    clock.now += 1
    box.deliver(owe_more(store, number_of(store, owed), "Hello?", place))
    assert slack.messages(place)[-1]["thread_ts"] == slack.messages(place)[-2]["ts"]


def test_a_thread_message_that_was_posted_although_no_answer_came_is_not_posted_again(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock
) -> None:
    first = owe_card(store)
    box.deliver(first)
    clock.now += 1
    owed = owe_more(store, number_of(store, first), "Hello?")
    slack.hang_up(after=True)
    box.deliver(owed)
    clock.now += 10
    box.deliver(owed)
    assert len(slack.messages(PLACE)) == 2
    with store.read() as connection:
        sent = connection.execute(select(outbox).where(outbox.c.id == owed)).one()
    assert (sent.state, sent.provider_id) == ("sent", slack.messages(PLACE)[1]["ts"])


def test_a_message_that_was_not_posted_is_posted_once(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock
) -> None:
    owed = owe_card(store, "U024BE7LH")
    slack.hang_up(method="chat.postMessage")
    box.deliver(owed)
    clock.now += 10
    box.deliver(owed)
    assert len(slack.messages("U024BE7LH")) == 1


def test_what_cannot_be_looked_up_is_told_again_and_the_log_says_so(
    store: Store, clock: Clock, logs: list[Any]
) -> None:
    with FakeSlack(clock, SCOPES - {"im:history"}) as slack:
        slack.member("U024BE7LH")
        app = Slack(Api(slack.token, slack.base_url), Cards(store, a_desk(), clock=clock))
        box = Outbox(store, a_desk(), {"slack": app}, clock)
        owed = owe_card(store, "U024BE7LH")
        slack.hang_up(after=True)
        box.deliver(owed)
        clock.now += 10
        box.deliver(owed)
        assert len(slack.messages("U024BE7LH")) == 2
    assert any("may be told twice" in line["event"] for line in logs)


def test_an_earlier_attempt_is_found_behind_many_messages_and_else_the_log_says_so(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock, logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notify.slack.PAGE", 2)
    monkeypatch.setattr("notify.slack.MOST_PAGES", 3)
    for others, stand in ((5, 1), (6, 2)):
        owed = owe_card(store, "U024BE7LH")
        slack.hang_up(after=True)
        box.deliver(owed)
        channel = slack.workspace.direct("U024BE7LH")
        for _ in range(others):
            slack.workspace.put(channel, {"user": "U024BE7LH", "text": "hm"})
        clock.now += 10
        box.deliver(owed)
        ours = [one for one in slack.messages(channel.id) if "metadata" in one]
        assert (
            len([one for one in ours if one["metadata"]["event_payload"]["ticket"] == number_of(store, owed)]) == stand
        )
        clock.now += 600
    assert any("only the newest" in line["event"] for line in logs)


@pytest.mark.parametrize("dies", ["posted", "_sent"])
def test_a_process_that_dies_after_it_has_posted_leaves_one_card_and_its_row(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise Killed

    owed = owe_card(store, "U024BE7LH")
    with monkeypatch.context() as patch:
        patch.setattr(Cards if dies == "posted" else Outbox, dies, die)
        with pytest.raises(Killed):
            box.deliver(owed)
    clock.now += max(LEASE_SECONDS, RESERVED_SECONDS)
    told = box.deliver(owed)
    assert told is not None
    assert told.outcome == "sent"
    [card] = slack.messages("U024BE7LH")
    assert row(store).ts == card["ts"]


def test_a_process_that_dies_before_it_has_posted_keeps_nobody_from_posting(
    store: Store, slack: FakeSlack, box: Outbox, app: Slack, clock: Clock
) -> None:
    first = owe_card(store)
    ticket = number_of(store, first)
    assert app.cards.reserve(ticket, PLACE, "of one that died")
    told = box.deliver(first)
    assert told is not None
    assert told.outcome == "again"
    clock.now += RESERVED_SECONDS
    box.deliver(first)
    assert len(slack.messages(PLACE)) == 1


def test_a_busy_ticket_is_one_card_and_one_message_a_second(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock
) -> None:
    first = owe_card(store)
    owed = [first, *(owe_more(store, number_of(store, first), f"line {number}") for number in range(10))]
    for number in range(len(owed)):
        for one in owed:
            box.deliver(one)
        assert len(slack.messages(PLACE)) == number + 1
        clock.now += 1
    messages = slack.messages(PLACE)
    assert [one.get("thread_ts") for one in messages] == [None, *([messages[0]["ts"]] * 10)]
    assert sorted(words(one)[1] for one in messages[1:]) == sorted(f">line {number}" for number in range(10))
    with store.read() as connection:
        assert set(connection.scalars(select(outbox.c.attempts))) == {1}
    assert len(slack.calls) == len(owed)


def test_a_card_shows_nothing_more_of_a_ticket_that_has_left_the_department(
    store: Store, slack: FakeSlack, box: Outbox, app: Slack, clock: Clock
) -> None:
    owed = owe_card(store, "U024BE7LH")
    box.deliver(owed)
    change(store, number_of(store, owed), clock.now, department="legal", subject="A secret")
    clock.now += APART_SECONDS
    assert follow(app) == ["updated"]
    [card] = slack.messages("U024BE7LH")
    assert words(card) == [f"#{number_of(store, owed)}", "This ticket is in legal now."]


def test_a_card_shows_nothing_more_to_an_agent_who_is_gone_from_the_desk_file(
    store: Store, slack: FakeSlack, box: Outbox, clock: Clock
) -> None:
    owed = owe_card(store, "U024BE7LH")
    box.deliver(owed)
    change(store, number_of(store, owed), clock.now, subject="A secret")
    desk = a_desk()
    left = desk.model_copy(update={"agents": desk.agents[1:]})
    clock.now += APART_SECONDS
    assert follow(Slack(Api(slack.token, slack.base_url), Cards(store, left, clickable=True, clock=clock))) == [
        "updated"
    ]
    [card] = slack.messages("U024BE7LH")
    assert words(card) == [f"#{number_of(store, owed)}", "This ticket is not shown here any more."]


def test_what_changes_while_a_card_is_given_up_is_shown_after_all(
    store: Store, box: Outbox, app: Slack, clock: Clock
) -> None:
    owed = owe_card(store, "U024BE7LH")
    box.deliver(owed)
    clock.now += APART_SECONDS
    [due] = app.cards.due(10)
    card = app.cards.claim(due)
    assert card is not None
    change(store, number_of(store, owed), clock.now, status="resolved")
    app.cards.later(card, None)
    clock.now += LEASE_SECONDS
    assert app.cards.due(10) == [due]


def test_a_digest_of_several_tickets_is_one_message_without_a_card(
    store: Store, slack: FakeSlack, app: Slack, box: Outbox
) -> None:
    notes = [box.claim(owe_card(store, "U024BE7LH")) for _ in range(2)]
    assert notes[0] is not None
    assert notes[1] is not None
    app.send(replace(notes[0], together=(notes[1],)))
    [digest] = slack.messages("U024BE7LH")
    assert words(digest)[0] == "2 notices about 2 tickets"
    with store.read() as connection:
        assert connection.execute(select(cards)).all() == []


def test_buttons_are_there_only_when_clicks_are_heard() -> None:
    token = {"token": "env:SLACK_BOT_TOKEN"}
    assert not Config.model_validate(token).clickable
    assert Config.model_validate({**token, "signing_secret": "env:SLACK_SIGNING_SECRET"}).clickable
    assert Config.model_validate({**token, "app_token": "env:SLACK_APP_TOKEN"}).clickable


def test_what_is_wrong_with_the_app_is_the_same_words_for_every_place(
    store: Store, slack: FakeSlack, clock: Clock
) -> None:
    app = Slack(Api("xoxb-revoked", slack.base_url), Cards(store, a_desk(), clickable=True, clock=clock))
    box = Outbox(store, a_desk(), {"slack": app}, clock)
    for place in ("#billing", "U024BE7LH"):
        box.deliver(owe_card(store, place))
    with store.read() as connection:
        words = connection.scalars(select(outbox.c.last_error)).all()
    assert len(words) == 2
    assert len(set(words)) == 1
