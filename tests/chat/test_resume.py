"""Nothing is missed and nothing comes twice: resuming by place, lost signals, streams, what was seen."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from ingest.channels.chat import events, feed
from tests.chat.conftest import MakeDesk
from tests.chat.desks import SECONDS, ChatDesk, Frame, Visitor, until_async
from tests.chat.test_conversation import answered, said
from tickets.schema import conversations
from tickets.schema import entries as table


async def begun(desk: ChatDesk, answers: int) -> Visitor:
    """Return a visitor with a message and so many answers in the conversation."""
    visitor = await desk.visitor()
    assert (await visitor.post(visitor.message())).status_code == 202
    assert said(await visitor.events(wait=20)) == [(1, "visitor", "Where is my order?")]
    for number in range(answers):
        await asyncio.to_thread(answered, desk, 1, f"answer {number}")
    return visitor


def seqs(frames: list[Frame]) -> list[int]:
    return [frame["seq"] for frame in frames if frame["type"] == "entry"]


@pytest.mark.parametrize(
    ("after", "expected"),
    [(0, [1, 2, 3, 4]), (2, [3, 4]), (4, []), (99, [1, 2, 3, 4]), (-5, [1, 2, 3, 4]), ("2", [1, 2, 3, 4])],
)
def test_a_socket_gets_what_came_after_the_last_line_it_has_and_all_when_that_is_no_place(
    make_desk: MakeDesk, after: Any, expected: list[int]
) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await begun(desk, 3)
            async with visitor.connected(after=after) as socket:
                assert socket.heard[0]["seq"] == 4
                frames = [await socket.hear("entry") for _ in expected]
                assert seqs(frames) == expected
                await socket.say({"type": "ping"})
                await socket.hear("pong")
                assert seqs(socket.heard) == expected

    asyncio.run(main())


def test_a_long_conversation_comes_in_pages_and_whole(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await begun(desk, 1)
            with desk.app.store.write() as connection:
                line = dict(connection.execute(select(table).where(table.c.seq == 2)).one()._mapping)
                rows = [{**line, "id": None, "seq": seq} for seq in range(3, 352)]
                connection.execute(table.insert(), rows)
                connection.execute(conversations.update().values(seq=351))
            async with visitor.connected() as socket:
                assert [(await socket.hear("entry"))["seq"] for _ in range(351)] == list(range(1, 352))
            found: list[int] = []
            while frames := seqs(await visitor.events(after=found[-1] if found else 0)):
                found += frames
            assert found == list(range(1, 352))

    asyncio.run(main())


def test_what_is_said_while_nobody_is_connected_is_there_when_the_socket_comes_back(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await begun(desk, 1)
            async with visitor.connected(after=2) as socket:
                await asyncio.to_thread(answered, desk, 1, "while you are here")
                assert (await socket.hear("entry"))["seq"] == 3
            await asyncio.to_thread(answered, desk, 1, "while you are away")
            async with visitor.connected(after=3) as socket:
                assert (await socket.hear("entry"))["text"] == "while you are away"
                await asyncio.to_thread(answered, desk, 1, "and back")
                assert (await socket.hear("entry"))["seq"] == 5

    asyncio.run(main())


def test_a_lost_signal_costs_a_moment_and_no_line(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "READ_SECONDS", 0.5)
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await begun(desk, 0)
            monkeypatch.setattr(desk.app.live, "tell", lambda *_: None)  # nothing rings any more
            async with visitor.connected(after=1) as socket:
                await asyncio.to_thread(answered, desk, 1, "nobody rang")
                assert (await socket.hear("entry"))["text"] == "nobody rang"
                await socket.say(visitor.message("nor now"))
                await socket.hear("ack")
                assert (await socket.hear("entry"))["text"] == "nor now"

    asyncio.run(main())


async def _streamed(desk: ChatDesk, visitor: Visitor, until: int, **headers: str) -> list[str]:
    """Return the lines of an event stream until the entry of a place has come."""
    lines = []
    named = {**visitor.bearer, "Accept": "text/event-stream", **headers}
    async with (
        asyncio.timeout(SECONDS),
        httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client,
        client.stream("GET", desk.url("events"), headers=named) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        async for line in answer.aiter_lines():
            lines.append(line)
            if line.startswith("data:") and f'"seq":{until},' in line and '"entry"' in line:
                break
    return lines


def test_a_stream_resumes_at_the_last_event_id_and_goes_on(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "COMMENT_SECONDS", 0.05)
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await begun(desk, 2)
            lines = await _streamed(desk, visitor, 3)
            frames = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
            assert frames[0]["type"] == "welcome"
            assert seqs(frames) == [1, 2, 3]
            assert [line for line in lines if line.startswith("id: ")] == ["id: 1", "id: 2", "id: 3"]
            stream = asyncio.create_task(_streamed(desk, visitor, 4, **{"Last-Event-ID": "2"}))
            await until_async(lambda: desk.app.live._hearings)
            await asyncio.sleep(0.3)  # long enough for a comment
            await asyncio.to_thread(answered, desk, 1, "later")
            lines = await stream
            assert [line for line in lines if line.startswith("id: ")] == ["id: 3", "id: 4"]
            assert ":" in lines
            await until_async(lambda: not desk.app.live._hearings)  # who goes away leaves nothing behind

    asyncio.run(main())


def test_a_long_poll_waits_for_news_and_not_longer_than_it_was_asked_to(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await begun(desk, 0)
            loop = asyncio.get_running_loop()
            started = loop.time()
            [state] = await visitor.events(after=1, wait=0)
            assert (state["type"], state["status"]) == ("state", "waiting")
            [state] = await visitor.events(after=1, wait=1)
            assert 1 <= loop.time() - started < 10
            waiting = asyncio.create_task(visitor.events(after=1, wait=20))
            await until_async(lambda: desk.app.live._hearings)
            await asyncio.to_thread(answered, desk, 1, "here")
            assert said(await waiting) == [(2, "agent", "here")]
            for odd in ("after=x&wait=y", "after=-1&wait=-1", "after=9999999999999999999999", "wait=٣"):
                answer = await desk.ask("GET", f"events?{odd}", headers=visitor.bearer)
                assert answer.status_code == 200

    asyncio.run(main())


def test_what_was_seen_is_kept_and_never_goes_back_nor_beyond_what_there_is(make_desk: MakeDesk) -> None:
    desk = make_desk()

    def seen() -> int:
        with desk.app.store.read() as connection:
            return int(connection.scalar(select(conversations.c.seen)) or 0)

    async def main() -> None:
        async with desk.serving():
            visitor = await begun(desk, 3)
            for seq, expected in [(2, 2), (1, 2), (-1, 2), ("3", 2), (2**40, 2), (3, 3), (99, 4), (2, 4)]:
                async with visitor.connected() as socket:
                    await socket.say({"type": "read", "seq": seq})
                    await socket.say({"type": "ping"})
                    await socket.hear("pong")
                await until_async(lambda: not desk.app.live._hearings)
                async with visitor.connected() as socket:  # the one before has settled what it was told
                    assert socket.heard[0]["seen"] == expected, seq
            assert seen() == 4
            assert (await visitor.post({"type": "read", "seq": 4})).status_code == 202

    asyncio.run(main())


def test_how_a_conversation_stands_is_told_when_it_changes(make_desk: MakeDesk) -> None:
    desk = make_desk("wait_seconds: 10")

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            async with visitor.connected() as socket:
                assert socket.heard[0]["status"] == "none"
                await socket.say(visitor.message())
                assert (await socket.hear("state"))["status"] == "waiting"
                with desk.app.store.write() as connection:
                    connection.execute(conversations.update().values(waits_until=1.0))
                assert (await socket.hear("state"))["status"] == "missed"
                await asyncio.to_thread(answered, desk, 1, "Sorry for the wait")
                state = await socket.hear("state")
                assert (state["status"], state["agent"], state["rated"]) == ("taken", "Sona", False)
                await socket.say({"type": "rate", "id": "r", "score": "good", "comment": "Quick"})
                assert (await socket.hear("state"))["rated"] is True

    asyncio.run(main())
