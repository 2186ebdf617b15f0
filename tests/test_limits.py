"""How much anybody may do: counted until the time is over, forgotten after it, and by what address."""

import asyncio

import pytest

from ingest.limits import Limiter, Memory, counted_address


def test_so_many_in_so_long_for_each_and_then_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.time", lambda: now)

    async def main() -> None:
        nonlocal now
        limiter = Limiter()
        assert [await limiter.wait("2/minute;3/hour", "ann") for _ in range(2)] == [None, None]
        assert await limiter.wait("2/minute;3/hour", "ann") == 60
        assert await limiter.wait("2/minute;3/hour", "bob") is None
        now += 61
        assert await limiter.wait("2/minute;3/hour", "ann") is None
        assert await limiter.wait("2/minute;3/hour", "ann") == 3539

    asyncio.run(main())


def test_counters_whose_time_is_over_are_forgotten_so_that_strangers_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("time.time", lambda: now)

    async def main() -> None:
        nonlocal now
        memory = Memory()
        for number in range(1000):
            await memory.incr(f"visitor {number}", 60)
        now += 61
        assert (await memory.get("visitor 1"), await memory.incr("one more", 60)) == (0, 1)
        assert await memory.reset() == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("testclient", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_counted_by_its_network_and_this_machine_not_at_all(
    address: str | None, counted: str | None
) -> None:
    assert counted_address(address) == counted
