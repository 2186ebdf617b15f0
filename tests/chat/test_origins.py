"""Who may ask: pages of the channel's origins, the desk's own iframe, programs; nobody who only looks like one of them."""

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from tests.chat.conftest import MakeDesk

FOREIGN = [
    "https://evil.example",
    "https://evil-acme.example",
    "https://acme.example.evil.example",
    "http://acme.example",
    "https://acme.example:444",
    "https://a.b.shop.example",
    "https://shop.example",
    "https://xshop.example",
    "null",
    "https://аcme.example",  # noqa: RUF001  # the first letter is Cyrillic
]
ALLOWED = ["https://acme.example", "https://www.shop.example", None]


def test_a_socket_opens_for_an_allowed_origin_only(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            for origin in [*ALLOWED, f"http://{desk.http}"]:
                async with visitor.connected(origin=origin) as socket:
                    assert socket.heard[0]["type"] == "welcome"
            for origin in [
                *FOREIGN[:-1],
                "http://127.0.0.1:1",
                f"http://{desk.http}.evil.example",
                f"http://{desk.http}/",
            ]:
                with pytest.raises(InvalidStatus) as refused:
                    async with visitor.connected(origin=origin):
                        pass
                assert refused.value.response.status_code == 403

    asyncio.run(main())


def test_http_answers_an_allowed_origin_and_lets_its_page_read_the_answer(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            visitor = await desk.visitor()
            asked = [("POST", "session", {}), ("POST", "frames", visitor.bearer), ("GET", "events", visitor.bearer)]
            for method, path, headers in asked:
                for origin in ALLOWED:
                    named = {"Origin": origin} if origin else {}
                    answer = await desk.ask(method, path, headers={**headers, **named}, json={"type": "ping"})
                    assert answer.status_code in (200, 202), (path, origin, answer.text)
                    assert answer.headers.get("access-control-allow-origin") == origin
                for origin in FOREIGN:
                    foreign = [(b"Origin", origin.encode()), *((k.encode(), v.encode()) for k, v in headers.items())]
                    answer = await desk.ask(method, path, headers=foreign, json={"type": "ping"})
                    assert (answer.status_code, "origin" in answer.json()["error"]) == (403, True)
                    assert "access-control-allow-origin" not in answer.headers
                preflight = await desk.ask("OPTIONS", path, headers={"Origin": "https://acme.example"})
                assert preflight.status_code == 204
                assert "authorization" in preflight.headers["access-control-allow-headers"]
                assert method in preflight.headers["access-control-allow-methods"]

    asyncio.run(main())


def test_the_iframe_is_known_by_its_host_whatever_tls_is_in_front(make_desk: MakeDesk) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            for origin, host, status in [
                ("https://desk.acme.example", "desk.acme.example", 200),
                ("https://desk.acme.example", "desk.acme.example:443", 200),
                ("https://desk.acme.example:8443", "desk.acme.example:8443", 200),
                ("https://desk.acme.example", "desk.acme.example:80", 403),
                ("https://desk.acme.example", "desk.acme.example.evil.example", 403),
                ("https://desk.acme.example@evil.example", "evil.example", 403),
                ("file://", "", 403),
            ]:
                answer = await desk.ask("POST", "session", json={}, headers={"Origin": origin, "Host": host})
                assert answer.status_code == status, (origin, host)

    asyncio.run(main())


@pytest.mark.parametrize("path", ["session", "frames", "events", "files", "files/x", "widget.js", "frame"])
def test_a_channel_that_is_no_chat_or_is_not_there_is_404(make_desk: MakeDesk, path: str) -> None:
    desk = make_desk()

    async def main() -> None:
        async with desk.serving(workers=False):
            method = "POST" if path in ("session", "frames", "files") else "GET"
            answer = await desk.ask(method, path, channel="nobody")
            assert (answer.status_code, "desk file" in answer.json()["error"]) == (404, True)
            with pytest.raises(InvalidStatus):
                async with desk.socket(channel="nobody"):
                    pass

    asyncio.run(main())
