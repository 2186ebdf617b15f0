"""A mailbox with a large backlog: drained by a real desk that is killed with -9 on the way, and what became of every mail.

`python -m benchmarks.backlog [--mails 50000] [--kills 5]`, against Dovecot where it is installed, else pymap. It prints the rate,
the memory of the desk early and late, and counts rows, holes and duplicates; it ends with 1 when there is one.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Column, func, select

from benchmarks.corpus import Mail, corpus
from tests.imap.servers import PASSWORD, USER, Dovecot, Pymap, has_dovecot
from tests.services import free_port
from tickets.schema import inbox, mailbox_uids
from tickets.store import Store

ROOT: Final = Path(__file__).parents[1]
DESK: Final = """
desk: {{name: Acme Support, domain: support.acme.example}}
agents: [{{id: sona, name: Sona, email: sona@acme.example}}]
departments: [{{id: general, name: General, agents: all, addresses: [support@acme.example]}}]
channels:
  - {{name: box, type: imap, server: "imap://127.0.0.1:{port}", user: {user}, password: "env:IMAP_PASSWORD", history: archive}}
"""


class Desk:
    """A desk in a process of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        file = folder / "desk.yaml"
        file.write_text(DESK.format(port=port, user=USER), encoding="utf-8")
        self._log = folder / "log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")},
            "FRONTDESK_CONFIG": str(file),
            "FRONTDESK_DATA": str(folder),
            "FRONTDESK_HTTP": f"127.0.0.1:{free_port()}",
            "FRONTDESK_LOG": "json",
            "IMAP_PASSWORD": PASSWORD,
        }
        self.start()

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            command = [sys.executable, str(ROOT / "worker.py"), "run"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it."""
        self._process.send_signal(number)
        self._process.wait(60)

    def memory(self) -> float:
        """Return its resident memory in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def reconcile(self) -> list[str]:
        """Return what `frontdesk reconcile` says."""
        command = [sys.executable, str(ROOT / "worker.py"), "reconcile", "box", "--json"]
        said = subprocess.run(command, env=self._environment, stdout=subprocess.PIPE, check=False, text=True)
        return said.stdout.splitlines()


@contextlib.contextmanager
def filled(count: int) -> Iterator[tuple[str, int]]:
    """Give a server with so many mails: its name and port."""
    mails = _mails(count)
    if not has_dovecot():
        with Pymap() as pymap:
            pymap.fill(mail.raw for mail in mails)
            yield "pymap", pymap.port
        return
    with Dovecot() as dovecot:
        folder = dovecot.maildir()
        for number, mail in enumerate(mails):
            (folder / f"{1_790_000_000 + number}.M1P{number}.host").write_bytes(mail.raw)
        dovecot.own()
        yield "Dovecot", dovecot.port


def _mails(count: int) -> Iterator[Mail]:
    for begin in range(0, count, 1_000):
        yield from corpus(["support@acme.example"], min(1_000, count - begin), seed=begin)


def main() -> int:
    """Drain, kill, count and print; the exit code."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--mails", type=int, default=50_000)
    words.add_argument("--kills", type=int, default=5)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder, filled(asked.mails) as (name, port):
        print(f"{asked.mails} mails in {name}, {asked.kills} kills", flush=True)
        store = Store(f"sqlite:///{folder}/frontdesk.sqlite3")
        store.migrate()
        desk = Desk(Path(folder), port)
        try:
            return drained(desk, store, asked.mails, asked.kills)
        finally:
            desk.kill(signal.SIGTERM)
            store.close()


def drained(desk: Desk, store: Store, mails: int, kills: int) -> int:
    """Let the desk drain the mailbox, killing it on the way, and print what became of the mails."""
    chance = random.Random(11)
    moments = [round((one + chance.random()) / kills * 0.8 * mails) for one in range(kills)]
    memory: list[tuple[int, float]] = []
    begun = time.monotonic()
    while (known := count(store, mailbox_uids.c.inbox_id)) < mails:
        if moments and known >= moments[0]:
            moments.pop(0)
            desk.kill()
            print(f"killed with -9 at {count(store, inbox.c.id)} rows", flush=True)
            desk.start()
        elif known:
            memory.append((known, desk.memory()))
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    rows, uids = count(store, inbox.c.id), count(store, mailbox_uids.c.uid)
    holes = desk.reconcile()
    early = max((size for known, size in memory if known < mails // 5), default=0.0)
    late = max((size for known, size in memory if known > mails * 4 // 5), default=0.0)
    print(f"kept in {seconds:.0f} s, {mails / seconds:.0f} mails a second, with routing beside it")
    print(f"memory at its highest: {early:.0f} MB in the first fifth, {late:.0f} MB in the last")
    print(f"rows {rows}, UIDs {uids}, holes {len(holes)}, duplicates {rows - mails}")
    for hole in holes[:10]:
        print(json.loads(hole))
    return int(bool(holes) or rows != mails or uids != mails)


def count(store: Store, column: Column[int]) -> int:
    """Return how many there are."""
    with store.read() as connection:
        return connection.scalar(select(func.count(column))) or 0


if __name__ == "__main__":
    sys.exit(main())
