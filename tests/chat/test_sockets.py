"""The socket itself: who says nothing, too much or nonsense, who does not read, and what happens when the desk stops."""

import asyncio
import json
import resource
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from commands import serve
from ingest.channels.chat import hall, socket
from tests.chat.conftest import MakeDesk
from tests.chat.desks import ChatDesk, until_async
from tests.chat.test_conversation import answered
from tickets.schema import conversations, entries


def test_a_socket_that_does_not_say_hello_in_time_is_closed(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "HELLO_SECONDS", 0.1)
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False), desk.socket() as silent:
            assert await silent.closed() == 1008
            assert silent.heard == [{"type": "bye", "why": "hello", "again": True}]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("first", "code", "why"),
    [
        ('{"type": "message", "id": "1", "text": "x"}', 1008, "hello"),
        ('{"type": "hello"}', 4401, "token"),
        ('{"type": "hello", "token": "eyJhbGciOiJub25lIn0.e30."}', 4401, "token"),
        ('{"type": "hello", "token": 5, "after": "x"}', 4401, "token"),
        ("hello", 1008, "frame"),
        ("[]", 1008, "frame"),
        ("[" * 50_000, 1008, "frame"),
        (b'{"type": "hello"}', 1008, "frame"),
    ],
    ids=["no hello", "no token", "alg none", "token is a number", "no JSON", "a list", "deep", "bytes"],
)
def test_a_socket_that_begins_wrongly_is_closed_for_good(make_desk: MakeDesk, first: Any, code: int, why: str) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False), desk.socket() as wrong:
            await wrong.connection.send(first)
            assert await wrong.closed() == code
            assert wrong.heard == [{"type": "bye", "why": why, "again": False}]

    asyncio.run(main())


