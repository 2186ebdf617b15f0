"""Two listeners and two workers on one database and one broker: order never splits a conversation."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.customers import all_routed, check_books
from tests.chaos.desk_process import Desks
from tests.chaos.wire import Wire
from tests.desks import mail
from tickets.store import Store

CONVERSATIONS = 100
CONNECTIONS = 8


@pytest.mark.timeout(300)
def test_replies_right_behind_their_parents_over_other_connections_stand_in_their_parents_tickets(
    desks: Desks, postgresql_url: str, broker_url: str
) -> None:
    pair = [desks.make(database_url=postgresql_url, broker_url=broker_url) for _ in range(2)]
    for desk in pair:
        desk.start("listen")
        desk.start("work")
    mails = {
        f"{step}.{number}@load.example": (f"0.{number}@load.example", raw, sender)
        for number in range(CONVERSATIONS)
        for step, (raw, sender) in enumerate(conversation(number, 2 + number % 4))
    }

    def write(taken: list[str], port: int) -> list[str]:
        with Wire(port) as wire:
            wire.say("EHLO client.example")
            return [wire.mail(raw, sender) for _, raw, sender in map(mails.__getitem__, taken)]

    ids = list(mails)
    with ThreadPoolExecutor(CONNECTIONS) as connections:
        shares = [
            connections.submit(write, ids[number::CONNECTIONS], pair[number % 2].smtp) for number in range(CONNECTIONS)
        ]
        answers = [answer for share in shares for answer in share.result()]
    assert [answer for answer in answers if not answer.startswith("250")] == []

    store = Store(postgresql_url)
    try:
        all_routed(store, 90)
        check_books(store, {own: first for own, (first, _, _) in mails.items()})
    finally:
        store.close()
    assert all("routed" in (desk.folder / "work.log").read_text() for desk in pair), "one worker did it all"


def conversation(number: int, length: int) -> list[tuple[bytes, str]]:
    """Return the mails of one customer: each names all before it, as mail programs do."""
    sender = f"customer{number}@example.com"
    ids = [f"{step}.{number}@load.example" for step in range(length)]
    return [(mail(own, answers=" ".join(ids[:step]), sender=sender), sender) for step, own in enumerate(ids)]
