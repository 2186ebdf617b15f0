"""Replaying history by two desk files: each message is parsed once and decided twice, in as many processes as there are."""

import os
import pickle
import signal
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from typing import Any, Final

from config.desk import Desk
from config.settings import Settings
from ingest.channel import Unreadable
from router.book import Book, book_of
from router.conditions import Seen
from router.event import at_next
from router.reading import Reading, believed, parsed
from router.rules import CompiledRule
from router.staff import Staff
from router.trial.compare import compare
from router.trial.history import Past, messages, not_tried, stretch
from router.trial.known import FromHistory
from router.trial.message import Sight, Stood, Tried, try_message
from router.trial.tally import Example, Tally
from tickets.blobs import open_blobs
from tickets.message import InboundMessage, VirusVerdict
from tickets.store import Store
from tickets.trust import Trust

CHUNK: Final = 1_000
"""Rows of the inbox that are one piece of work."""
ALONE: Final = 2_000
"""So many rows are replayed sooner than further processes have started."""
MOST_HIDDEN: Final = 200
"""Rules behind a stop that are asked for one message, whether they would have matched."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed: the database's settings, both desk files, since when (UTC seconds), and how many examples are kept."""

    settings: Settings
    old: Desk
    new: Desk
    since: float
    most: int

    def run(self, processes: int | None = None) -> Generator[tuple[Tally, int, int], None, None]:
        """Yield the tally so far, how many rows are done, and of how many; raises `Temporary`.

        Leaving it early stops the other processes after what they have in hand.
        """
        store = Store(self.settings.database, read_only=True)
        try:
            with store.read() as connection:
                first, last = stretch(connection, self.since)
        finally:
            store.close()
        rows = last + 1 - first
        chunks = [(begin, min(begin + CHUNK - 1, last)) for begin in range(first, last + 1, CHUNK)]
        tally, done = Tally(), 0
        yield tally, done, rows
        with closing(self._tallies(chunks, processes or os.cpu_count() or 1)) as tallies:
            for found, count in tallies:
                tally.add(found, self.most)
                done += count
                yield tally, done, rows

    def _tallies(self, chunks: list[tuple[int, int]], processes: int) -> Generator[tuple[Tally, int], None, None]:
        packed = pickle.dumps(self)
        if processes == 1 or len(chunks) * CHUNK <= ALONE:
            for first, last in chunks:
                yield replayed(packed, first, last), last + 1 - first
            return
        pool = ProcessPoolExecutor(processes, get_context("spawn"), _leave_interrupts_to_the_parent)
        try:
            waiting, under_way = iter(chunks), dict[Future[Tally], int]()
            while True:
                for first, last in islice(waiting, 2 * processes - len(under_way)):
                    under_way[pool.submit(replayed, packed, first, last)] = last + 1 - first
                if not under_way:
                    return
                for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                    count = under_way.pop(done)
                    yield done.result(), count
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def replayed(packed: bytes, first: int, last: int) -> Tally:
    """Return the tally of the rows from `first` to `last`; `packed` is the plan, pickled. Raises `Temporary`."""
    plan, old, new = _unpacked(packed)
    replay = _Replay(plan, old, new)
    store, blobs = Store(plan.settings.database, read_only=True), open_blobs(plan.settings)
    try:
        with store.read() as connection:
            replay.tally.left_out.update(not_tried(connection, first, last, plan.since))
            for past in messages(connection, blobs, first, last, plan.since):
                replay.look(connection, past)
    finally:
        store.close()
    return replay.tally


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> tuple[Plan, Book, Book]:
    plan: Plan = pickle.loads(packed)  # noqa: S301  # from the process that started this one
    old = book_of(plan.old)
    return plan, old, old if plan.new == plan.old else book_of(plan.new)


class _Replay:
    """Replays messages and counts what comes of them."""

    def __init__(self, plan: Plan, old: Book, new: Book) -> None:
        self.plan, self.old, self.new = plan, old, new
        self.tally = Tally()
        self._quiet = {rule.name for rule in new.rules.rules if rule.active}
        self._place = {rule.name: place for place, rule in enumerate(new.rules.rules)}

    def look(self, connection: Any, past: Past | tuple[int, str]) -> None:
        """Replay one message of history."""
        if not isinstance(past, Past):
            self.tally.left_out[past[1]] += 1
            return
        if (why := self._missing(past)) is not None:
            self.tally.left_out[why] += 1
            return
        try:
            message, meta = parsed(past.row, self.old.desk)
        except Unreadable as error:
            self.tally.left_out[f"unreadable: {error}"] += 1
            return
        message = _scanned(message, past)
        tried = [self._tried(book, connection, past, message, meta) for book in (self.old, self.new)]
        (old, _), (new, staff) = tried
        self.tally.replayed += 1
        self.tally.unknown.update({*old.unknown, *new.unknown})
        self.tally.given += bool(old.decision.picks or new.decision.picks)
        self.tally.ran(new)
        self._ask_the_hidden(new, staff)
        if changed := compare(*tried):
            about = past.row.id, past.ticket.id, past.ticket.subject
            self.tally.differs([Example(*about, one) for one in changed], self.plan.most)

    def _missing(self, past: Past) -> str | None:
        for words, desk in (("the desk file", self.old.desk), ("the new desk file", self.new.desk)):
            if past.row.channel not in desk.channels_by_name:
                return f"{words} has no channel {past.row.channel}"
            if past.stood is not None and past.stood.department not in desk.departments_by_id:
                return f"{words} has no department {past.stood.department}"
        return None

    def _tried(
        self, book: Book, connection: Any, past: Past, message: InboundMessage, meta: dict[str, Any]
    ) -> tuple[Tried, Staff]:
        trust = Trust.model_validate(past.facts["trust"]) if "trust" in past.facts else None
        is_mail = meta.get("format") == "mail"
        reading = believed(message, meta, trust, book.desk) if is_mail else Reading(message, meta)
        stood = Stood(past.ticket, past.stood, past.because) if past.stood is not None else None
        staff = Staff(book.desk, past.at)
        sight = Sight(past.at, staff, FromHistory(connection, past.row, past.ticket))
        return try_message(book, sight, past.row, reading, stood, past.events), staff

    def _ask_the_hidden(self, tried: Tried, staff: Staff) -> None:
        """Ask the rules behind a stop whether they would have matched; those that have matched anywhere need no excuse."""
        matched = [run for run in tried.verdict.trace["rules"] if run["result"] == "matched"]
        for run in matched:
            self._quiet.discard(run["rule"])
        stopped = next((run["rule"] for run in matched if run["stopped"]), None)
        if stopped is None:
            return
        event = tried.event
        ticket = at_next(event, tried.decision, ()).ticket
        seen = Seen(event._replace(ticket=ticket), self.new.desk, staff)
        for rule in self._behind(self.new.rules.asked(tried.event, seen), stopped, tried.event.names):
            if rule.misses(seen) is None:
                self.tally.hidden[rule.name, stopped] += 1

    def _behind(self, rules: Iterable[CompiledRule], stopped: str, names: frozenset[str]) -> Iterator[CompiledRule]:
        place = self._place[stopped]
        quiet = (rule for rule in rules if rule.name in self._quiet and not rule.on.isdisjoint(names))
        return islice((rule for rule in quiet if self._place[rule.name] > place), MOST_HIDDEN)


def _scanned(message: InboundMessage, past: Past) -> InboundMessage:
    """Return the message with what the scanner said of it then."""
    if "virus" not in past.facts:
        return message
    return message.model_copy(update={"virus": VirusVerdict.model_validate(past.facts["virus"])})