def test_the_token_of_another_channel_opens_nothing_over_any_way(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            theirs = (await desk.session("other"))["token"]
            async with desk.socket() as wrong:
                await wrong.say({"type": "hello", "token": theirs})
                assert await wrong.closed() == 4401
            bearer = {"Authorization": f"Bearer {theirs}"}
            for method, path in [("POST", "frames"), ("GET", "events"), ("POST", "files"), ("GET", "files/x")]:
                for headers in (bearer, {"Authorization": "Basic eDp5"}, {}):
                    answer = await desk.ask(method, path, headers=headers)
                    assert answer.status_code == 401, path
            mine = await desk.session(token=theirs)
            assert mine["token"] != theirs
            assert (
                await desk.ask("GET", "events", headers={"Authorization": f"Bearer {mine['token']}"})
            ).status_code == 200

    asyncio.run(main())


def test_a_frame_that_is_too_large_ends_the_socket_and_not_the_desk(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            async with visitor.connected() as large:
                with pytest.raises(ConnectionClosed):
                    await large.connection.send("x" * 70_000)
                    await large.hear("pong")
                assert large.connection.close_code == 1009
            answer = await desk.ask("POST", "frames", content=b"x" * 70_000, headers=visitor.bearer)
            assert answer.status_code == 413
            async with visitor.connected() as fine:
                await fine.say({"type": "ping"})
                await fine.hear("pong")

    asyncio.run(main())


def test_an_unknown_frame_is_refused_and_the_socket_stays_and_a_flood_ends_it(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            async with visitor.connected() as one:
                await one.say({"type": "dance", "id": "d"})
                nack = await one.hear("nack")
                assert (nack["id"], nack["why"], nack["again"]) == ("d", "frame", False)
                for _ in range(socket.MOST_AT_ONCE + 5):
                    await one.say({"type": "ping"})
                assert await one.closed() == 1013
                assert one.heard[-1] == {"type": "bye", "why": "busy", "again": True}

    asyncio.run(main())


def test_an_address_has_so_many_sockets_and_streams_and_gets_the_place_of_one_that_ended(make_desk: MakeDesk) -> None:
    desk = make_desk("limits: {sockets: 2}")
    away = {"X-Forwarded-For": "203.0.113.7"}

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            async with visitor.connected(headers=away):
                async with visitor.connected(headers=away):
                    with pytest.raises(InvalidStatus) as full:
                        async with visitor.connected(headers=away):
                            pass
                    assert full.value.response.status_code == 429
                    answer = await desk.ask("GET", "events", headers={**visitor.bearer, **away})
                    assert answer.status_code == 429
                    async with visitor.connected(headers={"X-Forwarded-For": "2001:db8::1"}):
                        pass
                for _ in range(1000):  # until the desk has noticed
                    answer = await desk.ask("GET", "events", headers={**visitor.bearer, **away})
                    if answer.status_code == 200:
                        break
                assert answer.status_code == 200

    asyncio.run(main())


def test_the_process_has_so_many_places_in_all(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hall, "MOST_OPEN", 1)
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            async with visitor.connected():
                with pytest.raises(InvalidStatus) as full:
                    async with visitor.connected():
                        pass
                assert full.value.response.status_code == 429

    asyncio.run(main())


def test_when_the_desk_stops_every_socket_and_stream_hears_that_and_none_holds_it_up(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> float:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            loop = asyncio.get_running_loop()
            polled = asyncio.create_task(visitor.events(wait=25))
            streamed = asyncio.create_task(
                desk.ask("GET", "events", headers={**visitor.bearer, "Accept": "text/event-stream"})
            )
            async with visitor.connected() as one, visitor.connected() as other, desk.socket():
                await asyncio.sleep(0.2)  # until the others wait as well; a bound, not a condition
                began = loop.time()
                desk.app.live.end()
                for socket_ in (one, other):
                    assert await socket_.closed() == 1012
                    assert socket_.heard[-1] == {"type": "bye", "why": "restart", "again": True}
                assert [frame["type"] for frame in await polled] == ["state"]
                last = (await streamed).text.strip().rpartition("data: ")[2]
                assert json.loads(last) == {"type": "bye", "why": "restart", "again": True}
                began = loop.time()
        return loop.time() - began

    assert asyncio.run(main()) < serve.GRACE_SECONDS + 2


def test_a_client_that_does_not_read_is_cut_off_and_nothing_piles_up_for_it(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "SLOW_SECONDS", 1.0)
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            async with visitor.connected() as reading:
                await reading.say(visitor.message())
                assert (await reading.hear("entry"))["seq"] == 1
                key = reading_key(desk)
                await asyncio.to_thread(_many_lines, desk, 400)
                stuck = await _stuck(desk, visitor.token)
                before = _memory()
                for _ in range(1000):
                    desk.app.live.tell(key, {"type": "line"})
                seqs = [(await reading.hear("entry"))["seq"] for _ in range(400)]
                assert seqs == list(range(2, 402))
                await until_async(lambda: sum(len(one) for one in desk.app.live._hearings.values()) == 1)
                assert _memory() - before < 30_000  # KiB
                stuck.close()

    asyncio.run(main())


def reading_key(desk: ChatDesk) -> str:
    [key] = desk.app.live._hearings
    return key


def _memory() -> int:
    """Return the resident memory in KiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() // 1024


def _many_lines(desk: ChatDesk, count: int) -> None:
    """Write many long lines of an agent's into the one conversation."""
    row = {
        "ticket_id": 1, "kind": "answer", "author": "agent:sona", "author_name": "Sona", "external_id": "",
        "text": "x" * 20_000, "reply_text": "", "attachments": "[]", "created_at": 1.0, "conversation": reading_key(desk),
    }  # fmt: skip
    with desk.app.store.write() as connection:
        connection.execute(entries.insert(), [{**row, "seq": seq} for seq in range(2, count + 2)])
        connection.execute(conversations.update().values(seq=count + 1))


async def _stuck(desk: ChatDesk, token: str) -> Any:
    """Open a socket by hand that says hello and then reads nothing any more."""
    import os
    import socket as sockets

    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    host, _, port = desk.http.rpartition(":")
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, (host, int(port)))
    head = f"GET /chat/site/ws HTTP/1.1\r\nHost: {desk.http}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    await loop.sock_sendall(raw, head.encode())
    assert (await loop.sock_recv(raw, 4096)).startswith(b"HTTP/1.1 101")
    hello = json.dumps({"type": "hello", "token": token, "after": 0}).encode()
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(hello))
    await loop.sock_sendall(raw, b"\x81" + bytes([0x80 | 126]) + len(hello).to_bytes(2) + mask + masked)
    return raw


def test_an_answer_is_told_to_every_window_and_the_agents_typing_and_not_the_visitors_own(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            async with visitor.connected() as one, visitor.connected() as other:
                await one.say(visitor.message())
                for window in (one, other):
                    assert (await window.hear("entry"))["seq"] == 1
                key = reading_key(desk)
                with desk.app.live.subscribe(key) as agent:
                    await one.say({"type": "typing", "on": True})
                    await one.say({"type": "typing", "on": True})
                    heard = await agent.wait(20)
                    assert heard.signals == ({"type": "typing", "by": "visitor", "on": True},)
                    await one.say({"type": "typing", "on": False})
                    assert (await agent.wait(20)).signals == ({"type": "typing", "by": "visitor", "on": False},)
                desk.app.live.tell(key, {"type": "typing", "by": "agent:sona", "name": "Sona", "on": True})
                for window in (one, other):
                    assert await window.hear("typing") == {"type": "typing", "on": True, "name": "Sona"}
                await asyncio.to_thread(answered, desk, 1, "Hello")
                for window in (one, other):
                    assert (await window.hear("entry"))["text"] == "Hello"
                assert [frame for frame in (*one.heard, *other.heard) if frame.get("by")] == []

    asyncio.run(main())


def test_a_note_of_an_agent_is_never_shown(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving():
            visitor = await desk.visitor()
            assert (await visitor.post(visitor.message())).status_code == 202
            await visitor.events(wait=20)
            with desk.app.store.write() as connection:
                note = {
                    "ticket_id": 1, "kind": "note", "author": "agent:sona", "author_name": "Sona", "external_id": "",
                    "text": "He is a friend", "reply_text": "", "attachments": "[]", "created_at": 1.0,
                }  # fmt: skip
                connection.execute(entries.insert(), note)
            assert [frame["text"] for frame in await visitor.events() if frame["type"] == "entry"] == [
                "Where is my order?"
            ]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("limits", "asked"),
    [
        ((256, 4096), [(4096, 4096)]),
        ((256, resource.RLIM_INFINITY), [(65_536, resource.RLIM_INFINITY)]),
        ((1_000_000, 1_000_000), []),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), []),
    ],
)
def test_a_process_asks_for_the_files_its_sockets_need_as_far_as_it_may(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], asked: list[tuple[int, int]]
) -> None:
    said: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda _: limits)
    monkeypatch.setattr("resource.setrlimit", lambda _, wanted: said.append(wanted))
    serve._room_for_connections()
    assert said == asked
