"""The outside world of the notifiers on loopback: a mail relay and a Slack, which check what they are sent.

with FakeRelay() as relay: ...   # relay.url, relay.mails, relay.say("DATA", "451 later"), relay.hang_up()
with FakeSlack() as slack: ...   # slack.base_url, slack.token, slack.messages, slack.say(error="not_in_channel")
"""

import asyncio
import json
import re
import socket
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

CERTIFICATE = Path(__file__).parent / "relay.pem"
HANG_UP = "hang up"


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
        """Answer the next commands of a step so; `HANG_UP` closes the connection instead."""
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

    def _answer(self, step: str, server: SMTP) -> str | None:
        if not self._answers[step]:
            return None
        answer = self._answers[step].popleft()
        if answer == HANG_UP:
            _abort(server)
        return answer

    # The names aiosmtpd calls.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer MAIL FROM."""
        if answer := self._answer("MAIL", server):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Answer RCPT TO."""
        if answer := self._answer("RCPT", server):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer the text of a mail."""
        if answer := self._answer("DATA", server):
            return answer
        raw = envelope.original_content
        assert isinstance(raw, bytes)
        self.mails.append(Mail(envelope.mail_from or "", envelope.rcpt_tos, raw, session.ssl is not None))
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


@dataclass(frozen=True)
class Scripted:
    """One answer Slack is told to give."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    hang_up: bool = False


@dataclass
class FakeSlack:
    """A Slack with one method, chat.postMessage, and one token; leaving it raises when it was sent something wrong."""

    token: str = "xoxb-fake"
    channels: frozenset[str] | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requests: int = 0
    _answers: deque[Scripted] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        """The address of the API, for `notifiers.slack.base_url`."""
        return f"http://127.0.0.1:{self._server.server_port}/api/"

    def say(
        self,
        *,
        error: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        """Answer the next request so instead of posting."""
        said = json.dumps({"ok": False, "error": error}).encode() if body is None else body
        self._answers.append(Scripted(status, headers or {}, said))

    def hang_up(self) -> None:
        """Close the connection at the next request, without an answer."""
        self._answers.append(Scripted(0, {}, b"", hang_up=True))

    def __enter__(self) -> Self:
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                slack._post(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="slack")
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if kind is None and self.complaints:
            raise AssertionError("; ".join(self.complaints))

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self._lock:
            self.requests += 1
            scripted = self._answers.popleft() if self._answers else self._take(handler, raw)
        if scripted.hang_up:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(scripted.status)
        for name, value in scripted.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json; charset=utf-8")
        handler.send_header("Content-Length", str(len(scripted.body)))
        handler.end_headers()
        handler.wfile.write(scripted.body)

    def _take(self, handler: BaseHTTPRequestHandler, raw: bytes) -> Scripted:
        if handler.path != "/api/chat.postMessage":
            return _said({"ok": False, "error": "unknown_method"})
        if handler.headers["Authorization"] != f"Bearer {self.token}":
            return _said({"ok": False, "error": "invalid_auth"})
        message = json.loads(raw)
        if found := complaints(message):
            self.complaints.extend(found)
            return _said({"ok": False, "error": "invalid_blocks"})
        if self.channels is not None and message["channel"] not in self.channels:
            return _said({"ok": False, "error": "channel_not_found"})
        ts = f"1700000000.{len(self.messages):06}"
        self.messages.append({**message, "ts": ts})
        return _said({"ok": True, "channel": message["channel"], "ts": ts})


def _said(answer: Mapping[str, Any]) -> Scripted:
    return Scripted(200, {}, json.dumps(answer).encode())


def complaints(message: Mapping[str, Any]) -> list[str]:
    """Return what Slack would not take or would misread: the SDK's own checks, and those the SDK leaves out."""
    found = []
    blocks = message.get("blocks", [])
    try:
        parsed = Block.parse_all(blocks)
        if [block.to_dict() for block in parsed] != blocks:
            found.append("a block has something the SDK does not know")
    except SlackObjectFormationError as error:
        found.append(str(error))
    texts = list(_texts(blocks))
    names = [block["block_id"] for block in blocks if "block_id" in block]
    checks = {
        "no channel": not message.get("channel"),
        "no text for the notification": not message.get("text") or len(message["text"]) > 4_000,
        "links unfold": message.get("unfurl_links") is not False or message.get("unfurl_media") is not False,
        "no delivery key": not message.get("metadata", {}).get("event_payload", {}).get("delivery"),
        "more than 50 blocks": len(blocks) > 50,
        "the card is too long": len(json.dumps(blocks, ensure_ascii=False)) >= 8_000,
        "two blocks of one name": len(names) != len(set(names)),
        "an empty text": any(not text["text"].strip() for text in texts),
        "a field over 2,000": any(len(f["text"]) > 2_000 for block in blocks for f in block.get("fields", ())),
        "a header over 150": any(_units(block["text"]["text"]) > 150 for block in blocks if block["type"] == "header"),
        "actions of one name": any(_repeated_actions(block) for block in blocks),
        "a bad URL": any(not re.match(r"https?://", url) for url in _values(blocks, "url")),
        "raw mrkdwn": any(_is_raw(text["text"]) for text in texts if text["type"] == "mrkdwn"),
        "raw text": _is_raw(message.get("text", "")),
    }
    return found + [words for words, wrong in checks.items() if wrong]


def _is_raw(text: str) -> bool:
    """Whether mrkdwn holds a control character that is not an entity, save `>` at the beginning of a line."""
    return bool(re.search(r"<|(?<!^)>|&(?!(amp|lt|gt);)", text, re.MULTILINE))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _texts(node: Any) -> Any:
    if isinstance(node, dict):
        if node.get("type") in {"plain_text", "mrkdwn"}:
            yield node
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)


def _values(node: Any, name: str) -> Any:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == name)
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _values(value, name)


def _repeated_actions(block: Mapping[str, Any]) -> bool:
    actions = list(_values(block, "action_id"))
    return len(actions) != len(set(actions))
