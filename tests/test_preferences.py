"""What agents chose: kept as they wrote it, and changed in parts without losing the rest."""

import pytest

from config.notices import DEFAULTS
from tests.desks import desk
from tickets.preferences import choose, chosen, renew, stop, written
from tickets.store import Store

WRITTEN = {"unseen_after": "5m", "quiet_hours": {"mon-fri": ["00:00-07:00"]}, "ways": {"new": {"others": ["slack"]}}}


def test_a_choice_is_kept_as_it_was_written_and_counts_over_the_desk_file(store: Store) -> None:
    with store.write() as connection:
        choose(connection, "sona", {"replies": "answer"}, 1.0)
        choose(connection, "sona", WRITTEN, 2.0)
    with store.write() as connection:
        assert written(connection, "sona") == WRITTEN
        assert written(connection, "luca") == {}
    choices = chosen(store).of(desk(), "sona")
    assert choices.unseen_after == 300
    assert choices.told("new", "others") == ("slack",)
    assert choices.told("new", "unassigned") == DEFAULTS.told("new", "unassigned")


def test_a_choice_that_is_not_right_changes_nothing(store: Store) -> None:
    with store.write() as connection:
        choose(connection, "sona", WRITTEN, 1.0)
    with store.write() as connection, pytest.raises(ValueError, match="unseen_after"):
        choose(connection, "sona", {"unseen_after": 300}, 2.0)
    with store.write() as connection:
        assert written(connection, "sona") == WRITTEN


def test_what_is_stopped_by_one_way_goes_on_by_the_others(store: Store) -> None:
    with store.write() as connection:
        choose(connection, "sona", WRITTEN, 1.0)
    with store.write() as connection:
        assert stop(connection, desk(), "sona", "email", [("replied", "mine"), ("new", "others")], 2.0)
    with store.write() as connection:
        assert not stop(connection, desk(), "sona", "email", [("replied", "mine")], 3.0)
    choices = chosen(store).of(desk(), "sona")
    assert choices.told("replied", "mine") == ("slack", "push", "in_app", "apprise")
    assert choices.told("new", "others") == ("slack",)
    assert choices.told("assigned", "mine") == DEFAULTS.told("assigned", "mine")
    assert choices.unseen_after == 300
    assert chosen(store).of(desk(), "luca").told("replied", "mine") == DEFAULTS.told("replied", "mine")


def test_new_reply_addresses_leave_what_was_chosen_as_it_is(store: Store) -> None:
    with store.write() as connection:
        choose(connection, "sona", WRITTEN, 1.0)
        for agent in ("sona", "luca", "sona"):
            renew(connection, agent, 2.0)
    with store.write() as connection:
        assert written(connection, "sona") == WRITTEN
        choose(connection, "sona", {}, 3.0)
    assert chosen(store).epochs == {"sona": 2, "luca": 1}
    assert chosen(store).of(desk(), "luca") == chosen(store).of(desk(), "mia")
