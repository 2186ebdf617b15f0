"""An agent who cannot be told by one way is told by another; a way that takes nothing any more is paused, and somebody hears of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from config.desk import Desk
from config.notices import Choices
from notify.outbox import Outbox
from router.book import Shelf
from router.fall_back import look
from router.undelivered import settled
from tests.notify.desk import NOW, Clock, a_desk, owe
from tests.notify.test_outbox import Recorder, row
from tickets.pauses import EVERYBODY, paused, resume
from tickets.schema import events, outbox, tickets
from tickets.seen import seen
from tickets.store import Store
from tickets.trouble import Permanent

NO_MAILBOX = Permanent("550 5.1.1 no such user", way=True)


class Story:
    """A desk with email and Slack, of which each breaks as the story says."""

    def __init__(self, store: Store, **choices: Any) -> None:
        self.store, self.clock = store, Clock()
        self.email, self.slack = Recorder(), Recorder()
        self.choices = Choices.model_validate(choices)
        self.desk = self.at()

    def at(self, **sona: Any) -> Desk:
        """Return the desk, with other facts about Sona."""
        desk = a_desk()
        agents = (desk.agents[0].model_copy(update=sona), *desk.agents[1:])
        about = desk.desk.model_copy(update={"notices": self.choices})
        return desk.model_copy(update={"agents": agents, "desk": about, "notifiers": {"slack": Choices()}})

    @property
    def box(self) -> Outbox:
        """The outbox of this moment."""
        shelf, ways = Shelf(lambda: self.desk), {"email": self.email, "slack": self.slack}

        def ended(connection: Any, note: Any, state: str, words: str) -> None:
            settled(shelf, connection, note, state, words, self.clock.now)

        return Outbox(self.store, self.desk, ways, self.clock, jitter=lambda: 1.0, settled=ended)

    def ring(self) -> list[str]:
        """Deliver what is due, and what that brings about, and return what became of it."""
        outcomes = []
        while due := self.box.due(10):
            outcomes += [told.outcome for told in map(self.box.deliver, due) if told is not None]
        return outcomes

    def look(self) -> list[int]:
        """Look for what nobody has seen in time."""
        return list(look(self.store, self.desk, self.clock.now, 10))

    def rows(self, *columns: str, of: str = "sona") -> list[tuple[Any, ...]]:
        """Return these columns of an agent's notices, in order."""
        wanted = select(*(outbox.c[name] for name in columns)).where(outbox.c.recipient == of).order_by(outbox.c.id)
        with self.store.read() as connection:
            return [tuple(one) for one in connection.execute(wanted)]

    def pauses(self) -> list[tuple[str, str, str]]:
        """Return who is not told how, and why."""
        with self.store.read() as connection:
            return [(one.agent, one.way, one.why) for one in paused(connection)]


@pytest.fixture
def story(store: Store) -> Story:
    return Story(store)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


def a_reply(story: Story, **changes: Any) -> int:
    return owe(story.store, **{"word": "replied", "whose": "mine", "due_at": story.clock.now, **changes})


def test_what_fails_by_email_goes_by_slack_with_the_reason_and_the_way_is_not_paused(story: Story) -> None:
    a_reply(story)
    story.email.troubles.append(Permanent("554 this mail is too long"))
    assert story.ring() == ["failed", "sent"]
    assert [note.reason for note in story.slack.sent] == [
        "the ticket is yours; by slack, because email failed: 554 this mail is too long"
    ]
    assert story.rows("notifier", "state", "word", "whose") == [
        ("email", "failed", "replied", "mine"),
        ("slack", "sent", "replied", "mine"),
    ]
    assert story.pauses() == []


