"""Customers who write mails as fast as they are answered, each mail again until it got its 250, and what must become of them."""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import Column, Connection, func, select

from tests.chaos.desk_process import until
from tests.chaos.wire import Wire
from tests.desks import mail
from tickets.schema import entries, events, inbox, tickets
from tickets.store import Store

COME_BACK = ("421", "451")


class Customers:
    """Several threads of customers; some mails are replies to earlier ones of the same sender.

    `acknowledged` maps each Message-ID that got 250 to the first one of its conversation.
    """

    def __init__(self, ports: Sequence[int], *, threads: int, seed: int) -> None:
        self._ports = ports
        self._enough = threading.Event()
        self._hopeless = False
        self._threads = [
            threading.Thread(target=self._write, args=(number, random.Random(seed * 1_000 + number)), daemon=True)
            for number in range(threads)
        ]
        self.acknowledged: dict[str, str] = {}
        self.repeated = 0
        self.unexpected: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let everybody finish the mail at hand, unless the story failed."""
        self._hopeless = kind is not None
        self._enough.set()
        for thread in self._threads:
            thread.join(60)
        assert self._hopeless or not any(thread.is_alive() for thread in self._threads)

    def _write(self, number: int, chance: random.Random) -> None:
        conversations: list[list[str]] = []
        wire: Wire | None = None
        count = 0
        while not self._enough.is_set():
            count += 1
            own = f"{count}.{number}@load.example"
            if conversations and chance.random() < 0.4:
                conversation = chance.choice(conversations[-20:])
            else:
                conversation = []
                conversations.append(conversation)
            sender = f"customer-{(conversation or [own])[0].replace('@', '-')}@example.com"
            raw = mail(own, answers=" ".join(conversation[-4:]), sender=sender)
            wire = self._insist(chance, wire, raw, sender)
            if self._hopeless:
                break
            conversation.append(own)
            self.acknowledged[own] = conversation[0]
        if wire is not None:
            wire.close()

    def _insist(self, chance: random.Random, wire: Wire | None, raw: bytes, sender: str) -> Wire | None:
        """Send a mail until it gets its 250; return the connection for the next one."""
        while not self._hopeless:
            try:
                if wire is None:
                    wire = Wire(chance.choice(self._ports), timeout=30)
                    wire.say("EHLO client.example")
                said = wire.mail(raw, sender)
            except OSError:
                if wire is not None:
                    wire.close()
                    wire = None
                self.repeated += 1
                time.sleep(0.05)  # a mail server waits longer before it knocks again
                continue
            if said.startswith("250"):
                return wire
            if not said.startswith(COME_BACK):
                self.unexpected.append(said)
            wire.say("RSET")
        return wire


def all_routed(store: Store, seconds: float) -> None:
    """Wait until nothing waits in the inbox."""
    waiting = select(func.count()).where(inbox.c.state == "received")

    def none_waits() -> bool:
        with store.read() as connection:
            return not connection.scalar(waiting)

    until(none_waits, seconds, "the inbox is empty")


def check_books(store: Store, acknowledged: dict[str, str]) -> None:
    """Check that each acknowledged message stands in one entry of one ticket, beside its parents, and nothing else does."""
    with store.read() as connection:
        states = _counts(connection, inbox.c.state)
        placed = connection.execute(select(entries.c.external_id, entries.c.ticket_id)).all()
        counted = connection.scalar(select(func.sum(tickets.c.messages)))
        happened = _counts(connection, events.c.name)
    times = Counter(message_id for message_id, _ in placed)
    assert acknowledged.keys() - times.keys() == set(), "acknowledged and lost"
    assert [message_id for message_id, count in times.items() if count > 1] == [], "in two entries"
    assert times.keys() - acknowledged.keys() == set(), "nobody sent them"
    homes = defaultdict(set)
    for message_id, number in placed:
        homes[acknowledged[message_id]].add(number)
    assert {first: found for first, found in homes.items() if len(found) > 1} == {}, "conversations split"
    assert len({number for found in homes.values() for number in found}) == len(homes), "conversations mixed"
    assert states == {"routed": len(acknowledged)}
    assert counted == happened["message.received"] == len(acknowledged)
    assert happened["ticket.created"] == len(homes)


def _counts(connection: Connection, column: Column[str]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(select(column, func.count()).group_by(column))}
