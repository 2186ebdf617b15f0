"""Several processes on one database and one Redis: an answer that is written in one reaches the socket that another holds."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from websockets.asyncio.client import connect

from ingest.limits import Limiter
from tests.chaos.desk_process import ROOT, Desks
from tests.chat.desks import ChatDesk, Socket, Visitor, until_async
from tests.chat.test_conversation import answered
from tests.services import Services


@pytest.fixture
def postgresql_url(services: Services) -> Iterator[str]:
    """Give a database at this schema."""
    url = services.database()
    yield url
    services.drop(url)


@pytest.fixture(autouse=True)
def nobody_elses_bells(redis_url: str) -> None:
    """Empty Redis: what other stories left there is not ours to answer."""
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()


def two(folder: Path, database_url: str, redis_url: str, settings: str = "") -> tuple[ChatDesk, ChatDesk]:
    here, there = (ChatDesk(folder / name, database_url, settings, redis_url) for name in ("here", "there"))
    here.app.store.migrate()
    return here, there


def test_what_one_process_writes_reaches_the_sockets_of_another_at_once(
    tmp_path: Path, postgresql_url: str, redis_url: str
) -> None:
    here, there = two(tmp_path, postgresql_url, redis_url)

    async def main() -> None:
        async with here.serving(), there.serving(workers=False):
            visitor = await there.visitor()
            async with visitor.connected() as socket:
                await until_async(lambda: _listeners(redis_url) >= 2)
                await socket.say(visitor.message())
                assert (await socket.hear("ack"))["row"] == 1
                assert (await socket.hear("entry"))["seq"] == 1  # routed by a worker of the other process
                async with asyncio.timeout(10):  # less than what a lost signal costs
                    await asyncio.to_thread(answered, here, 1, "From over here")
                    assert (await socket.hear("entry"))["text"] == "From over here"
            elsewhere = Visitor(here, {**visitor.session})
            async with elsewhere.connected(after=1) as socket:  # the token and the conversation are the desk's
                assert (await socket.hear("entry"))["seq"] == 2

    asyncio.run(main())


def _listeners(redis_url: str) -> int:
    with Redis.from_url(redis_url) as redis:
        return sum(count for _, count in redis.pubsub_numsub("frontdesk:0:live"))


def test_limits_count_in_all_processes_together(tmp_path: Path, postgresql_url: str, redis_url: str) -> None:
    here, there = two(tmp_path, postgresql_url, redis_url, "limits: {session: 3/hour}")

    async def main() -> None:
        async with here.serving(workers=False), there.serving(workers=False):
            visitor = await there.visitor()
            elsewhere = Visitor(here, visitor.session)
            for number, one in enumerate((visitor, elsewhere, visitor)):
                assert (await one.post({**one.message(), "id": f"n{number}"})).status_code == 202
            for one in (visitor, elsewhere):
                assert (await one.post({**one.message(), "id": "more"})).status_code == 429

    asyncio.run(main())


def test_without_redis_nobody_is_refused_and_each_process_counts_for_itself() -> None:
    async def main() -> None:
        limiter = Limiter("redis://127.0.0.1:1/0")
        assert [await limiter.wait("2/hour", "a") is None for _ in range(3)] == [True, True, False]

    asyncio.run(main())


@pytest.mark.timeout(180)
def test_an_answer_from_the_command_line_reaches_the_socket_of_a_listener_through_a_worker(
    tmp_path: Path, postgresql_url: str, redis_url: str
) -> None:
    with Desks(tmp_path) as desks:
        desk = desks.make(database_url=postgresql_url, broker_url=redis_url)
        desk.start("listen")
        desk.start("work")

        async def main() -> None:
            async with connect(f"ws://127.0.0.1:{desk.http}/chat/site/ws", proxy=None) as connection:
                socket = Socket(connection)
                status, _, body = await asyncio.to_thread(desk.ask, "POST", "/chat/site/session", b"")
                assert status == 200
                await socket.say({"type": "hello", "token": _token(body), "after": 0})
                await socket.hear("welcome")
                await asyncio.sleep(1)  # as old as a first message must be
                await socket.say({"type": "message", "id": "m1", "text": "Hello"})
                assert (await socket.hear("entry"))["seq"] == 1
                command = [
                    sys.executable,
                    str(ROOT / "worker.py"),
                    "reply",
                    "1",
                    "--as",
                    "sona",
                    "--text",
                    "From a terminal",
                ]
                await asyncio.to_thread(subprocess.run, command, env=desk.environment, check=True, timeout=60)
                assert (await socket.hear("entry"))["text"] == "From a terminal"

        asyncio.run(main())


def _token(body: str) -> str:
    import json

    return str(json.loads(body)["token"])
