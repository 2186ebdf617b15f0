"""An agent is told once: of a ticket that will not be quiet, and by a desk that dies between the attempt and its record."""

import asyncio
import email
import re
import time
from collections import Counter

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from tests.chaos.customers import all_routed
from tests.chaos.desk_process import DESK, Desks, until
from tests.chaos.wire import Wire
from tests.notify.fakes import FakeRelay
from tickets.schema import outbox
from tickets.store import Store

MESSAGES = 50
KILLS = 3


@pytest.mark.timeout(120)
def test_fifty_messages_of_a_customer_in_a_minute_tell_the_agent_once(desks: Desks) -> None:
    with FakeRelay() as relay:
        desk = desks.make(through(relay))
        desk.start()
        with Wire(desk.smtp) as wire:
            wire.say("EHLO client.example")
            begun = time.monotonic()
            assert wire.mail(letter(0)).startswith("250")
            until(lambda: relay.mails, 20, "the first is told at once")
            for number in range(1, MESSAGES):
                assert wire.mail(letter(number)).startswith("250")
        store = Store(desk.database)
        try:
            all_routed(store, 60)
            until(lambda: waiting(store) == {MESSAGES - 1}, 20, "every other one waits for the rest of them")
        finally:
            store.close()
        assert time.monotonic() - begun < 60
        assert len(relay.mails) == 1


@pytest.mark.timeout(120)
def test_a_kill_between_the_attempt_and_its_record_repeats_at_most_that_one(desks: Desks) -> None:
    with SilentRelay() as relay:
        desk = desks.make(through(relay))
        program = desk.start()
        for number in range(KILLS):
            before = len(relay.mails)
            relay.silent = True
            assert desk.mail(letter(number, new=True)).startswith("250")
            until(lambda: len(relay.mails) > before, 20, "the notice is handed over, and the relay says nothing")  # noqa: B023
            program.kill()
            relay.silent = False
            program = desk.start()
            until(lambda: len(relay.mails) >= before + 2, 20, "it is told again, for nobody knows better")  # noqa: B023
        assert desk.mail(letter(KILLS, new=True)).startswith("250")
        until(lambda: len(relay.mails) >= 2 * KILLS + 1, 20, "what nothing happens to is told")
        store = Store(desk.database)
        try:
            until(lambda: not waiting(store) - {0}, 20, "all are marked as told")
        finally:
            store.close()
    told = Counter(str(email.message_from_bytes(one.raw)["Message-ID"]) for one in relay.mails)
    assert sorted(told.values()) == [1, *[2] * KILLS]


class SilentRelay(FakeRelay):
    """A relay that takes a mail and, while it is silent, never says so."""

    silent = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take it."""
        said = await super().handle_DATA(server, session, envelope)
        if self.silent:
            await asyncio.Event().wait()
        return said


def through(relay: FakeRelay) -> str:
    return re.sub(r"email: \{\{", f'email: {{{{relay: "{relay.url}", ', DESK)


def letter(number: int, *, new: bool = False) -> bytes:
    thread = "" if new or not number else "In-Reply-To: <0@ann.example>\r\nReferences: <0@ann.example>\r\n"
    subject = f"Order {number}" if new else "Re: My order"
    head = f"From: Ann <ann@example.com>\r\nTo: support@acme.example\r\nSubject: {subject}\r\n"
    return f"{head}Message-ID: <{number}@ann.example>\r\n{thread}\r\nAnd another thing, number {number}.\r\n".encode()


def waiting(store: Store) -> set[int]:
    """Return how many notices by mail wait."""
    with store.read() as connection:
        rows = connection.scalars(select(outbox.c.id).where(outbox.c.notifier == "email", outbox.c.state == "pending"))
        return {len(rows.all())}
