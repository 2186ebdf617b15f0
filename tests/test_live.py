"""Live signals: heard at once, also from other processes, and where one is lost the subscriber knows."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from tickets.live import MOST_WAITING, Heard, Live, RedisLive

LINE = {"type": "line"}


@pytest.fixture(params=["memory", "redis"])
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """Give signals, once for each engine."""
    made = Live() if request.param == "memory" else RedisLive(request.getfixturevalue("redis_url"))
    yield made
    made.close()


def test_who_subscribed_hears_what_any_thread_tells_and_nobody_elses(live: Live) -> None:
    async def main() -> list[Heard]:
        with live.subscribe("a") as first, live.subscribe("a") as second, live.subscribe("b") as other:
            threading.Thread(target=live.tell, args=("a", LINE)).start()
            return [await first.wait(5), await second.wait(5), await other.wait(0)]

    assert asyncio.run(main()) == [Heard((LINE,)), Heard((LINE,)), Heard()]


def test_the_same_signal_twice_is_one_and_other_ones_keep_their_order(live: Live) -> None:
    async def main() -> Heard:
        with live.subscribe("a") as hearing:
            for signal in (LINE, {"type": "typing"}, LINE):
                live.tell("a", signal)
            await asyncio.sleep(0)
            return await hearing.wait(5)

    assert asyncio.run(main()) == Heard((LINE, {"type": "typing"}))


def test_who_does_not_keep_up_is_told_so_and_holds_no_more_than_so_many(live: Live) -> None:
    async def main() -> tuple[Heard, Heard]:
        with live.subscribe("a") as hearing:
            for number in range(MOST_WAITING * 3):
                live.tell("a", {"n": number})
            await asyncio.sleep(0)
            return await hearing.wait(5), await hearing.wait(0)

    first, second = asyncio.run(main())
    assert first.missed
    assert len(first.signals) <= MOST_WAITING
    assert second == Heard()


def test_when_the_process_stops_everybody_hears_that_also_who_comes_late(live: Live) -> None:
    async def main() -> list[bool]:
        with live.subscribe("a") as early:
            live.end()
            with live.subscribe("a") as late:
                ended = [(await one.wait(5)).ended for one in (early, late, early)]
        return ended

    assert asyncio.run(main()) == [True, True, True]


def test_telling_nobody_or_a_loop_that_is_closed_does_nothing(live: Live) -> None:
    async def leak() -> None:
        context = live.subscribe("a")
        context.__enter__()
        contexts.append(context)

    contexts: list[object] = []
    asyncio.run(leak())
    live.tell("a", LINE)
    live.tell("b", LINE)
    live.end()


def test_other_processes_hear_it_over_redis(redis_url: str) -> None:
    here, there = RedisLive(redis_url), RedisLive(redis_url)

    async def main() -> Heard:
        async with there.running():
            with there.subscribe("a") as hearing:
                assert (await hearing.wait(10)).missed  # it listens from now on
                here.tell("a", LINE)
                return await hearing.wait(10)

    assert asyncio.run(main()) == Heard((LINE,))
    here.close()
    there.close()


def test_a_lost_connection_is_made_again_and_whoever_waits_reads_again(redis_url: str) -> None:
    here, there = RedisLive(redis_url), RedisLive(redis_url)

    async def main() -> Heard:
        async with there.running():
            with there.subscribe("a") as hearing:
                assert (await hearing.wait(10)).missed
                with Redis.from_url(redis_url) as redis:
                    assert redis.client_kill_filter(_type="pubsub") >= 1
                assert (await hearing.wait(10)).missed
                here.tell("a", LINE)
                return await hearing.wait(10)

    assert asyncio.run(main()) == Heard((LINE,))
    here.close()
    there.close()


def test_without_redis_signals_inside_the_process_go_on_and_nothing_raises() -> None:
    live = RedisLive("redis://127.0.0.1:1/0")

    async def main() -> Heard:
        async with live.running():
            with live.subscribe("a") as hearing:
                live.tell("a", LINE)
                return await hearing.wait(5)

    assert asyncio.run(main()) == Heard((LINE,))
    live.close()
