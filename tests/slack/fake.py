"""A Slack on loopback: one workspace that remembers, keeps to Slack's limits, and can be told to be in trouble.

with FakeSlack() as slack:
    slack.base_url, slack.token             # for `notifiers.slack`, or AsyncWebClient(token, base_url=...)
    slack.messages("#billing")              # as they stand now, oldest first; also by channel id or member id
    slack.say("is_archived", method="chat.postMessage"); slack.hang_up(after=True); slack.held()
    slack.post(url, slack.people.clicks("U024BE7LH", channel, ts, "take"))
    slack.sockets.send("interactive", payload)
"""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit
from urllib.request import Request, urlopen

from tests.slack.limits import message_trouble
from tests.slack.methods import Methods
from tests.slack.people import People, form, signature
from tests.slack.sockets import Sockets
from tests.slack.workspace import Channel, Member, SaysNo, Workspace

SCOPES = frozenset(
    {
        "channels:history", "chat:write", "chat:write.public", "groups:history", "im:history", "im:write", "users:read",
        "users:read.email",
    }
)  # fmt: skip


@dataclass
class Scripted:
    """What a request is answered instead: a status and a body, or nothing, before or after it was done."""

    method: str | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang_up: bool = False
    done: bool = False


class FakeSlack:
    """The server. `clock` gives UTC seconds; leaving it raises when it was sent something no limit allows."""

    token = "xoxb-fake"
    app_token = "xapp-fake"
    signing_secret = "a signing secret of the stories"

    def __init__(self, clock: Callable[[], float] = time.time, scopes: frozenset[str] = SCOPES) -> None:
        self.clock = clock
        self.workspace = Workspace(clock)
        self.methods = Methods(self.workspace, set(scopes), self._socket_url)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._scripted: deque[Scripted] = deque()
        self._lock = threading.RLock()
        self._free = threading.Event()
        self._free.set()
        self.reached = threading.Event()
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                slack._serve(self, self.rfile.read(int(self.headers["Content-Length"] or 0)))

            def do_GET(self) -> None:
                slack._serve(self, urlsplit(self.path).query.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="slack")
        self.people = People(self.workspace, self.address)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._free.set()
        if "sockets" in self.__dict__:
            self.sockets.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if kind is None and self.complaints:
            raise AssertionError("; ".join(self.complaints))

    @property
    def address(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        """The address of the API, for `notifiers.slack.base_url`."""
        return f"{self.address}/api/"

    @property
    def complaints(self) -> list[str]:
        """What was not taken because of a limit, in words; a story that means it clears them."""
        return self.methods.complaints

    @cached_property
    def sockets(self) -> Sockets:
        """Socket Mode."""
        return Sockets()

    def _socket_url(self) -> str:
        return self.sockets.url()

    def channel(self, name: str, trouble: str | None = None) -> Channel:
        """Add a channel `#name`; with `trouble` that is what posting into it is answered with."""
        made = self.workspace.add_channel(name)
        made.trouble = trouble
        return made

    def member(self, id_: str, **facts: Any) -> Member:
        """Add a member."""
        self.workspace.members[id_] = Member(id_, **facts)
        return self.workspace.members[id_]

    def messages(self, where: str | None = None, thread_ts: str | None = None) -> list[dict[str, Any]]:
        """Return the messages of a place (all places without one) as they stand now; of a thread only its replies."""
        with self._lock:
            channels = self.workspace.channels.values() if where is None else [self.workspace.find(where)]
            found = [{"channel": channel.id, **one} for channel in channels for one in channel.messages.values()]
        if thread_ts is not None:
            found = [one for one in found if one.get("thread_ts") == thread_ts]
        return sorted(found, key=lambda one: float(one["ts"]))

    def called(self, method: str) -> list[dict[str, Any]]:
        """Return the arguments of every call of a method, also of those that were refused."""
        return [said for name, said in self.calls if name == method]

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message, as a member may."""
        with self._lock:
            del self.workspace.channels[channel].messages[ts]

    def say(
        self,
        error: str | None = None,
        *,
        method: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        """Answer the next request (of a method) so instead of doing it."""
        said = json.dumps({"ok": False, "error": error}).encode() if body is None else body
        self._scripted.append(Scripted(method, status, headers or {}, said))

    def hang_up(self, *, method: str | None = None, after: bool = False) -> None:
        """Close the connection at the next request (of a method) without an answer; `after` it was done, or before."""
        self._scripted.append(Scripted(method, hang_up=True, done=after))

    def fail(self, status: int = 500, *, method: str | None = None) -> None:
        """Do the next request (of a method), and answer with an error of a server nevertheless."""
        self._scripted.append(Scripted(method, status, body=b"<html>oh no</html>", done=True))

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """Answer nothing as long as the context lasts; gives the event that is set when a request waits."""
        self.reached.clear()
        self._free.clear()
        try:
            yield self.reached
        finally:
            self._free.set()

    def signed(
        self, payload: Mapping[str, Any], *, again: int = 0, reason: str = "http_timeout"
    ) -> tuple[bytes, dict[str, str]]:
        """Return an interaction or event as Slack posts it: the body and the headers, of the `again`-th repetition."""
        event = payload["type"] in ("event_callback", "url_verification")
        body = json.dumps(payload).encode() if event else form(payload)
        kind = "application/json" if event else "application/x-www-form-urlencoded"
        repeated = {"X-Slack-Retry-Num": str(again), "X-Slack-Retry-Reason": reason} if again else {}
        return body, {"Content-Type": kind, **repeated, **signature(self.signing_secret, body, self.clock())}

    def post(self, url: str, payload: Mapping[str, Any], *, again: int = 0) -> tuple[int, bytes]:
        """Post an interaction or event to the app and return its answer; it has three seconds."""
        body, headers = self.signed(payload, again=again)
        with urlopen(Request(url, body, headers), timeout=3) as answer:
            return answer.status, answer.read()

    def _serve(self, handler: BaseHTTPRequestHandler, raw: bytes) -> None:
        path = urlsplit(handler.path).path
        method = path.removeprefix("/api/")
        self.reached.set()
        self._free.wait()
        with self._lock:
            said = _arguments(handler, raw)
            self.calls.append((method, said))
            scripted = self._next(method)
            answer = Scripted(None)
            if scripted is None or scripted.done:
                token = (handler.headers["Authorization"] or "").removeprefix("Bearer ") or said.get("token", "")
                answer = self._respond(path, said) if path == method else self._call(method, token, said)
        if scripted is not None:
            answer = scripted
        if answer.hang_up:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json; charset=utf-8")
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _next(self, method: str) -> Scripted | None:
        found = next((one for one in self._scripted if one.method in (None, method)), None)
        if found is not None:
            self._scripted.remove(found)
        return found

    def _call(self, method: str, token: str, said: dict[str, Any]) -> Scripted:
        if token != (self.app_token if method == "apps.connections.open" else self.token):
            return _answer({"ok": False, "error": "invalid_auth" if token else "not_authed"})
        try:
            return _answer({"ok": True, **self.methods.call(method, said)})
        except SaysNo as no:
            if no.retry_after is not None:
                return _answer({"ok": False, "error": str(no)}, 429, {"Retry-After": str(no.retry_after)})
            return _answer({"ok": False, "error": str(no)})

    def _respond(self, path: str, said: dict[str, Any]) -> Scripted:
        if "blocks" in said and (wrong := message_trouble(said)):
            self.complaints.append(wrong[1])
            return _answer({"ok": False, "error": wrong[0]}, 404)
        try:
            self.workspace.respond(path, said)
        except SaysNo as no:
            return _answer({"ok": False, "error": str(no)}, 404)
        return Scripted(None, body=b"ok")


def _arguments(handler: BaseHTTPRequestHandler, raw: bytes) -> dict[str, Any]:
    """Return the arguments of a call, sent as JSON or as a form, whose structures are JSON again."""
    if "json" in (handler.headers["Content-Type"] or ""):
        said: dict[str, Any] = json.loads(raw or b"{}")
        return said
    fields: dict[str, Any] = dict(parse_qsl(raw.decode()))
    return {key: json.loads(one) if one[:1] in ("{", "[") and key != "text" else one for key, one in fields.items()}


def _answer(said: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Scripted:
    return Scripted(None, status, headers or {}, json.dumps(said).encode())
