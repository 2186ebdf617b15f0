"""From a folder on the server to rows of the inbox: fetch, keep, write down, and only then mark, move or delete.

When the process dies after fetch: nothing happened. After keep: the mail is fetched again and is a duplicate. After it was
written down: what is owed on the server stands in its row, and is done at the next connection.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from config.desk import Desk
from ingest import mailbox
from ingest.arrival import Accept, Arrival
from ingest.channels.imap.config import Config
from ingest.channels.imap.session import Facts, No, Session
from ingest.channels.imap.wire import Lost
from ingest.mail.arrival import Way, arrival
from ingest.mailbox import Noted, Place, State
from tickets.store import Store
from tickets.trouble import Temporary

ASKED = 100
"""Mails whose size is asked for at once."""
GROUP_MAILS = 50
GROUP_BYTES = 4 * 1024 * 1024
"""What is fetched, and so is in memory, at once: so much, or one mail."""
MOST_TRIES = 3
"""So many connections may end in the fetch of one mail before it is passed over as a hole."""

log = structlog.get_logger()


@dataclass(slots=True)
class Doubts:
    """The mails in whose fetch the connection ended, and how often; they are fetched alone from then on."""

    times: Counter[int] = field(default_factory=Counter)

    @contextmanager
    def about(self, uids: Sequence[int]) -> Iterator[None]:
        """Doubt these mails when the connection ends within the block."""
        try:
            yield
        except (Lost, No):
            self.times.update(uids)
            raise

    def runs(self, uids: Iterable[int]) -> Iterator[list[int]]:
        """Return the UIDs in their order, in runs that hold either one doubtful mail or any number of others."""
        for doubtful, run in itertools.groupby(uids, key=lambda uid: self.times[uid] > 0):
            if doubtful:
                yield from ([uid] for uid in run)
            else:
                yield list(run)


@dataclass(frozen=True, slots=True)
class Hands:
    """What bringing mails in needs: the channel and desk of the moment, the inbox, the database."""

    config: Callable[[], Config]
    desk: Callable[[], Desk]
    accept: Accept
    store: Store


class Intake:
    """Brings the mails of one open folder into the inbox. `read_to` is how far it was read; `met` that holes were passed over."""

    def __init__(self, hands: Hands, session: Session, place: Place, state: State, doubts: Doubts) -> None:
        self._hands = hands
        self._session = session
        self._place = place
        self._state = state
        self._doubts = doubts
        self.read_to = state.uid
        self.met = False

    async def pass_over_history(self) -> None:
        """Begin behind what was there before the first run, when the desk file says so."""
        first = self._state.history_to or 0
        if self._hands.config().history == "skip" and self.read_to < first:
            await self._note([], first)

    async def catch_up(self) -> int:
        """Bring in everything new, oldest first, and return how many UIDs that were; raises `Temporary`, also as `Lost`."""
        count = 0
        while uids := await self._session.new_uids(self.read_to):
            for start in range(0, len(uids), ASKED):
                for run in self._doubts.runs(uids[start : start + ASKED]):
                    await self._bring(run, new=True)
            count += len(uids)
        return count

    async def bring(self, uid: int) -> None:
        """Try once more to bring in one mail that is a hole; it stays one when it cannot be had."""
        await self._bring([uid], new=False)

    async def _bring(self, uids: list[int], *, new: bool) -> None:
        """Bring in mails; `new` ones move the cursor, and are passed over when they ended too many connections."""
        tries = self._doubts.times[uids[0]]
        if new and tries >= MOST_TRIES:
            await self._note([Noted(uids[0], trouble=f"{tries} connections ended when it was fetched")], uids[0])
            return
        with self._doubts.about(uids):
            facts = await self._session.facts(uids)
        for group in _groups(facts):
            await self._take(group, group[-1].uid if new else 0)
        missing = sorted(set(uids) - {fact.uid for fact in facts})
        there = [uid for uid in await self._session.uids(f"UID {min(missing)}:*") if uid in missing] if missing else []
        trouble = [Noted(uid, trouble="the server does not say how large it is") for uid in there]
        await self._note(trouble, uids[-1] if new else 0)

    async def _take(self, group: list[Facts], read_to: int) -> None:
        config = self._hands.config()
        if config.history == "skip" and read_to:
            group = [one for one in group if not self._state.is_history(one.uid, one.received_at)]
        noted = [
            Noted(one.uid, trouble=f"its {one.size} bytes are more than the {config.max_size} of max_size")
            for one in group
            if one.size > config.max_size
        ]
        wanted = [one for one in group if one.size <= config.max_size]
        with self._doubts.about([one.uid for one in wanted]):
            bodies = await self._session.bodies(wanted)
        mails = [one for one in wanted if one.uid in bodies]
        noted += await self._keep(
            [(one.uid, self._arrival(one, bodies[one.uid], config)) for one in mails], config.after
        )
        if lacking := {one.uid for one in wanted} - bodies.keys():
            there = await self._session.uids(f"UID {min(lacking)}:*")
            noted += [Noted(uid, trouble="the server does not give it") for uid in there if uid in lacking]
        await self._note(noted, read_to)
        for uid in bodies:
            self._doubts.times.pop(uid, None)
        await self._settle(config.after, [one.uid for one in noted if one.owed])

    def _arrival(self, fact: Facts, raw: bytes, config: Config) -> Arrival:
        more = {"mailbox": self._place.folder, "uid": fact.uid, "uidvalidity": self._state.uidvalidity}
        if config.history == "archive" and self._state.is_history(fact.uid, fact.received_at):
            more["archive"] = True
        return arrival(config.name, raw, Way("imap", more=more))

    async def _keep(self, mails: list[tuple[int, Arrival]], after: str) -> list[Noted]:
        """Keep mails and return what became of each; one that no inbox takes is a hole and does not hold up the others."""
        if not mails:
            return []
        owed = None if after == "leave" else after
        try:
            kept = await self._hands.accept([made for _, made in mails])
        except Temporary as error:
            if len(mails) > 1:
                return [noted for mail in mails for noted in await self._keep([mail], after)]
            await asyncio.to_thread(self._hands.store.try_write)  # raises when it is the database, not this mail
            log.warning("a mail could not be kept", channel=self._place.channel, uid=mails[0][0], error=str(error))
            return [Noted(mails[0][0], trouble=f"it could not be kept: {error}")]
        return [Noted(uid, one.id, owed) for (uid, _), one in zip(mails, kept, strict=True)]

    async def _note(self, noted: Sequence[Noted], read_to: int) -> None:
        here = (self._hands.store, self._place, self._state.uidvalidity)
        await asyncio.to_thread(mailbox.note, *here, noted, read_to)
        self.read_to = max(self.read_to, read_to)
        self.met |= bool(read_to) and any(one.trouble for one in noted)

    async def settle(self) -> None:
        """Do what a process that died left undone on the server."""
        here = (self._hands.store, self._place, self._state.uidvalidity)
        for what, uids in (await asyncio.to_thread(mailbox.owed, *here)).items():
            for start in range(0, len(uids), ASKED):
                await self._settle(what, uids[start : start + ASKED])

    async def _settle(self, what: str, uids: list[int]) -> None:
        if not uids:
            return
        try:
            if what == "seen":
                await self._session.mark_seen(uids)
            elif what == "delete":
                await self._session.delete(uids)
            else:
                await self._session.move(uids, what.removeprefix("move:"))
        except No as error:  # a folder that is missing must not keep mail from coming in; it stays owed
            log.warning("a mail is kept, but left as it was", channel=self._place.channel, error=str(error))
            return
        here = (self._hands.store, self._place, self._state.uidvalidity)
        await asyncio.to_thread(mailbox.done, *here, uids)


def _groups(facts: Iterable[Facts]) -> Iterator[list[Facts]]:
    """Return mails in groups that may be in memory at once."""
    group: list[Facts] = []
    size = 0
    for fact in facts:
        if group and (len(group) >= GROUP_MAILS or size + fact.size > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(fact)
        size += fact.size
    if group:
        yield group
