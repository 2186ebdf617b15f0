"""A desk that watches a mailbox within a test: the real channel, inbox and database, in more of a hurry."""

import asyncio
import json
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select

from config.desk import Desk
from ingest.arrival import Arrival, Kept
from ingest.channels.imap.config import Config
from ingest.channels.imap.watcher import Pace, watch
from ingest.inbox import Inbox
from ingest.mailbox import Health, health
from tests.chaos.desk_process import until
from tests.desks import HEAD, desk
from tests.imap.servers import PASSWORD, USER
from tickets.schema import inbox, mailbox_uids
from tickets.store import Store

QUICK = Pace(idle=30, first_idle=2, check=3_600, first_wait=0.02, longest_wait=0.1, refused=0.1, lease=3)
SECRET = "IMAP_PASSWORD"  # its name


def desk_with(port: int, **settings: Any) -> Desk:
    """Return a desk with one mailbox, called `box`."""
    said = {
        "name": "box",
        "type": "imap",
        "server": f"imap://127.0.0.1:{port}",
        "user": USER,
        "password": f"env:{SECRET}",
    }
    shown = json.dumps({name: value for name, value in (said | settings).items() if value is not None})
    return desk(HEAD.replace("channels:\n", f"channels:\n  - {shown}\n"))


class Death(BaseException):
    """The process dies here."""


class Watching:
    """A process that watches. `die` ends it where it stands; leaving the block stops it in order."""

    def __init__(self, store: Store, at: Desk, pace: Pace = QUICK) -> None:
        self.store = store
        self.desk = at
        self.dead: BaseException | None = None
        self.refuses: set[str] = set()
        self._pace = pace
        self._inbox = Inbox(store)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._task: asyncio.Task[None] | None = None
        self._begun = threading.Event()

    def __enter__(self) -> Self:
        self._inbox.start()
        self._thread.start()
        self._begun.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None and not self._task.done():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        self._inbox.stop()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._watch())
        except BaseException as error:  # noqa: BLE001  # the end of a process
            self.dead = error
        finally:
            self._loop.close()

    async def _watch(self) -> None:
        config = self.desk.channels_by_name["box"]
        assert isinstance(config, Config)
        self._task = asyncio.create_task(watch(config, lambda: self.desk, self._accept, self.store, self._pace))
        self._begun.set()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()):
            raise error

    async def _accept(self, arrivals: Sequence[Arrival]) -> list[Kept]:
        return await self._inbox.accepted(arrivals)

    def died(self) -> None:
        """Wait for the death that was planned."""
        until(lambda: not self._thread.is_alive(), 20, "the process dies")
        assert self.dead is not None

    def until_kept(self, count: int) -> None:
        """Wait until so many mails are rows of the inbox, and nothing is owed on the server."""

        def written_down() -> bool:
            return len({one for one in uids(self.store).values() if isinstance(one, int)}) >= count

        until(lambda: written_down() and not owed(self.store), 20, f"{count} mails are kept")
        assert len(rows(self.store)) == count

    def until_health(self, look: Any, what: str) -> Health:
        """Wait until the mailbox is as wanted, and return how it is."""
        return until(lambda: next((one for one in health(self.store) if look(one)), None), 20, what) or _never()


def _never() -> Health:
    raise AssertionError


def rows(store: Store) -> list[dict[str, Any]]:
    """Return what is kept, in the order it was kept: the envelope of each mail, with its bytes and row."""
    with store.read() as connection:
        found = connection.execute(select(inbox.c.id, inbox.c.meta, inbox.c.raw).order_by(inbox.c.id)).all()
    return [{**json.loads(row.meta), "raw": row.raw, "id": row.id} for row in found]


def uids(store: Store) -> dict[tuple[str, int], Any]:
    """Return what became of each UID of each folder: a row of the inbox, or the trouble with it."""
    with store.read() as connection:
        return {(row.folder, row.uid): row.inbox_id or row.trouble for row in connection.execute(select(mailbox_uids))}


def owed(store: Store) -> list[int]:
    """Return the UIDs with which something is still to be done on the server."""
    with store.read() as connection:
        return list(connection.scalars(select(mailbox_uids.c.uid).where(mailbox_uids.c.owed.is_not(None))))


def password() -> tuple[str, str]:
    """Return the environment's name and value of the mailbox's password."""
    return SECRET, PASSWORD
