"""kill -9 of the desk while it drains a mailbox, again and again: no hole and no duplicate."""

import random
import re
import time

import pytest
from sqlalchemy import func, select

from tests.chaos.customers import all_routed
from tests.chaos.desk_process import DESK, Desks, until
from tests.desks import mail
from tests.imap.servers import PASSWORD, USER, Pymap, program
from tickets.schema import entries, inbox, mailbox_uids
from tickets.store import Store

MAILS = 1_500
KILLS = 6
BOX = """
  - {{name: box, type: imap, server: "imap://127.0.0.1:PORT", user: USER, password: "env:IMAP_PASSWORD", history: archive}}
"""


@pytest.mark.timeout(300)
def test_a_backlog_drains_through_kills_without_a_hole_and_without_a_duplicate(desks: Desks, seed: int) -> None:
    chance = random.Random(seed)
    with Pymap() as server:
        server.fill(mail(f"{number}@load.example", sender=f"c{number}@example.com") for number in range(MAILS))
        box = BOX.replace("PORT", str(server.port)).replace("USER", USER)
        desk = desks.make(re.sub(r"(channels:\n)", rf"\1{box.lstrip(chr(10))}", DESK))
        desk.environment["IMAP_PASSWORD"] = PASSWORD
        store = Store(desk.database)
        died_within = 0
        try:
            for _ in range(KILLS):
                program_ = desk.start()
                before = kept(store)
                time.sleep(chance.uniform(0.05, 0.4))  # the moment of death, not synchronisation
                program_.kill()
                died_within += before < kept(store) < MAILS
            desk.start()
            until(lambda: kept(store) == MAILS and known(store) == MAILS, 120, "the backlog is drained")
            all_routed(store, 120)
            assert died_within > 0, "no kill came while mails came in"
            assert kept(store) == MAILS
            with store.read() as connection:
                ids = list(connection.scalars(select(entries.c.external_id)))
            assert sorted(ids) == sorted(f"{number}@load.example" for number in range(MAILS))
            with program(server.port) as person:
                until(lambda: person.unseen() == 0, 20, "all are marked as seen")
        finally:
            store.close()


def kept(store: Store) -> int:
    """Return how many mails are rows of the inbox."""
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(inbox)) or 0


def known(store: Store) -> int:
    """Return of how many UIDs it is written down which row they are."""
    with store.read() as connection:
        return connection.scalar(select(func.count(mailbox_uids.c.inbox_id.distinct()))) or 0