def test_who_is_told_by_another_way_already_is_not_told_again(story: Story) -> None:
    owed = a_reply(story)
    found = row(story.store, owed)
    other = {"ticket_id": found.ticket_id, "event_id": found.event_id, "entry_id": found.entry_id}
    a_reply(story, notifier="slack", address="U024BE7LH", **other)
    story.email.troubles.append(Permanent("554 no"))
    assert sorted(story.ring()) == ["failed", "sent"]
    assert len(story.slack.sent) == 1


def test_nobody_falls_back_on_what_they_do_not_have(store: Store) -> None:
    story = Story(store, fall_back=["email", "push"])
    a_reply(story)
    story.email.troubles.append(Permanent("554 no"))
    assert story.ring() == ["failed"]
    assert story.rows("notifier", "state") == [("email", "failed")]


def test_a_mailbox_that_is_not_there_is_paused_and_a_colleague_hears_what_to_do(story: Story) -> None:
    number = row(story.store, a_reply(story)).ticket_id
    story.email.troubles.append(NO_MAILBOX)
    story.ring()
    assert story.pauses() == [("sona", "email", "550 5.1.1 no such user")]
    told = story.rows("notifier", "event", "state", "reason", of="luca")
    said = "email to Sona is paused: 550 5.1.1 no such user; when that is put right: frontdesk agent sona resume email ('*' for everybody)"
    assert ("email", "notices.paused", "sent", said) in told
    with story.store.read() as connection:
        past = connection.execute(select(events).where(events.c.ticket_id == number)).all()
    assert [one.name for one in past] == ["message.received", "notices.paused"]
    a_reply(story)
    assert story.ring() == ["suppressed", "sent"], "it is not tried again, and Slack tells"
    assert [note.recipient for note in story.email.sent] == ["sona", "luca"]
    assert story.rows("last_error")[2] == ("not sent: email is paused: 550 5.1.1 no such user",)


def test_the_administrators_are_told_where_they_may_see_the_ticket(story: Story) -> None:
    from router.fall_back import administrators

    desk = story.desk.model_copy(
        update={
            "departments": (
                story.desk.departments[0].model_copy(update={"agents": ("sona", "luca")}),
                story.desk.departments[0].model_copy(update={"id": "ops", "agents": ("luca",)}),
                story.desk.departments[0].model_copy(update={"id": "sales", "agents": ("sona",)}),
            ),
            "desk": story.desk.desk.model_copy(update={"administrators": "ops"}),
        }
    )
    assert [one.id for one in administrators(desk, "billing", "sona")] == ["luca"]
    assert [one.id for one in administrators(desk, "billing", "luca")] == ["sona"], "nobody else may see it"
    assert administrators(desk, "sales", "sona") == []


def test_what_is_wrong_for_everybody_is_told_once(story: Story) -> None:
    revoked = "token_revoked: install the app again and set the new token"
    for agent in ("sona", "luca"):
        a_reply(story, notifier="slack", address="U1", recipient=agent, whose="others")
        story.slack.troubles.append(Permanent(revoked, way=True))
    story.ring()
    assert story.pauses() == [("luca", "slack", revoked), ("sona", "slack", revoked)]
    with story.store.read() as connection:
        told = connection.scalars(select(events.c.id).where(events.c.name == "notices.paused")).all()
    assert len(told) == 1
    with story.store.write() as connection:
        assert resume(connection, EVERYBODY, "slack") == 2


GONE = "#billing: Slack refuses chat.postMessage: is_archived: the channel is archived; name another one"


def to_channel(story: Story, **changes: Any) -> int:
    where = {"recipient": "#billing", "notifier": "slack", "address": "#billing", "whose": None}
    return a_reply(story, **where, **changes)


