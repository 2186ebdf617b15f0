"""An account that answers with errors is asked less than twenty times an hour, and at once again when it answers."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.patience import ERRORS, HOUR, REST_SECONDS, Patience

THREADS = 2


@given(st.lists(st.floats(0.1, 900), max_size=200))
def test_no_hour_has_twenty_errors_however_often_it_is_tried(waits: list[float]) -> None:
    patience, now, errors = Patience(), 0.0, list[float]()
    for wait in [*waits, *[1.0] * 4000]:
        now += wait
        asking = [one for one in range(THREADS) if patience.pause("a", now) == 0]  # each before the others failed
        for _ in asking:
            patience.failed("a", now)
            errors.append(now)
    worst = max(sum(1 for one in errors if begin <= one < begin + HOUR) for begin in errors)
    assert worst < 20


def test_a_few_errors_are_nothing() -> None:
    patience = Patience()
    for at in range(ERRORS - 1):
        patience.failed("a", at)
    assert patience.pause("a", ERRORS) == 0


def test_after_the_rest_everything_goes_on_until_the_next_error() -> None:
    patience = Patience()
    for at in range(ERRORS):
        patience.failed("a", at)
    last = ERRORS - 1
    assert patience.pause("a", last + 1) == REST_SECONDS - 1
    assert patience.pause("b", last + 1) == 0
    assert [patience.pause("a", last + REST_SECONDS + later) for later in range(3)] == [0, 0, 0]
    patience.failed("a", last + REST_SECONDS + 3)
    assert patience.pause("a", last + REST_SECONDS + 3) == REST_SECONDS


def test_errors_of_long_ago_are_forgotten() -> None:
    patience = Patience()
    for at in range(ERRORS):
        patience.failed("a", at * HOUR)
    assert patience.pause("a", ERRORS * HOUR) == 0
