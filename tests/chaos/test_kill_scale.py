"""Many processes on PostgreSQL and Redis: the broker forgets everything, processes die, and no message is lost or doubled."""

import random
import time

import pytest
import redis
from sqlalchemy import func, select

from ingest.inbox import BELL_SECONDS
from tests.chaos.customers import Customers, all_routed, check_books
from tests.chaos.desk_process import Desks
from tickets.schema import inbox
from tickets.store import Store

SWEEP_SECONDS = 100
"""A bell that is lost rings again 10 s after acceptance, then every 30 s."""


@pytest.mark.timeout(300)
def test_an_emptied_redis_a_killed_worker_and_a_killed_listener_lose_nothing_and_double_nothing(
    desks: Desks, postgresql_url: str, broker_url: str, seed: int
) -> None:
    chance = random.Random(seed)
    desk = desks.make(database_url=postgresql_url, broker_url=broker_url)
    listener, worker = desk.start("listen"), desk.start("work")
    blows = ["flush"] * 4 + ["worker", "listener"]
    chance.shuffle(blows)
    with Customers([desk.smtp], threads=4, seed=seed) as customers, redis.Redis.from_url(broker_url) as broker:
        for blow in blows:
            time.sleep(chance.uniform(0.1, 0.8))  # the moment of the blow, not synchronisation
            if blow == "listener":
                listener.kill()
                listener = desk.start("listen")
                continue
            if blow == "worker":
                worker.kill()
                time.sleep(chance.uniform(0.1, 0.4))  # bells pile up, then nobody has ever heard them
            broker.flushall()
            if blow == "worker":
                worker = desk.start("work")
    store = Store(postgresql_url)
    try:
        all_routed(store, SWEEP_SECONDS)
        assert customers.unexpected == []
        check_books(store, customers.acknowledged)
        with store.read() as connection:
            swept = select(func.count()).where(inbox.c.routed_at - inbox.c.received_at > BELL_SECONDS)
            assert connection.scalar(swept), "no bell was lost"
    finally:
        store.close()
