"""What agents were told in the application, as rows, and a client that reads a stream of server-sent events."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn
from sqlalchemy import insert, select, update
from starlette.applications import Starlette

from tests.desks import HEAD
from tickets.live import Live
from tickets.schema import events, outbox
from tickets.store import Store

SECONDS = 20
QUIET = HEAD.replace(
    "domain: support.acme.example}", "domain: support.acme.example, notices: {ways: {new: {unassigned: []}}}}"
)
"""A desk whose agents hear of no new ticket: what they are told, the stories say."""


def owe(store: Store, ticket: int, agent: str = "luca", at: float = 100.0, **said: Any) -> int:
    """Tell an agent something of a ticket in the application, and return the row."""
    with store.write() as connection:
        happened = {"ticket_id": ticket, "name": "message.received", "actor": "customer", "data": "{}", "at": at}
        event_id = connection.execute(insert(events).returning(events.c.id), happened).scalar_one()
        row = {
            "ticket_id": ticket,
            "event_id": event_id,
            "event": "message.received",
            "recipient": agent,
            "notifier": "in_app",
            "address": "",
            "reason": "the customer replied, and the ticket is yours",
            "state": "sent",
            "attempts": 0,
            "due_at": at,
            "not_before": at,
            "created_at": at,
            "sent_at": at,
            "word": "replied",
            "whose": "mine",
        }
        return int(connection.execute(insert(outbox).returning(outbox.c.id), row | said).scalar_one())


def change(store: Store, row: int, **values: Any) -> None:
    """Write columns of a row, as another part of the desk does."""
    with store.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == row).values(**values))


def seen_at(store: Store, row: int) -> float | None:
    """Return when a row was seen."""
    with store.read() as connection:
        found: float | None = connection.scalar(select(outbox.c.seen_at).where(outbox.c.id == row))
    return found


@contextmanager
def served(app: Starlette, live: Live) -> Iterator[str]:
    """Serve an application on loopback, as a desk does, and give its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=3, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        live.end()
        server.should_exit = True
        thread.join(SECONDS)
        listening.close()
        assert not thread.is_alive(), "the server does not end"


class Stream:
    """A stream that is read event by event."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.iter_lines()
        self.last = ""

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return the next event and its document; raises `StopIteration` at the end."""
        word, data = "", ""
        while True:
            line = next(self._lines)
            name, _, value = line.partition(": ")
            if name == "event":
                word = value
            elif name == "id":
                self.last = value
            elif name == "data":
                data = value
            elif not line and word:
                return word, json.loads(data)


@contextmanager
def streamed(url: str, token: str, last: str | None = None) -> Iterator[Stream]:
    """Open a stream of an agent's notices."""
    headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last is not None else {})
    path = f"{url}/api/v1/me/notices/stream"
    with httpx2.stream("GET", path, headers=headers, timeout=SECONDS, trust_env=False) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer)
