"""What is done once for a key."""

import pytest

from tickets.once import KEPT_SECONDS, first, forget
from tickets.store import Store

NOW = 1_795_000_000.0


def test_only_the_first_that_asks_is_the_first(store: Store) -> None:
    with store.write() as connection:
        assert [first(connection, key, 1.0) for key in ("a", "b", "a")] == [True, True, False]
    with store.write() as connection:
        assert not first(connection, "b", 2.0)


def test_what_is_undone_was_not_done(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.write() as connection:
        assert first(connection, "a", 1.0)
        raise KeyboardInterrupt
    with store.write() as connection, connection.begin_nested() as part:
        assert first(connection, "a", 1.0)
        part.rollback()
    with store.write() as connection:
        assert first(connection, "a", 1.0)


def test_what_was_done_long_ago_is_forgotten_and_nothing_else(store: Store) -> None:
    with store.write() as connection:
        assert first(connection, "slack:old", NOW)
        assert first(connection, "slack:new", NOW + 1)
    assert forget(store, NOW + KEPT_SECONDS + 0.5) == 1
    with store.write() as connection:
        assert first(connection, "slack:old", NOW)
        assert not first(connection, "slack:new", NOW)
