"""Servers of the outside on this machine, the names they are found by, and an authority that vouches for them."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import trustme

from ingest import outbound
from ingest.outbound import Outbound

Say = Callable[[socket.socket], None]


def page(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer of HTTP; `_` in a header's name is `-`."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body


@dataclass
class Server:
    """A server on this machine that gives its answers in turn, the last one for ever, and knows what it was asked."""

    answers: list[bytes | Say]
    address: str = "127.0.0.1"
    names: Sequence[str] = ()
    port: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    hellos: list[str | None] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "") -> str:
        """Return a URL of it, by its first name or its address."""
        host = host or (self.names[0] if self.names else self.address)
        return f"{'https' if self.names else 'http'}://{host}:{self.port}{path}"

    def header(self, name: str, which: int = -1) -> str | None:
        """Return a header of a request."""
        lines = [line.partition(": ") for line in self.heads[which].split("\r\n")[1:]]
        return next((value for key, _, value in lines if key.lower() == name), None)


@dataclass
class World:
    """Servers, the names they are found by, and an authority that vouches for them."""

    stack: ExitStack
    ca: trustme.CA = field(default_factory=trustme.CA)
    known: dict[str, Sequence[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serve(
        self, *answers: bytes | Say, names: Sequence[str] = (), address: str = "127.0.0.1", port: int = 0
    ) -> Server:
        """Start a server: over TLS when it has names, which then lead to it."""
        made = self.stack.enter_context(_served(Server(list(answers), address, names, port), self.ca))
        self.known |= {name: self.known.get(name, (address,)) for name in names}
        return made

    def resolve(self, host: str, _port: int) -> Sequence[str]:
        """Return the addresses of a name, as a resolver does."""
        self.asked.append(host)
        if host not in self.known:
            raise OSError("Name or service not known")
        return self.known[host]

    def trust(self) -> ssl.SSLContext:
        """Trust the authority."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context

    def out(self, *own: str) -> Outbound:
        """Return a client of this world."""
        return Outbound(own=own, resolve=self.resolve if not own else outbound.resolve, trust=self.trust)


@contextmanager
def _served(server: Server, ca: trustme.CA) -> Iterator[Server]:
    context: ssl.SSLContext | None = None
    if server.names:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(*server.names).configure_cert(context)
        context.sni_callback = lambda _socket, name, _context: server.hellos.append(name)
    listener = socket.create_server((server.address, server.port))
    server.port = listener.getsockname()[1]
    ended = threading.Event()

    def talk(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                _converse(server, connection)

    def accept() -> None:
        while not ended.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                connection.settimeout(10)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _converse(server: Server, connection: socket.socket) -> None:
    said = b""
    while b"\r\n\r\n" not in said:
        if not (more := connection.recv(65_536)):
            return
        said += more
    head, _, body = said.partition(b"\r\n\r\n")
    server.heads.append(head.decode("latin-1"))
    while len(body) < int(server.header("content-length") or 0):
        body += connection.recv(65_536)
    server.bodies.append(body)
    answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
    if callable(answer):
        answer(connection)
    else:
        connection.sendall(answer)
