"""Watching: each folder has a connection of its own, that one process holds at a time, and that always comes back.

One process at a time is kept by a lease in the folder's row (why not a lock: docs/decisions/2026-11-24-imap.md).
"""

import asyncio
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from config.desk import Desk
from ingest import mailbox
from ingest.arrival import Accept
from ingest.channels.imap import holes
from ingest.channels.imap.account import Account
from ingest.channels.imap.config import Config
from ingest.channels.imap.intake import Doubts, Hands, Intake
from ingest.channels.imap.session import LoginRefused, No, Session
from ingest.channels.imap.wire import Lost
from ingest.mailbox import Place, State
from tickets.store import Store
from tickets.trouble import Temporary

MOST_AGAIN = 50
"""Holes that are tried again after one reconciliation."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds; a test is in more of a hurry."""

    idle: float = 540
    first_idle: float = 20  # some servers keep silent in IDLE about what came just before it
    check: float = 3_600
    first_wait: float = 1
    longest_wait: float = 300
    refused: float = 60
    lease: float = 45


async def watch(
    config: Config, desk: Callable[[], Desk], accept: Accept, store: Store, pace: Pace | None = None
) -> None:
    """Watch the folders of a channel until cancelled; trouble of any kind is waited out."""

    def now() -> Config:
        """Return the channel as the desk file has it now; as it was, when it was taken out."""
        found = desk().channels_by_name.get(config.name)
        return found if isinstance(found, Config) else config

    account = Account(config.name, store)
    holder = "alone" if store.sqlite else f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"
    hands = Hands(now, desk, accept, store)
    async with asyncio.TaskGroup() as group:
        for folder in config.folders:
            watcher = _Folder(hands, account, Place(config.name, folder), holder, pace or Pace())
            group.create_task(watcher.run())


class _Folder:
    def __init__(self, hands: Hands, account: Account, place: Place, holder: str, pace: Pace) -> None:
        self._hands = hands
        self._account = account
        self._place = place
        self._holder = holder
        self._pace = pace
        self._doubts = Doubts()
        self._said: str | None = None
        self._wait = pace.first_wait
        self._check_at = 0.0
        self._log = log.bind(channel=place.channel, folder=place.folder)

    async def run(self) -> None:
        """Watch whenever nobody else does."""
        while True:
            if not await self._hold():
                await asyncio.sleep(self._pace.lease / 3 * random.uniform(0.5, 1))  # noqa: S311
                continue
            staying = asyncio.create_task(self._stay())
            try:
                await self._while_held(staying)
            finally:
                staying.cancel()
                await asyncio.gather(staying, return_exceptions=True)
                await self._release()
            if not staying.cancelled() and (error := staying.exception()):
                raise error

    async def _hold(self) -> bool:
        now = time.time()
        try:
            return await asyncio.to_thread(
                mailbox.hold, self._hands.store, self._place, self._holder, now, now + self._pace.lease
            )
        except Temporary as error:
            self._log.warning("the lease of a mailbox cannot be asked for", error=str(error))
            return False

    async def _while_held(self, staying: "asyncio.Task[None]") -> None:
        """Renew the lease until it is lost: taken by another process, or not renewed for its whole time."""
        until = time.monotonic() + self._pace.lease
        while time.monotonic() < until and not staying.done():
            await asyncio.wait({staying}, timeout=self._pace.lease / 3)
            if staying.done():
                return
            if await self._hold():
                until = time.monotonic() + self._pace.lease
        self._log.info("the mailbox is not this process's to watch any more")

    async def _release(self) -> None:
        try:
            await asyncio.to_thread(mailbox.release, self._hands.store, self._place, self._holder)
        except Temporary as error:  # it ends by itself
            self._log.warning("the lease of a mailbox could not be given back", error=str(error))

    async def _stay(self) -> None:
        """Connect, follow the folder, and after any trouble connect again, each time a little later."""
        while True:
            refused = False
            try:
                await self._follow()
            except (Lost, No, OSError) as error:
                await self._trouble(str(error) or type(error).__name__)
            except LoginRefused as error:
                refused = True
                await self._trouble(f"{error}; check user and password, or the OAuth settings, of this channel")
            except Temporary as error:
                await self._trouble(f"mail waits on the server: {error}")
            except Exception:  # noqa: BLE001  # a defect must not end the watch for good
                self._log.exception("watching a mailbox failed, it goes on")
                await self._trouble("a defect here, see the log")
            wait = self._pace.refused if refused else self._wait
            self._wait = min(self._wait * 2, self._pace.longest_wait)
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311  # so that not all come back at once

    async def _trouble(self, words: str) -> None:
        if words != self._said:  # once, not at each attempt
            self._log.warning("the mailbox cannot be read now", why=words)
        self._said = words
        try:
            await asyncio.to_thread(mailbox.troubled, self._hands.store, self._place, words)
        except Temporary as error:
            self._log.warning("the trouble of a mailbox could not be written down", error=str(error))

    async def _follow(self) -> None:
        session = await self._account.log_in(self._hands.config())
        try:
            config = self._hands.config()
            state, intake = await open_folder(self._hands, session, self._place, self._doubts)
            if state.uid == 0 and state.history_to and not state.changed:
                self._log.info("a first run", mails_up_to=state.history_to, history=config.history)
            if state.changed:
                self._log.warning("UIDVALIDITY has changed; every mail is read again, known ones stay single")
            await intake.settle()
            idle = self._pace.first_idle
            while True:
                brought = await intake.catch_up()
                await self._heard(brought)
                if intake.met or time.monotonic() >= self._check_at:
                    await self._check(session, intake, state)
                idle = self._pace.first_idle if brought else idle
                await session.wait(idle, self._hands.config().poll)
                idle = self._pace.idle
                self._wait = self._pace.first_wait  # not sooner: a server may take us in and hang up, again and again
        finally:
            session.close()

    async def _heard(self, brought: int) -> None:
        if self._said is not None or brought:
            self._log.info("the mailbox is read", mails=brought)
        self._said = None
        await asyncio.to_thread(mailbox.heard, self._hands.store, self._place, time.time())

    async def _check(self, session: Session, intake: Intake, state: State) -> None:
        """Compare what the server has with what is here, try the holes once more, and say how many are left."""
        self._check_at = time.monotonic() + self._pace.check  # first, for a hole may end the connection
        intake.met = False
        look = (self._hands.store, session, self._place, state, self._hands.config())
        found = [uid for uid in await holes.find(*look) if uid <= intake.read_to]
        if found:
            await asyncio.to_thread(mailbox.checked, self._hands.store, self._place, len(found), time.time())
            for uid in sorted(found, key=lambda one: self._doubts.times[one])[:MOST_AGAIN]:
                await intake.bring(uid)
            found = [uid for uid in await holes.find(*look) if uid <= intake.read_to]
        await asyncio.to_thread(mailbox.checked, self._hands.store, self._place, len(found), time.time())
        if found:
            self._log.warning("mails on the server are not here; see: frontdesk reconcile", holes=len(found))


async def open_folder(hands: Hands, session: Session, place: Place, doubts: Doubts) -> tuple[State, Intake]:
    """Open a folder and return how far it was read, and what brings its mails in."""
    selected = await session.select(place.folder)
    now = time.time()
    state = await asyncio.to_thread(mailbox.opened, hands.store, place, selected.uidvalidity, selected.last_uid, now)
    intake = Intake(hands, session, place, state, doubts)
    await intake.pass_over_history()
    return state, intake
