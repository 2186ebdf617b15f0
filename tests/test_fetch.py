"""Asking a provider: over TLS to the name that was meant, to a public address only, within a size and a time."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trustme

from ingest import fetch
from ingest.fetch import Fetcher, resolve
from tickets.trouble import Temporary

HOST = "sns.eu-west-1.amazonaws.com"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@dataclass
class Provider:
    """A TLS server on this machine with a certificate of our own authority for `HOST`, and what it was asked."""

    ca: trustme.CA
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    now: float = 1000.0
    answer: bytes = b""

    def fetcher(self, *addresses: str) -> Fetcher:
        """Return a fetcher that trusts the authority, and a resolver that knows these addresses."""

        async def known(_host: str, _port: int) -> Sequence[str]:
            return addresses

        def trust() -> ssl.SSLContext:
            context = ssl.create_default_context()
            self.ca.configure_trust(context)
            return context

        return Fetcher(known, trust, lambda: self.now)

    def url(self, path: str = "/a.pem") -> str:
        """Return a URL of the provider."""
        return f"https://{HOST}:{self.port}{path}"


@asynccontextmanager
async def provider(answer: bytes, name: str = HOST) -> AsyncIterator[Provider]:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)
    made = Provider(ca, answer=answer)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(made.answer)
        await writer.drain()
        if made.answer:
            writer.close()
        else:
            await reader.read()  # never answers

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


@pytest.fixture
def loopback_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server of a test, which is on this machine, count as one of the outside."""
    monkeypatch.setattr("ingest.fetch.public", lambda address: address == "127.0.0.1")


@pytest.mark.usefixtures("loopback_is_public")
def test_a_document_is_asked_for_once_by_its_own_name_and_a_visit_each_time() -> None:
    async def story() -> list[bytes]:
        async with provider(OK) as there:
            fetcher = there.fetcher("10.0.0.1", "127.0.0.1")
            assert await fetcher.document(there.url()) == b"hello"
            assert await fetcher.document(there.url()) == b"hello"
            await fetcher.visit(there.url("/?Action=Confirm"))
            await fetcher.visit(there.url("/?Action=Confirm"))
            assert f"Host: {HOST}:{there.port}".encode() in there.requests[0]
            return [request.split(b" ")[1] for request in there.requests]

    assert asyncio.run(story()) == [b"/a.pem", b"/?Action=Confirm", b"/?Action=Confirm"]


@pytest.mark.usefixtures("loopback_is_public")
def test_a_document_is_asked_for_again_after_a_day_or_when_something_is_missed_but_not_more_than_every_five_minutes() -> (
    None
):
    async def story() -> None:
        async with provider(OK) as there:
            fetcher = there.fetcher("127.0.0.1")
            for later, anew, asked in [
                (0, False, 1), (299, True, 1), (1, True, 2), (299, True, 2), (86_000, False, 2), (101, False, 3),
            ]:  # fmt: skip
                there.now += later
                assert await fetcher.document(there.url(), anew=anew) == b"hello"
                assert len(there.requests) == asked

    asyncio.run(story())


@pytest.mark.usefixtures("loopback_is_public")
def test_one_asks_for_all_that_wait_also_when_it_fails() -> None:
    async def story(answer: bytes, outcome: type) -> None:
        async with provider(answer) as there:
            fetcher = there.fetcher("127.0.0.1")
            found = await asyncio.gather(*(fetcher.document(there.url()) for _ in range(20)), return_exceptions=True)
            assert {type(one) for one in found} == {outcome}
            assert len(there.requests) == 1

    asyncio.run(story(OK, bytes))
    asyncio.run(story(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Temporary))


@pytest.mark.usefixtures("loopback_is_public")
def test_a_document_that_cannot_be_had_anew_is_asked_for_again_after_a_pause() -> None:
    async def story() -> None:
        async with provider(OK) as there:
            fetcher = there.fetcher("127.0.0.1")
            await fetcher.document(there.url())
            there.now += 86_401
            there.answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
            for _ in range(3):
                with pytest.raises(Temporary, match="503"):
                    await fetcher.document(there.url())
            assert len(there.requests) == 2
            there.now += 5
            there.answer = OK
            assert await fetcher.document(there.url()) == b"hello"
            assert len(there.requests) == 3

    asyncio.run(story())


@pytest.mark.usefixtures("loopback_is_public")
def test_what_strangers_make_up_does_not_push_out_what_is_real() -> None:
    async def story() -> None:
        async with provider(OK) as there:
            fetcher = there.fetcher("127.0.0.1")
            await fetcher.document(there.url())
            there.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            for number in range(fetch.MOST_KNOWN + 1):
                with pytest.raises(Temporary):
                    await fetcher.document(there.url(f"/{number}.pem"))
            assert await fetcher.document(there.url()) == b"hello"

    asyncio.run(story())


@pytest.mark.usefixtures("loopback_is_public")
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbroken",
        b"no HTTP at all\r\n\r\n",
    ],
    ids=["redirect", "404", "too large", "broken off", "no HTTP"],
)
def test_any_other_answer_means_later(answer: bytes) -> None:
    async def story() -> None:
        async with provider(answer) as there:
            with pytest.raises(Temporary, match=HOST):
                await there.fetcher("127.0.0.1").document(there.url())
            assert len(there.requests) == 1

    asyncio.run(story())


@pytest.mark.usefixtures("loopback_is_public")
def test_a_server_with_another_name_is_not_believed() -> None:
    async def story() -> None:
        async with provider(OK, name="evil.example") as there:
            with pytest.raises(Temporary, match="certificate"):
                await there.fetcher("127.0.0.1").document(there.url())
            assert there.requests == []

    asyncio.run(story())


@pytest.mark.usefixtures("loopback_is_public")
def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.5)

    async def story() -> None:
        async with provider(b"") as there:
            with pytest.raises(Temporary, match=HOST):
                await there.fetcher("127.0.0.1").visit(there.url())

    asyncio.run(story())


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "::1", "fe80::1", "::ffff:10.0.0.1", "0.0.0.0"],
)
def test_a_name_that_leads_into_our_own_network_is_not_followed(address: str) -> None:
    async def story() -> None:
        async with provider(OK) as there:
            with pytest.raises(Temporary, match="no public address"):
                await there.fetcher(address).visit(there.url())
            assert there.requests == []

    asyncio.run(story())


def test_a_name_nobody_knows_means_later() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    with pytest.raises(Temporary, match="not known"):
        asyncio.run(Fetcher(unknown).document("https://nowhere.example/"))


def test_the_systems_resolver_is_asked() -> None:
    assert "127.0.0.1" in asyncio.run(resolve("127.0.0.1", 443))
