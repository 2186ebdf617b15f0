"""The outside world of the notifiers on loopback: a mail relay, which checks what it is sent. Slack is in tests/slack.

with FakeRelay() as relay: ...   # relay.url, relay.mails, relay.say("DATA", "451 later"), relay.hang_up()
"""

import asyncio
import ssl
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

CERTIFICATE = Path(__file__).parent / "relay.pem"
HANG_UP = "hang up"
TAKE_AND_HANG_UP = "take and hang up"
HANG = "hang"


@dataclass(frozen=True)
class Mail:
    """One mail the relay took."""

    sender: str
    recipients: list[str]
    raw: bytes
    tls: bool


class FakeRelay:
    """A real SMTP server that answers as it is told, step by step (MAIL, RCPT, DATA), and else says yes.

    `tls` offers STARTTLS, `smtps` speaks TLS from the first byte, both with a certificate nobody knows.
    """

    def __init__(self, *, tls: bool = False, smtps: bool = False, login: tuple[str, str] | None = None) -> None:
        self.mails: list[Mail] = []
        self.connections = 0
        self._answers: dict[str, deque[str]] = {"MAIL": deque(), "RCPT": deque(), "DATA": deque()}
        self._tls = tls
        self._smtps = smtps
        self._login = login
        self._open: set[_Connection] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="relay")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The relay for the desk file."""
        return f"smtp{'s' if self._smtps else ''}://127.0.0.1:{self.port}"

    def say(self, step: str, *answers: str) -> None:
        """Answer the next commands of a step so; `HANG_UP` closes the connection instead, `HANG` says nothing for ever.

        To DATA, `TAKE_AND_HANG_UP` takes the mail and closes the connection before it says so.
        """
        self._answers[step].extend(answers)

    def hang_up(self) -> None:
        """Close every open connection, as a relay does with idle ones; return when they are closed."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(
            self._connection, "127.0.0.1", 0, ssl=_certificate() if self._smtps else None
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        await self._close_all()

    async def _close_all(self) -> None:
        for connection in tuple(self._open):
            _abort(connection)
            await connection.gone.wait()

    def _connection(self) -> "_Connection":
        self.connections += 1
        return _Connection(
            self,
            hostname="relay.test",
            tls_context=_certificate() if self._tls else None,
            authenticator=self._authenticate if self._login else None,
            auth_required=self._login is not None,
        )

    def _authenticate(self, _server: object, _session: object, _envelope: object, _how: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self._login, handled=False)

    async def _answer(self, step: str, server: SMTP) -> str | None:
        if not self._answers[step]:
            return None
        answer = self._answers[step].popleft()
        if answer == HANG:
            assert isinstance(server, _Connection)
            await server.gone.wait()
        elif answer == HANG_UP:
            _abort(server)
        return answer

    # The names aiosmtpd calls.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer MAIL FROM."""
        if answer := await self._answer("MAIL", server):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Answer RCPT TO."""
        if answer := await self._answer("RCPT", server):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer the text of a mail."""
        answer = await self._answer("DATA", server)
        if answer and answer != TAKE_AND_HANG_UP:
            return answer
        raw = envelope.original_content
        assert isinstance(raw, bytes)
        self.mails.append(Mail(envelope.mail_from or "", envelope.rcpt_tos, raw, session.ssl is not None))
        if answer == TAKE_AND_HANG_UP:
            _abort(server)
        return "250 taken"


class _Connection(SMTP):
    """A connection that is known to its relay."""

    def __init__(self, relay: FakeRelay, **options: Any) -> None:
        super().__init__(relay, enable_SMTPUTF8=False, loop=asyncio.get_running_loop(), **options)
        self._relay = relay
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember it: not before, for a TLS handshake that fails makes none."""
        self._relay._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(error)
        self._relay._open.discard(self)
        self.gone.set()


def _certificate() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


def _abort(connection: SMTP) -> None:
    if isinstance(connection.transport, asyncio.Transport):
        connection.transport.abort()
