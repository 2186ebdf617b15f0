"""Conversations on platforms: their boundary, what is told of messages that stand there already, and answers that go back."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from router.hand import CannotActError
from tests.desks import HEAD, desk
from tests.path.answering import Answering
from tickets.schema import conversations, entries, inbox, pieces
from tickets.store import Store
from tickets.trouble import failure

BOT = HEAD.replace('secret: "env:TELEGRAM_SECRET"', 'secret: "env:TELEGRAM_SECRET", token: "env:TELEGRAM_TOKEN"')


def at(**said: str) -> str:
    """Return the desk with more said of the bot's channel."""
    more = "".join(f", {name}: {value}" for name, value in said.items())
    return BOT.replace("department: billing}", f"department: billing{more}}}")


class Customer:
    """A customer who writes to the bot."""

    def __init__(self, front: Answering) -> None:
        self.front, self.update = front, 0

    def says(self, text: str = "Hello", **more: Any) -> int:
        """Write, and return the ticket."""
        ticket = self.does({"text": text, **more})
        assert ticket is not None
        return ticket

    def does(self, content: dict[str, Any], word: str = "message") -> int | None:
        """Do something in the chat, and return the ticket it is about."""
        self.update += 1
        who = {"id": 7, "is_bot": False, "first_name": "Ann"}
        message = {"message_id": self.update, "date": 1_795_000_000, "from": who, "chat": {"id": 7, "type": "private"}}
        raw = json.dumps({"update_id": self.update, word: {**message, **content}}).encode()
        return self.front.payload("bot", raw).ticket


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Answering:
    return Answering(store, desk(BOT), tmp_path / "out")


@pytest.fixture
def ann(front: Answering) -> Customer:
    return Customer(front)


def test_every_message_has_its_place_and_the_conversation_knows_who_was_heard(front: Answering, ann: Customer) -> None:
    number = ann.says("one")
    front.now = 200.0
    assert ann.says("two") == number
    assert [one["seq"] for one in front.ticket(number)["entries"]] == [1, 2]
    with front.store.read() as connection:
        row = connection.execute(select(conversations)).one()
    assert (row.customer, row.seq, row.heard_at, row.ticket_id) == ("7", 2, 200.0, number)


def test_an_answer_goes_back_through_the_channel_and_has_its_place(front: Answering, ann: Customer) -> None:
    number = ann.says("Where is my order?")
    acted = front.answer(number, text="On its way.")
    assert acted.goes == "through the channel bot"
    front.deliver()
    [(channel, reply)] = front.sent
    assert (channel, reply.text, reply.to, reply.conversation, reply.heard_at) == (
        "bot",
        "On its way.",
        "7",
        "7",
        100.0,
    )
    assert (front.last(number)["state"], front.last(number)["seq"], front.last(number)["external_id"]) == (
        "sent",
        2,
        "p1.0",
    )


def test_a_process_that_dies_between_two_pieces_goes_on_behind_the_last(front: Answering, ann: Customer) -> None:
    number = ann.says()
    front.answer(number)
    front.pieces = 3

    class Dies(BaseException):
        """The process dies."""

    original = front._through

    def through(config: Any, reply: Any) -> Any:
        for place, one in enumerate(original(config, reply)):
            yield one
            if place == 1:
                raise Dies

    front._through = through  # type: ignore[method-assign]
    with pytest.raises(Dies):
        front.deliver()
    front._through = original  # type: ignore[method-assign]
    front.now += 61  # the lease has ended
    front.deliver()
    assert [len(reply.done) for _, reply in front.sent] == [0, 0, 2]
    with front.store.read() as connection:
        assert [row.place for row in connection.execute(select(pieces).order_by(pieces.c.place))] == [0, 1, 2]
    assert front.last(number)["state"] == "sent"


@pytest.mark.parametrize("kind", ["window_expired", "blocked", "not_found", "invalid", "too_long", "unknown"])
def test_what_a_platform_never_takes_stands_in_the_ticket_and_is_told(
    front: Answering, ann: Customer, kind: Any
) -> None:
    number = ann.says()
    front.answer(number)
    front.trouble = [failure(kind, "the platform says no, and what to do")]
    front.deliver()
    assert (front.last(number)["state"], front.last(number)["trouble"]) == (
        "failed",
        "the platform says no, and what to do",
    )
    assert front.events(number)[-1] == "delivery.failed"
    assert ("luca", "email", "pending") in front.owed(number)


