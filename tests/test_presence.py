"""Who is away is the same for every process, within a second."""

from tickets.presence import FRESH_SECONDS, Present, away, away_since, set_away
from tickets.store import Store


def test_who_never_said_anything_is_there(store: Store) -> None:
    assert away(store) == frozenset()


def test_who_is_away_stays_away_until_back(store: Store) -> None:
    assert set_away(store, "sona", away=True, now=100.0)
    assert set_away(store, "luca", away=True, now=110.0)
    assert away(store) == {"sona", "luca"}
    assert set_away(store, "sona", away=False, now=120.0)
    assert away(store) == {"luca"}


def test_saying_it_twice_changes_nothing(store: Store) -> None:
    assert not set_away(store, "sona", away=False, now=90.0)
    assert set_away(store, "sona", away=True, now=100.0)
    assert not set_away(store, "sona", away=True, now=200.0)
    assert away_since(store) == {"sona": 100.0}


def test_the_database_is_asked_once_a_second(store: Store) -> None:
    now = 0.0
    present = Present(store, lambda: now)
    assert present.away() == frozenset()
    set_away(store, "sona", away=True, now=100.0)
    assert present.away() == frozenset()
    now += FRESH_SECONDS
    assert present.away() == {"sona"}
