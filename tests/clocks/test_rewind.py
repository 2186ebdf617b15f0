"""Another desk file: the tickets there are get its clocks, a few at a time, once for a version."""

import pytest

from router.clocks import rewind
from router.clocks.rewind import Rewinder
from router.clocks.wind import wind
from tests.clocks.ticking import DAY, HOUR, Desktop
from tests.clocks.timed_desks import waits
from tests.desks import desk
from tickets.store import Store


def test_all_of_them_in_batches_and_then_nobody_looks_until_the_desk_file_changes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewind, "BATCH", 4)
    at = Desktop(store, desk())
    numbers = [at.send(f"{n}@x.example") for n in range(10)]
    at.at = desk(rules=waits("time.older_than", "1h"))
    rewinder = Rewinder(store, at.shelf.book)
    assert [rewinder.rewind(at.now) for _ in range(4)] == [4, 4, 2, 0]
    at.set(numbers[0], timed_by="another")  # by a process that still has another desk file
    assert rewinder.rewind(at.now + 59) == 0
    assert rewinder.rewind(at.now + 60) == 1
    at.at = desk()
    assert [rewinder.rewind(at.now + 61) for _ in range(4)] == [4, 4, 2, 0]
    assert at.later(DAY) == []


def test_tickets_that_changed_meanwhile_are_left_to_who_changes_them(store: Store) -> None:
    at = Desktop(store, desk(rules=waits("time.waiting_for_agent", "1h")))
    number = at.send("a@x.example")
    at.at = desk(rules=waits("time.waiting_for_agent", "1h") + waits("time.older_than", "9d", name="Other"))
    at.now += HOUR / 2
    at.send("b@x.example", answers="a@x.example")  # whoever changes a ticket winds it by the desk file as it is now
    assert at.state(number).timed_by == at.at.version
    assert at.rewind() == 0
    assert len(at.later(HOUR / 2)) == 1


def test_a_ticket_that_cannot_be_wound_keeps_no_other_from_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    at = Desktop(store, desk())
    broken, fine = at.send("a@x.example"), at.send("b@x.example")
    at.at = desk(rules=waits("time.older_than", "1h"))

    def fails(state: object, *rest: object) -> object:
        if getattr(state, "number", None) == broken:
            raise KeyError("a defect")
        return wind(state, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(rewind, "wind", fails)
    assert at.rewind() == 2
    monkeypatch.undo()
    assert (at.state(broken).due_at, at.state(broken).timed_by) == (None, at.at.version)
    assert [one.ticket for one in at.later(HOUR)] == [fine]
