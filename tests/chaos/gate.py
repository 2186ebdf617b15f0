"""A gate between the desk and PostgreSQL: while it is shut, connections stand open and nothing comes through."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL, make_url


class Gate:
    """Listens on a port of its own and passes everything on, while it is open."""

    def __init__(self, url: str) -> None:
        self._to = make_url(url)
        self._open = threading.Event()
        self._open.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._take)

    @property
    def url(self) -> str:
        """The database's URL through the gate."""
        port = self._listening.getsockname()[1]
        through: URL = self._to.set(host="127.0.0.1", port=port, query={})
        return through.render_as_string(hide_password=False)

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Hold everything back for a while."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def close(self) -> None:
        """Cut everybody off."""
        self._open.set()
        for one in (self._listening, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def _begin(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._sockets.append(client)
                server = self._server()
                self._sockets.append(server)
                self._begin(self._pass, client, server)
                self._begin(self._pass, server, client)

    def _server(self) -> socket.socket:
        folder = self._to.query.get("host")
        if isinstance(folder, str) and folder.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{folder}/.s.PGSQL.{self._to.port or 5432}")
            return server
        return socket.create_connection((self._to.host or "127.0.0.1", self._to.port or 5432))

    def _pass(self, giver: socket.socket, taker: socket.socket) -> None:
        with suppress(OSError):
            while data := giver.recv(65_536):
                self._open.wait()
                taker.sendall(data)
        for one in (giver, taker):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