@pytest.mark.parametrize(("kind", "wait"), [("rate_limited", 40.0), ("transient", None), ("auth", None)])
def test_what_may_go_through_later_is_tried_again(
    front: Answering, ann: Customer, kind: Any, wait: float | None
) -> None:
    number = ann.says()
    front.answer(number)
    front.trouble = [failure(kind, "not now", wait)]
    front.deliver()
    assert front.last(number)["state"] == "pending"
    front.now += 1
    assert [done.notifier for done in front.deliver() if done.notifier == "channel"] == []
    front.now += 300
    front.deliver()
    assert front.last(number)["state"] == "sent"


def test_a_channel_without_a_way_back_says_so_and_changes_nothing(front: Answering, ann: Customer) -> None:
    number = ann.says()
    front.at = desk(BOT.replace("  - {name: bot", "  - {name: other"))
    with pytest.raises(CannotActError, match="not in the desk file"):
        front.answer(number)
    assert len(front.ticket(number)["entries"]) == 1


def test_a_deleted_message_is_marked_and_an_edit_stands_behind_it(front: Answering, ann: Customer) -> None:
    number = ann.says("Hello")
    ann.does({"message_id": 1, "text": "Hello!", "edit_date": 1_795_000_060}, "edited_message")
    entry = front.last(number)
    assert (entry["kind"], entry["seq"], entry["text"]) == ("edit", 2, "Hello!")
    assert front.status(number) == "new"


def test_a_reaction_stands_on_the_message_and_can_be_taken_away(front: Answering, ann: Customer) -> None:
    number = ann.says()
    front.answer(number)
    front.deliver()
    with front.store.write() as connection:
        connection.execute(pieces.update().values(external_id="7:50"))
    liked = {"message_id": 50, "user": {"id": 7, "first_name": "Ann"}, "old_reaction": [], "date": 1_795_000_000}
    assert ann.does({**liked, "new_reaction": [{"type": "emoji", "emoji": "👍"}]}, "message_reaction") == number
    assert front.last(number)["facts"]["reactions"] == {"7": "👍"}
    ann.does({**liked, "new_reaction": []}, "message_reaction")
    assert front.last(number)["facts"]["reactions"] == {}
    assert front.events(number)[-1] == "message.reacted"


@pytest.mark.parametrize(
    ("boundary", "status", "silence", "joins"),
    [
        ("never", "resolved", 0, True), ("never", "closed", 10**7, True), ("never", "spam", 0, False),
        ("resolved", "open", 10**7, True), ("resolved", "resolved", 0, False), ("resolved", "closed", 0, False),
        ("12h", "open", 12 * 3600 - 1, True), ("12h", "open", 12 * 3600 + 1, False), ("12h", "resolved", 0, True),
        ("12h", "closed", 0, False),
    ],
)  # fmt: skip
def test_the_boundary_says_when_a_new_ticket_begins(
    store: Store, tmp_path: Path, boundary: str, status: str, silence: float, joins: bool
) -> None:
    front = Answering(store, desk(at(conversation=boundary)), tmp_path / "out")
    ann = Customer(front)
    first = ann.says()
    front.set(first, status=status)
    front.now += silence
    second = ann.says("again")
    assert (second == first) is joins
    assert front.links(second) == ([] if joins else [first])
    assert ann.says("and again") == second


def test_a_departments_own_boundary_goes_before_the_channels(store: Store, tmp_path: Path) -> None:
    text = at(conversation="never").replace(
        "agents: [sona, luca],", "agents: [sona, luca], conversations: {bot: resolved},"
    )
    front = Answering(store, desk(text), tmp_path / "out")
    ann = Customer(front)
    first = ann.says()
    front.set(first, status="resolved")
    assert ann.says() != first


def test_what_is_about_nothing_here_is_ignored_with_its_reason(front: Answering, ann: Customer) -> None:
    liked = {"message_id": 50, "user": {"id": 7}, "old_reaction": [], "new_reaction": [], "date": 1_795_000_000}
    assert ann.does(liked, "message_reaction") is None
    with front.store.read() as connection:
        assert connection.scalar(select(inbox.c.cause)) == "reaction of no ticket"
        assert connection.execute(select(entries)).all() == []
