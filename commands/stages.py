"""Everything one process owns but the broker: the stages of the desk, and what each does with a row it is rung for."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog
from starlette.applications import Starlette

from commands.ways import open_outbox
from config.settings import Settings
from config.watch import DeskFile
from ingest import inbox as inboxes
from ingest.arrival import Arrival, Kept
from ingest.errands import Errands
from ingest.front import Front
from ingest.inbox import Inbox
from ingest.limits import Limiter
from ingest.virus import Scanner
from notify.outbox import Outbox
from notify.slack import Slack as SlackNotices
from router.book import Book, Seldom, Shelf
from router.clocks.rewind import Rewinder
from router.clocks.tick import tick
from router.comings import heard
from router.drain import drained
from router.fall_back import look
from router.hold import conversations_of
from router.homeless import rehoused
from router.missed import missed
from router.opened import Acted
from router.returns import Moved, Patience, returned
from router.route import Router
from tickets.availability import Availability
from tickets.blobs import open_blobs
from tickets.live import open_live
from tickets.once import forget
from tickets.presence import Present
from tickets.store import Store
from tickets.trouble import Temporary
from web.app import Parts, build
from web.metrics import Metrics, ready
from web.slack import Slack
from web.stream import TOPIC as NOTICES

SWEEP_ROWS = 500
FORGET_SECONDS = 3_600.0

Ring = Callable[[str, Sequence[int]], None]
"""Rings for rows of a stage, `route`, `deliver`, `errand` or `card`; soon, and never raises."""

log = structlog.get_logger()


class Stages:
    """The stages of one process. What is done with a row stands in the row; `ring` only says that there are some."""

    def __init__(self, settings: Settings, desk: DeskFile, ring: Ring) -> None:
        self.settings = settings
        self.desk = desk
        self.store = Store(settings.database)
        self.metrics = Metrics(self.store, time.time)
        self.blobs = open_blobs(settings)
        self.live = open_live(settings.broker_url)
        self.present = Present(self.store)
        self.inbox = Inbox(self.store, on_kept=lambda ids: ring("route", ids), blobs=self.blobs)
        self.scanner = Scanner(settings.clamd) if settings.clamd else None
        self.router = Router(self.store, desk.current, blobs=self.blobs, scanner=self.scanner)
        self.shelf = Shelf(desk.current, self.store)
        self.rewinder = Rewinder(self.store, self.shelf.book)
        self.errands = Errands(self.store, desk.current, self.blobs, self.scanner)
        self.slack = Slack(self.store, desk.current, self.acted)
        self._ring = ring
        self._housed = Seldom()
        self._patience = Patience()
        self._forgets_at = 0.0
        self._outbox: Outbox | None = None
        self._outbox_lock = threading.Lock()

    @property
    def acts(self) -> Mapping[str, Callable[[int], None]]:
        """What is done when a row of a stage is rung for, by the stage's name."""
        return {"route": self._route, "deliver": self._deliver, "errand": self._errand, "card": self._card}

    @property
    def due(self) -> Mapping[str, Callable[[], Sequence[int]]]:
        """The rows of each stage that wait past their time; asking looks away from them for a while. Raises `Temporary`."""
        return {
            "route": lambda: inboxes.due(self.store, time.time(), SWEEP_ROWS),
            "deliver": lambda: self.outbox().due(SWEEP_ROWS),
            "errand": lambda: self.errands.due(SWEEP_ROWS),
            "card": self._cards_due,
        }

    def _route(self, inbox_id: int) -> None:
        try:
            done = self.router.route(inbox_id)
        except Temporary as error:
            log.warning("not routed, the sweep rings again", inbox=inbox_id, error=str(error))
            return
        now = time.time()
        for routed in done:
            self.metrics.routed.labels(routed.channel, routed.outcome).inc()
            self.metrics.route_seconds.labels(routed.channel).observe(max(0.0, now - routed.received_at))
            self._ring("deliver", routed.notices)
            self._ring("errand", routed.errands)
            self._tell(routed.conversation)
        self._told(bool(done))

    def _deliver(self, outbox_id: int) -> None:
        try:
            delivered = self.outbox().deliver(outbox_id)
        except Temporary as error:
            log.warning("not delivered, the sweep rings again", outbox=outbox_id, error=str(error))
            return
        if delivered is not None:
            labels = (delivered.channel, delivered.notifier)
            self.metrics.delivered.labels(*labels, delivered.outcome).inc()
            self.metrics.deliver_seconds.labels(*labels).observe(max(0.0, delivered.seconds))
            self._tell(delivered.conversation)

    def _errand(self, errand_id: int) -> None:
        try:
            ran = self.errands.run(errand_id)
        except Temporary as error:
            log.warning("an errand is not done, the sweep rings again", errand=errand_id, error=str(error))
            return
        if ran is not None:
            self.metrics.errands.labels(ran.channel, ran.kind, ran.outcome).inc()
            self._tell(ran.conversation)

    def _card(self, card_id: int) -> None:
        slack = self._slack()
        try:
            followed = slack.follow(card_id) if slack else None
        except Temporary as error:
            log.warning("a card is not up to date, the sweep rings again", card=card_id, error=str(error))
            return
        if followed is not None:
            self.metrics.cards.labels(followed).inc()

    def _cards_due(self) -> Sequence[int]:
        slack = self._slack()
        return slack.cards.due(SWEEP_ROWS) if slack else ()

    def _slack(self) -> SlackNotices | None:
        slack = self.outbox().notifiers.get("slack")
        return slack if isinstance(slack, SlackNotices) else None

    def outbox(self) -> Outbox:
        """Return the outbox as the desk of the moment sees it; a new desk file may name another relay or token."""
        desk = self.desk.current()
        with self._outbox_lock:
            known = self._outbox
            if known is not None and known.desk is desk:
                return known
            self._outbox = open_outbox(self.store, desk, self.blobs, self.settings.outbox_folder)
            for notifier in self._outbox.notifiers.values():
                log.info("agents are told", way=notifier.describe())
            _close(known)
            return self._outbox

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Kept]:
        """Keep the messages of one delivery; returns after the commit, raises `Temporary` when there was none."""
        begun = time.perf_counter()
        channel = arrivals[0].channel if arrivals else ""
        try:
            kept = await self.inbox.accepted(arrivals)
        except Temporary:
            self.metrics.accepted.labels(channel, "refused").inc()
            raise
        for arrival, one in zip(arrivals, kept, strict=True):
            outcome = "duplicate" if one.duplicate else "quarantined" if arrival.cause else "kept"
            self.metrics.accepted.labels(channel, outcome).inc()
        if arrivals:
            self.metrics.accept_seconds.labels(channel).observe(time.perf_counter() - begun)
        return kept

    def miss(self) -> None:
        """Note the chats that nobody took in time. Raises `Temporary`."""
        for one in missed(self.store, self.shelf.book(), time.time(), SWEEP_ROWS):
            self._ring("deliver", one.notices)
            self._tell(one.conversation)

    def look(self) -> None:
        """Tell agents by another way of what they have not seen in time. Raises `Temporary`."""
        self._ring("deliver", list(look(self.store, self.desk.current(), time.time(), SWEEP_ROWS)))

    def tick(self) -> None:
        """Let what is due in the tickets happen, and wind the clocks of some that another desk file has wound. Raises `Temporary`."""
        now = time.time()
        self.rewinder.rewind(now)
        ticked = None
        for ticked in tick(self.store, self.shelf.book(), now, SWEEP_ROWS):
            self._ring("deliver", ticked.notices)
            for conversation in ticked.conversations:
                self._tell(conversation)
        self._told(ticked is not None)

    def staff(self) -> None:
        """Follow who comes and goes: the rules hear of it, open tickets of the absent move on, and what waits is given out.

        Raises `Temporary`.
        """
        now, book = time.time(), self.shelf.book()
        ways = {
            "rehoused": self._rehoused(book, now),
            "asked": heard(self.store, book, now, SWEEP_ROWS),
            "returned": returned(self.store, book, now, SWEEP_ROWS, self._patience),
            "drained": drained(self.store, book, now, SWEEP_ROWS, self._patience),
        }
        for how, moves in ways.items():
            for moved in moves:
                self.metrics.moved.labels(how).inc()
                self._ring("deliver", moved.rings)
                for conversation in conversations_of(self.store, moved.ticket):
                    self._tell(conversation)
                self._told(True)

    def _rehoused(self, book: Book, now: float) -> Iterator[Moved]:
        """Yield the tickets whose department is not there any more, once for a desk file and now and then."""
        if not self._housed.due(book.desk, now):
            return
        moved = None
        for moved in rehoused(self.store, book, now, SWEEP_ROWS):
            yield moved
        if moved is None:
            self._housed.done(book.desk, now)

    def forget(self) -> None:
        """Forget, once an hour, what was done too long ago to be asked for again. Raises `Temporary`."""
        if (now := time.time()) >= self._forgets_at:
            forget(self.store, now)
            self._forgets_at = now + FORGET_SECONDS

    def ready(self) -> None:
        """Return when messages can be kept; raises `Temporary` with the reason otherwise."""
        if not self.inbox.alive:
            raise Temporary("the inbox has stopped; restart this process")
        ready(self.store)
        self.store.try_write()

    def front(self) -> Front:
        """Return what channels with paths of their own, and the serving itself, are given; for one event loop."""

        def present() -> Availability:
            return Availability(self.desk.current(), self.present.away(), time.time())

        limiter = Limiter(self.settings.broker_url)
        shared = (self.store, self.blobs, self.live, limiter)
        return Front(self.desk.current, self.accept, present, *shared, scanner=self.scanner)

    def http(self, front: Front) -> Starlette:
        """Return the HTTP side."""
        return build(
            Parts(
                self.desk.current,
                self.accept,
                self.ready,
                self.metrics.text,
                front=front,
                acted=self.acted,
                slack=self.slack,
            )
        )

    def acted(self, acted: Acted) -> None:
        """Ring for what an act owes, and tell whoever shows its conversation."""
        self._ring("deliver", acted.notices)
        self._tell(acted.conversation)
        self._told(acted.changed)

    def wake(self) -> None:
        """Make everything that waits due now: for a process that is alone with its database."""
        waiting = inboxes.wake(self.store, time.time()) + self.outbox().wake() + self.errands.wake()
        if waiting:
            log.info("going on with what waited", rows=waiting)

    def close(self) -> None:
        """Give back what is open."""
        _close(self._outbox)
        self.live.close()
        self.store.close()

    def _tell(self, conversation: str | None) -> None:
        """Tell whoever shows a conversation that there is something new in it."""
        if conversation is not None:
            self.live.tell(conversation, {"type": "line"})

    def _told(self, somebody: bool) -> None:
        """Tell whoever follows an agent's notices that there may be new ones."""
        if somebody:
            self.live.tell(NOTICES, {"type": "notices"})


def _close(outbox: Outbox | None) -> None:
    for notifier in outbox.notifiers.values() if outbox else ():
        notifier.close()
