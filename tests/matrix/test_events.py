"""What agents hear of without anybody writing: a chat that was missed, a ticket nobody has, one that they follow."""

from pathlib import Path

import pytest

from router.clocks.tick import tick
from router.hand import CannotActError
from router.missed import missed
from tests.matrix.desks import Crowd, crowd
from tickets.store import Store

POST = "#billing-desk"


def ticks(front: Crowd, seconds: float) -> None:
    """Let time go by, and the clocks strike."""
    front.now += seconds
    list(tick(front.store, front.shelf.book(), front.now, 100))


def test_a_chat_that_is_missed_is_told_once_to_everybody_who_could_have_it(store: Store, tmp_path: Path) -> None:
    front = Crowd(store, crowd(support={"slack_channel": POST}), tmp_path)
    number = front.chats()
    known = len(front.rows(number))
    front.now += 3_600
    [one] = missed(store, front.shelf.book(), front.now, 10)
    assert len(one.notices) == 1  # the channel's; in the console nothing is sent
    for agent in ("sona", "luca", "mia"):
        assert front.told(number, known, agent=agent) == {"in_app": ("chat_missed", "unassigned")}
    assert [row.word for row in front.rows(number, known) if row.recipient == POST] == ["chat_missed"]
    assert list(missed(store, front.shelf.book(), front.now, 10)) == []


def test_what_nobody_has_for_too_long_is_told_once_until_somebody_has_had_it(store: Store, tmp_path: Path) -> None:
    front = Crowd(store, crowd(support={"unassigned_after": "30m"}), tmp_path)
    number = front.hears()
    known = len(front.rows(number))
    ticks(front, 1_799)
    assert len(front.rows(number)) == known
    ticks(front, 1)
    told = ("unassigned_too_long", "unassigned")
    assert front.told(number, known, agent="luca") == {"email": told, "in_app": told}
    known = len(front.rows(number))
    ticks(front, 86_400)
    assert len(front.rows(number)) == known
    front.acts.take(number, "sona")
    front.acts.assign(number, "sona", "nobody")
    ticks(front, 1_799)
    assert front.events(number).count("ticket.unassigned_too_long") == 1
    ticks(front, 1)
    assert front.events(number).count("ticket.unassigned_too_long") == 2


def test_who_follows_a_ticket_hears_of_it_until_they_follow_it_no_longer(store: Store, tmp_path: Path) -> None:
    front = Crowd(store, crowd(), tmp_path)
    number = front.hears()
    front.acts.take(number, "sona")
    assert front.acts.follow(number, "luca").changed
    assert not front.acts.follow(number, "luca").changed
    known = len(front.rows(number))
    front.hears(answers="m1@customer.example")
    assert front.told(number, known, agent="luca") == {"in_app": ("replied", "followed")}
    assert front.acts.unfollow(number, "luca").changed
    known = len(front.rows(number))
    front.hears(answers="m1@customer.example")
    assert front.told(number, known, agent="luca") == {}


def test_who_follows_a_ticket_that_is_merged_follows_the_other_one(store: Store, tmp_path: Path) -> None:
    front = Crowd(store, crowd(), tmp_path)
    one, other = front.hears(), front.hears(subject="Something else")
    front.acts.take(other, "sona")
    front.acts.follow(one, "luca")
    front.acts.merge(one, "sona", other)
    known = len(front.rows(other))
    front.hears(answers="m1@customer.example")
    assert front.told(other, known, agent="luca") == {"in_app": ("replied", "followed")}


def test_nobody_follows_what_they_may_not_see(store: Store, tmp_path: Path) -> None:
    front = Crowd(store, crowd(), tmp_path)
    number = front.hears(to="billing@acme.example")
    with pytest.raises(CannotActError):
        front.acts.follow(number, "mia")
