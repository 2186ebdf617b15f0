"""What Prometheus sees: counts and durations as they happen, and how deep and how old the waiting rows are.

With `PROMETHEUS_MULTIPROC_DIR` set, the counts of every process of this machine are added up
(https://prometheus.github.io/client_python/multiprocess/); the depths come from the database and are always whole.
"""

import os
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from ingest.mailbox import health
from tickets.schema import HEAD, errands, inbox, outbox, tickets, working
from tickets.store import Store
from tickets.trouble import Temporary

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The counts of one process, and the depths of its database."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._own = CollectorRegistry()
        self.accepted = self._counter("frontdesk_accepted", "Messages kept in the inbox", "channel", "outcome")
        self.accept_seconds = self._histogram("frontdesk_accept_seconds", "From the last byte to the commit", "channel")
        self.routed = self._counter("frontdesk_routed", "Messages that left the inbox", "channel", "outcome")
        self.route_seconds = self._histogram("frontdesk_route_seconds", "From kept to routed", "channel")
        self.delivered = self._counter(
            "frontdesk_delivered", "Notices that left the outbox", "channel", "notifier", "outcome"
        )
        self.deliver_seconds = self._histogram(
            "frontdesk_deliver_seconds", "From decided to sent", "channel", "notifier"
        )
        self.errands = self._counter(
            "frontdesk_errands", "Attempts to fetch files and names", "channel", "kind", "outcome"
        )
        self.cards = self._counter("frontdesk_cards", "Cards in Slack that were looked at again", "outcome")
        self.moved = self._counter("frontdesk_moved", "Tickets that left an absent agent or a queue", "how")
        self._depths = _Depths(store, clock)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, registry=self._own)

    def _histogram(self, name: str, words: str, *labels: str) -> Histogram:
        return Histogram(name, words, labels, registry=self._own, buckets=_SECONDS)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format; raises `Temporary` when the database cannot be asked."""
        shown = CollectorRegistry()
        shown.register(self._depths)
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
            return generate_latest(shown)
        return generate_latest(self._own) + generate_latest(shown)


class _Depths(Collector):
    """How much waits, and since when."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Ask the database."""
        with self._store.read() as connection:
            waiting = connection.execute(
                select(func.count(), func.min(inbox.c.received_at)).where(inbox.c.state == "received")
            ).one()
            owed = connection.execute(
                select(func.count(), func.min(outbox.c.created_at)).where(outbox.c.state == "pending")
            ).one()
            asked = connection.execute(
                select(func.count(), func.min(errands.c.created_at)).where(errands.c.state == "pending")
            ).one()
            queues = connection.execute(
                select(tickets.c.department, func.count())
                .where(working, tickets.c.agent.is_(None))
                .group_by(tickets.c.department)
            ).all()
            suspect = connection.scalar(select(func.count()).where(inbox.c.state == "quarantined"))
        now = self._clock()
        for name, words, value in (
            ("frontdesk_inbox_depth", "Messages kept and not yet routed", waiting[0]),
            ("frontdesk_inbox_oldest_seconds", "Age of the oldest of them", _age(now, waiting[1])),
            ("frontdesk_outbox_depth", "Notices owed", owed[0]),
            ("frontdesk_outbox_oldest_seconds", "Age of the oldest of them", _age(now, owed[1])),
            ("frontdesk_errands_depth", "Files and names to be fetched", asked[0]),
            ("frontdesk_errands_oldest_seconds", "Age of the oldest of them", _age(now, asked[1])),
            ("frontdesk_quarantine_size", "Messages in quarantine", suspect),
        ):
            yield GaugeMetricFamily(name, words, value=value)
        queue = GaugeMetricFamily("frontdesk_queue_size", "Open tickets that nobody has", labels=("department",))
        for department, size in queues:
            queue.add_metric((department,), size)
        yield queue
        yield from self._mailboxes(now)

    def _mailboxes(self, now: float) -> Iterable[Metric]:
        labels = ("channel", "folder")
        holes = GaugeMetricFamily("frontdesk_mailbox_holes", "Mails on the server that are not here", labels=labels)
        trouble = GaugeMetricFamily("frontdesk_mailbox_trouble", "1 while it cannot be read", labels=labels)
        seen = GaugeMetricFamily("frontdesk_mailbox_seen_seconds", "Since the server last answered", labels=labels)
        for one in health(self._store):
            place = (one.place.channel, one.place.folder)
            holes.add_metric(place, one.holes)
            trouble.add_metric(place, one.trouble is not None)
            if one.seen_at is not None:
                seen.add_metric(place, _age(now, one.seen_at))
        return holes, trouble, seen


def _age(now: float, since: float | None) -> float:
    return 0.0 if since is None else max(0.0, now - since)


def ready(store: Store) -> None:
    """Return when the database answers and stands at this schema; raises `Temporary` with the reason otherwise."""
    if (version := store.version()) != HEAD:
        raise Temporary(f"the database is at version {version}, this program needs {HEAD}; run: frontdesk migrate")
