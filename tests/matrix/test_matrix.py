"""The matrix: each event, whose ticket it is, and by which ways an agent is told."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.desk import Desk
from config.notices import DEFAULTS, WAYS, WHOSE, WORDS, Choices, Whose, Word
from router.book import book_of
from router.event import Change
from router.followers import follow
from router.moments import ORDER
from router.staff import Staff
from router.state import State
from router.tell import Turned, intents
from router.ticket import Pen
from router.turn import Turn
from tests.matrix.desks import Crowd, crowd, only
from tickets.preferences import Chosen
from tickets.store import Store

LINES: Mapping[Word, Change] = {
    "new": Change("ticket.transferred", "desk", {"from": "billing", "to": "support"}),
    "reopened": Change("ticket.reopened", "customer", {"from": "resolved", "to": "open"}),
    "assigned": Change("ticket.assigned", "desk", {"from": None}),
    "taken": Change("ticket.assigned", "desk", {"from": "mia"}),
    "replied": Change("message.received", "customer", {}),
    "colleague": Change("ticket.noted", "agent:luca", {}),
    "chat_message": Change("message.received", "customer", {}),
    "chat_missed": Change("chat.missed", "desk", {}),
    "sla_warning": Change("sla.warning", "clock", {}),
    "sla_breached": Change("sla.breached", "clock", {}),
    "unassigned_too_long": Change("ticket.unassigned_too_long", "clock", {}),
    "undelivered": Change("delivery.failed", "desk", {}),
    "rated": Change("ticket.rated", "customer", {}),
}
"""What happens for each word; that it rings is told in test_chat.py."""
NEVER = {
    ("assigned", "unassigned"),
    *(("taken", whose) for whose in ("unassigned", "others")),
    *(("unassigned_too_long", whose) for whose in ("mine", "others")),
}
"""What cannot be."""


def turned(front: Crowd, word: Word, whose: Whose, chosen: Choices) -> tuple[int, int]:
    """Let it happen in a new ticket; return its number, and how many notices it had before. It is Mia who is watched."""
    number = front.chats(visitor=word) if word == "chat_message" else front.hears()
    known = len(front.rows(number))
    has = {"mine": "mia", "unassigned": None, "others": "sona", "followed": "sona"}[whose]
    before = {"assigned": None, "taken": "mia"}.get(word, has)
    now = "sona" if word == "taken" else None if word == "unassigned_too_long" and whose == "followed" else has
    book = replace(book_of(front.at), chosen=Chosen({"mia": chosen}, frozenset({"mia"})))
    with front.store.write() as connection:
        if whose == "followed":
            follow(connection, number, "mia", front.now)
        stood = State("support", front.ticket(number)["channel"], number, agent=before, status="open")
        turn = Turn(Pen(connection, None, front.now), book, Staff(front.at, front.now), stood)
        turn.take([LINES[word]], stood._replace(agent=now))
    return number, known


@pytest.mark.parametrize("whose", WHOSE)
def test_an_agent_is_told_of_what_they_chose_by_the_ways_they_chose(store: Store, tmp_path: Path, whose: Whose) -> None:
    front = Crowd(store, crowd(), tmp_path)
    for word in LINES:
        expected = {} if (word, whose) in NEVER else dict.fromkeys(WAYS, (word, whose))
        assert front.told(*turned(front, word, whose, only(word, whose)), agent="mia") == expected, word


def test_every_word_has_its_weight_and_every_reason_says_why(store: Store, tmp_path: Path) -> None:
    assert sorted(ORDER) == sorted(WORDS)
    front = Crowd(store, crowd(), tmp_path)
    reasons = {}
    for word in LINES:
        whose: Whose = "unassigned" if word == "unassigned_too_long" else "mine" if word != "new" else "others"
        rows = front.rows(*turned(front, word, whose, only(word, whose)))
        [reasons[word]] = {
            row.reason for row in rows if row.recipient == "mia" and row.word == word and row.notifier == "push"
        }
    assert reasons == {
        "new": "a new ticket in your department Support",
        "reopened": "the ticket is open again, and the ticket is yours",
        "assigned": "the ticket is assigned to you",
        "taken": "the ticket is not yours any more, Sona has it",
        "replied": "the customer replied, and the ticket is yours",
        "colleague": "a colleague wrote a note, and the ticket is yours",
        "chat_message": "the customer wrote in the chat, and the ticket is yours",
        "chat_missed": "nobody was there for the chat in time, and the ticket is yours",
        "sla_warning": "your ticket has to be seen to: a promise to its customer is nearly due",
        "sla_breached": "your ticket is late: a promise to its customer is broken",
        "unassigned_too_long": "the ticket waits too long, and it is nobody's, in your department Support",
        "undelivered": "a message about your ticket could not be delivered",
        "rated": "the customer rated the ticket, and the ticket is yours",
    }


DESK = crowd()
SOMEBODY = st.sampled_from([None, "sona", "luca", "mia"])
ACTORS = st.sampled_from(["customer", "desk", "clock", "rule:r", "agent:sona", "agent:luca", "agent:mia"])
HISTORY = st.lists(
    st.tuples(st.sampled_from([line.event for line in LINES.values()] + ["ticket.created", "ticket.answered"]), ACTORS),
    min_size=1,
    max_size=5,
)
CHOICES = st.dictionaries(
    st.sampled_from(WORDS), st.dictionaries(st.sampled_from(WHOSE), st.lists(st.sampled_from(WAYS)).map(tuple))
).map(lambda ways: Choices(ways=ways))


def told(desk: Desk, turned: Turned, chosen: Chosen, asked: list[tuple[str, str]]) -> list[Any]:
    return intents(replace(book_of(desk), chosen=chosen), turned, asked)


@given(
    history=HISTORY,
    before=SOMEBODY,
    after=SOMEBODY,
    department=st.sampled_from(["support", "billing"]),
    followers=st.frozensets(st.sampled_from(["sona", "luca", "mia"])),
    layers=st.dictionaries(st.sampled_from(["sona", "luca", "mia"]), CHOICES),
    paused=st.frozensets(st.tuples(st.sampled_from(["sona", "luca", "mia"]), st.sampled_from(WAYS[:3]))),
    asked=st.lists(st.sampled_from(["agent:mia", "agent:sona", "department:support", "email:boss@acme.example"])),
)
def test_whatever_happens_it_is_told_once_by_each_way_and_never_to_who_did_it_or_may_not_see_it(  # noqa: PLR0913, PLR0917  # what there is
    history: list[tuple[str, str]],
    before: str | None,
    after: str | None,
    department: str,
    followers: frozenset[str],
    layers: dict[str, Choices],
    paused: frozenset[tuple[str, str]],
    asked: list[str],
) -> None:
    lines = [(place, Change(event, actor, {})) for place, (event, actor) in enumerate(history)]
    stood = State(department, "mail", 1, agent=before, status="open")
    turn = Turned(stood, stood._replace(agent=after), lines, followers=followers)
    chosen = Chosen(layers, frozenset({"sona", "mia"}), dict.fromkeys(paused, "the relay says 550"))
    found = told(DESK, turn, chosen, [(one, f"{one} was asked for") for one in asked])
    by = {place: actor for place, (_, actor) in enumerate(history)}
    once = {(one.event_id, one.recipient, one.notifier) for one in found}
    assert len(once) == len(found)
    usual = [(one.recipient, one.notifier) for one in found if one.word]
    assert len(set(usual)) == len(usual)
    for one in found:
        assert one.reason
        assert not (one.suppressed and one.notifier == "in_app")
        if not one.suppressed and one.recipient in DESK.agents_by_id:
            assert one.recipient in DESK.members(department)
            assert by[one.event_id] != f"agent:{one.recipient}"
            assert (one.recipient, one.notifier) not in paused


def test_what_is_usual_stands_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "desk-file.md").read_text(encoding="utf-8")
    for word in WORDS:
        cells = [", ".join(f"`{way}`" for way in DEFAULTS.told(word, whose)) or "-" for whose in WHOSE]
        assert f"| `{word}` | {' | '.join(cells)} |" in text