def test_a_channel_that_takes_nothing_is_paused_and_the_administrators_hear_once_what_to_do(story: Story) -> None:
    to_channel(story)
    story.slack.troubles.append(Permanent(GONE, way=True))
    story.ring()
    said = f"slack to #billing is paused: {GONE}; when that is put right: frontdesk agent '#billing' resume slack ('*' for everybody)"
    assert ("email", "sent", said) in story.rows("notifier", "state", "reason", of="luca")
    assert story.pauses() == [("#billing", "slack", GONE)]
    told = len(story.rows("id", of="luca"))

    to_channel(story)
    to_channel(story, word=None, reason="rule 'Bills' asked to tell you")
    story.ring()
    story.look()
    assert (
        story.rows("state", "last_error", of="#billing")[1:]
        == [("suppressed", f"not sent: slack is paused: {GONE}")] * 2
    )
    assert len(story.rows("id", of="luca")) == told
    with story.store.write() as connection:
        assert resume(connection, "#billing", "slack") == 1
    to_channel(story)
    story.ring()
    assert [note.recipient for note in story.slack.sent if note.recipient == "#billing"] == ["#billing"] * 2


def test_a_message_that_slack_does_not_take_pauses_no_channel(story: Story) -> None:
    to_channel(story)
    story.slack.troubles.append(Permanent("invalid_blocks"))
    assert story.ring() == ["failed"]
    assert story.pauses() == []


def test_a_departments_channel_is_told_nothing_more_of_a_ticket_that_went_elsewhere(story: Story) -> None:
    [billing] = story.desk.departments
    here = billing.model_copy(update={"slack_channel": "#billing"})
    sales = billing.model_copy(update={"id": "sales", "name": "Sales"})
    story.desk = story.desk.model_copy(update={"departments": (here, sales)})
    gone, asked = to_channel(story), to_channel(story, word=None, reason="rule 'Bills' asked to tell you")
    to_channel(story)
    with story.store.write() as connection:
        away = [row(story.store, one).ticket_id for one in (gone, asked)]
        connection.execute(update(tickets).where(tickets.c.id.in_(away)).values(department="sales"))
    story.ring()
    assert story.rows("state", "last_error", of="#billing") == [
        ("suppressed", "not sent: the ticket is now in Sales"), ("sent", None), ("sent", None)
    ]  # fmt: skip


def test_another_address_ends_the_pause(story: Story) -> None:
    a_reply(story)
    story.email.troubles.append(NO_MAILBOX)
    story.ring()
    story.look()
    assert len(story.pauses()) == 1
    story.desk = story.at(email="sona.new@acme.example")
    story.look()
    assert story.pauses() == []


def test_a_notice_that_went_out_after_all_ends_the_pause(story: Story) -> None:
    slow = story.box.claim(a_reply(story))
    assert slow is not None
    a_reply(story)
    story.email.troubles.append(NO_MAILBOX)
    story.ring()
    assert len(story.pauses()) == 1
    story.box._sent(slow, "went out")
    assert story.pauses() == []


def test_what_was_not_seen_in_time_goes_by_the_next_way_once(store: Store) -> None:
    story = Story(store, unseen_after="30m", fall_back=["email", "slack"])
    owed, known = a_reply(story), a_reply(story)
    story.ring()
    assert row(store, owed).look_at == NOW + 1800
    with store.write() as connection:
        seen(connection, "sona", row(store, known).ticket_id, story.clock.now)
    story.clock.now += 1799
    assert story.look() == []
    story.clock.now += 1
    [instead] = story.look()
    assert story.look() == []
    assert (row(store, instead).notifier, row(store, instead).event_id) == ("slack", row(store, owed).event_id)
    assert story.ring() == ["sent"]
    assert story.slack.sent[0].reason == "the ticket is yours; by slack, because nothing was seen of it by email"
    story.clock.now += 1800
    assert story.look() == [], "there is no other way left"


def test_what_the_agent_has_seen_by_now_falls_back_on_nothing(story: Story) -> None:
    owed = a_reply(story)
    note = story.box.claim(owed)
    assert note is not None
    with story.store.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == owed).values(seen_at=NOW))
    story.box._fail(note, "554 no")
    assert story.rows("notifier", "state") == [("email", "failed")]
