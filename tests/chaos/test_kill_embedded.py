"""kill -9 of the whole desk between 250 and routing, again and again, while customers go on writing."""

import random
import time

import pytest
from sqlalchemy import func, select

from tests.chaos.customers import Customers, all_routed, check_books
from tests.chaos.desk_process import Desks
from tickets.schema import inbox
from tickets.store import Store

KILLS = 20


@pytest.mark.timeout(300)
def test_twenty_kills_under_load_lose_nothing_double_nothing_and_split_no_conversation(desks: Desks, seed: int) -> None:
    chance = random.Random(seed)
    desk = desks.make()
    program = desk.start()
    killed_at = []
    with Customers([desk.smtp], threads=8, seed=seed) as customers:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.02, 0.4))  # the moment of death, not synchronisation
            killed_at.append(time.time())
            program.kill()
            program = desk.start()
    store = Store(desk.database)
    try:
        all_routed(store, 60)
        assert customers.unexpected == []
        check_books(store, customers.acknowledged)
        assert sum(waited_through(store, moment) for moment in killed_at) > 0, "no kill came between 250 and routing"
    finally:
        store.close()


def waited_through(store: Store, moment: float) -> int:
    with store.read() as connection:
        rows = select(func.count()).where(inbox.c.received_at < moment, inbox.c.routed_at > moment)
        return connection.scalar(rows) or 0
