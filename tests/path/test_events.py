"""Rules are asked about every event of a ticket, whoever caused it: a customer, an agent, a delivery, another ticket."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from config.rule import Event
from ingest.channels.chat.payload import kept
from ingest.channels.chat.tokens import Visitor
from tests.desks import HEAD, desk
from tests.path.answering import Answering
from tickets.store import Store
from tickets.trouble import failure

HERE = [name for name in get_args(Event) if name.partition(".")[0] in ("message", "ticket", "delivery")]
CHAINS = ("ticket.escalated", "ticket.acknowledged")
"""What only escalations cause; tests/clocks/test_escalation.py tells of them, of promises tests/clocks/test_sla.py."""


class Noting(Answering):
    """A desk with a rule for each event, which sets a field of its name."""

    def says(self, number: int) -> set[str]:
        """Return the events the rules were asked about in a ticket."""
        return {name.replace("-", ".", 1) for name in self.ticket(number)["fields"]}

    def chats(self, word: str, number: int, **frame: object) -> int:
        """Let a visitor do something in the chat."""
        raw = kept(Visitor("v.guest", "", ""), {"type": word, "id": f"c{number}", **frame}, ())
        ticket = self.payload("site", raw).ticket
        assert ticket is not None
        return ticket


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Noting:
    rules = "".join(
        f"  - {{name: On {name}, on: [{name}], then: [{{fields: {{{name.replace('.', '-')}: heard}}}}]}}\n"
        for name in HERE
    )
    fields = ", ".join(name.replace(".", "-") for name in HERE)
    return Noting(store, desk(f"{HEAD}fields: [{fields}]\n", rules), tmp_path / "out")


def written_twice(front: Noting) -> int:
    number = front.send("a@x", to="billing@acme.example")
    front.acts.status(number, "luca", "resolved")
    return front.send("b@x", to="billing@acme.example", answers="a@x")


def handled(front: Noting) -> int:
    number = front.send("a@x", to="billing@acme.example")
    front.acts.take(number, "luca")
    front.acts.assign(number, "luca", "nobody")
    front.acts.priority(number, "luca", "high")
    front.acts.tag(number, "luca", ["vip"])
    front.acts.note(number, "luca", "He called.")
    front.answer(number)
    front.acts.transfer(number, "luca", "general")
    return number


def brought_together(front: Noting) -> int:
    number, other = (
        front.send("a@x", to="billing@acme.example"),
        front.send("c@y", to="billing@acme.example", sender="c@y.example"),
    )
    front.acts.link(other, "luca", number)
    front.acts.merge(other, "luca", number)
    return number


def rated(front: Noting) -> int:
    front.chats("message", 1, text="Hello?")
    return front.chats("rate", 2, score="good")


def undelivered(front: Noting) -> int:
    number = front.chats("message", 1, text="Hello?")
    front.answer(number)
    front.trouble = [failure("blocked", "the platform says no")]
    front.deliver()
    return number


STORIES: list[tuple[Callable[[Noting], int], set[str]]] = [
    (written_twice, {"message.received", "ticket.created", "ticket.reopened", "ticket.status_changed"}),
    (handled, {
        "message.received", "ticket.created", "ticket.assigned", "ticket.unassigned", "ticket.priority_changed",
        "ticket.tagged", "ticket.noted", "ticket.answered", "ticket.status_changed", "ticket.transferred",
    }),
    (brought_together, {"message.received", "ticket.created", "ticket.linked", "ticket.merged"}),
    (rated, {"message.received", "ticket.created", "ticket.rated"}),
    (undelivered, {
        "message.received", "ticket.created", "ticket.answered", "ticket.assigned", "ticket.status_changed", "delivery.failed",
    }),
]  # fmt: skip


@pytest.mark.parametrize(("story", "heard"), STORIES, ids=[story.__name__ for story, _ in STORIES])
def test_the_rules_hear_of_what_happens_and_of_nothing_else(
    front: Noting, story: Callable[[Noting], int], heard: set[str]
) -> None:
    assert front.says(story(front)) == heard


def test_no_event_of_a_ticket_is_left_out_of_these_stories() -> None:
    assert set().union(*(heard for _, heard in STORIES)) == {name for name in HERE if name not in CHAINS}
