"""Rules can be asked when an agent goes away or comes back: about the open tickets they have, once."""

from pathlib import Path
from typing import Any

import pytest

from router import comings
from router.decide import decide
from router.turn import Turn
from tests.responsibility.desks import support, team
from tests.responsibility.shift import THREE, Shift
from tickets.store import Store

EVENT = "agent.availability_changed"
LEFT: dict[str, Any] = {"name": "Left alone", "on": [EVENT], "then": [{"priority": "high", "notify": "agent:mia"}]}
CALM: dict[str, Any] = {"name": "Calm", "on": [EVENT], "when": [{"subject": "Holidays"}], "then": [{"priority": "low"}]}


@pytest.fixture
def shift(store: Store, tmp_path: Path) -> Shift:
    return Shift(store, team(THREE), tmp_path / "out")


def asks(shift: Shift, *rules: dict[str, Any], **department: Any) -> None:
    shift.at = team(THREE, departments=support(**department), rules=list(rules))


def test_the_rules_are_asked_about_each_open_ticket_before_it_goes_anywhere(shift: Shift) -> None:
    asks(shift, LEFT)
    mine, answered, other = shift.of("sona"), shift.of("sona"), shift.of("luca")
    shift.answer(answered, "sona")
    shift.away("sona")
    shift.tick()
    assert [shift.ticket(one)["priority"] for one in (mine, answered, other)] == ["high", "normal", "normal"]
    said = [line for line in shift.ticket(mine)["history"] if line["event"] == EVENT]
    assert [(one["actor"], one["data"]) for one in said] == [("agent:sona", {"from": "there", "to": "away"})]
    assert shift.events(mine)[-3:] == [EVENT, "ticket.priority_changed", "ticket.unassigned"]
    assert ("mia", "email", "pending") in shift.owed(mine)


def test_they_are_asked_once_for_each_time(shift: Shift) -> None:
    asks(shift, LEFT, when_away="keep")
    mine = shift.of("sona")
    shift.away("sona")
    for _ in range(3):
        shift.tick()
    assert shift.events(mine).count(EVENT) == 1
    shift.back("sona")
    shift.tick()
    shift.tick()
    said = [line["data"] for line in shift.ticket(mine)["history"] if line["event"] == EVENT]
    assert said == [{"from": "there", "to": "away"}, {"from": "away", "to": "there"}]


def test_where_no_rule_matches_nothing_stands_in_the_ticket(shift: Shift) -> None:
    asks(shift, CALM, when_away="keep")
    mine, calm = shift.of("sona"), shift.of("sona", subject="Holidays")
    shift.away("sona")
    assert [one.ticket for one in shift.tick()] == [calm]
    assert EVENT not in shift.events(mine)


def test_who_has_come_or_gone_before_a_rule_asked_is_not_news(shift: Shift) -> None:
    mine = shift.of("sona")
    shift.away("luca")
    shift.tick()
    shift.set(mine, agent="luca")
    asks(shift, LEFT, when_away="keep")
    assert shift.tick() == []


def test_a_process_that_dies_meanwhile_leaves_the_rest_to_the_next_and_no_rule_acts_twice(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks(shift, LEFT, when_away="keep")
    first, second = shift.of("sona"), shift.of("sona")
    shift.away("sona")
    real = Turn.take

    def take(turn: Any, *args: Any, **more: Any) -> Any:
        if turn.before.number == second:
            raise KeyboardInterrupt
        return real(turn, *args, **more)

    with monkeypatch.context() as dying:
        dying.setattr(Turn, "take", take)
        with pytest.raises(KeyboardInterrupt):
            shift.tick()
    assert [shift.events(one).count(EVENT) for one in (first, second)] == [1, 0]
    shift.tick()
    assert [shift.events(one).count(EVENT) for one in (first, second)] == [1, 1]


def test_a_defect_in_one_ticket_keeps_no_other_from_being_asked_about(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks(shift, LEFT)
    wrong, right = shift.of("sona"), shift.of("luca")
    real = decide

    def decided(rules: Any, event: Any, *args: Any) -> Any:
        if event.ticket.number == wrong:
            raise ValueError("a rule nobody foresaw")
        return real(rules, event, *args)

    monkeypatch.setattr(comings, "decide", decided)
    shift.away("sona")
    shift.away("luca")
    shift.tick()
    assert (shift.ticket(right)["priority"], shift.whose(wrong)) == ("high", None)
    assert shift.tick() == []
