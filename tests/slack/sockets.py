"""Socket Mode of the fake Slack (https://docs.slack.dev/apis/events-api/using-socket-mode): envelopes out, acknowledgements in."""

import itertools
import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


class Sockets:
    """A WebSocket server on loopback. What an app acknowledges stands in `acknowledged`, by the envelope's id."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, dict[str, Any] | None] = {}
        self._tickets: set[str] = set()
        self._open: list[ServerConnection] = []
        self._changed = threading.Condition()
        self._count = itertools.count(1)
        self._server = serve(self._serve, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, name="slack sockets")
        self._thread.start()

    def url(self) -> str:
        """Return a URL for one connection."""
        ticket = f"t{next(self._count)}"
        self._tickets.add(ticket)
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/link/?ticket={ticket}&app_id=A0DESK"

    def send(self, kind: str, payload: dict[str, Any], *, again: str | None = None, seconds: float = 10) -> str:
        """Send an envelope to one connection, as soon as there is one, and return its id.

        `again` is the reason why it is sent once more, where it is.
        """
        name = f"envelope-{next(self._count)}"
        envelope: dict[str, Any] = {"envelope_id": name, "type": kind, "payload": payload}
        envelope["accepts_response_payload"] = kind == "interactive"
        if kind == "events_api":
            envelope |= {"retry_attempt": 1 if again else 0, "retry_reason": again or ""}
        with self._changed:
            assert self._changed.wait_for(lambda: self._open, seconds), "no app has connected"
            connection = self._open[-1]
        connection.send(json.dumps(envelope))
        return name

    def answer(self, envelope: str, seconds: float = 10) -> dict[str, Any] | None:
        """Wait for the acknowledgement of an envelope and return the payload that came with it, if one did."""
        with self._changed:
            assert self._changed.wait_for(lambda: envelope in self.acknowledged, seconds), "not acknowledged"
            return self.acknowledged[envelope]

    def refresh(self) -> None:
        """Tell the apps to connect anew, and close their connections, as Slack does every few hours."""
        for connection in self._drop():
            connection.send(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))
            connection.close()

    def close(self) -> None:
        """Close everything."""
        for connection in self._drop():
            connection.close()
        self._server.shutdown()
        self._thread.join()

    def _drop(self) -> list[ServerConnection]:
        with self._changed:
            known, self._open = self._open, []
            return known

    def _serve(self, connection: ServerConnection) -> None:
        asked = parse_qs(urlsplit(connection.request.path if connection.request else "").query)
        [ticket] = asked.get("ticket", [""])
        if ticket not in self._tickets:
            connection.close(1008)
            return
        self._tickets.discard(ticket)  # it is good for one connection
        connection.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0DESK"}}))
        with self._changed:
            self._open.append(connection)
            self._changed.notify_all()
        try:
            for frame in connection:
                said = json.loads(frame)
                with self._changed:
                    self.acknowledged[said["envelope_id"]] = said.get("payload")
                    self._changed.notify_all()
        except ConnectionClosed:
            pass  # an app may go away without a word
        finally:
            with self._changed:
                if connection in self._open:
                    self._open.remove(connection)
