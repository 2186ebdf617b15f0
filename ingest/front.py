"""What a channel with routes of its own is given: the desk behind it, and nothing of the server in front."""

from collections.abc import Callable
from dataclasses import dataclass, field

from config.desk import Desk
from ingest.arrival import Accept
from ingest.limits import Limiter
from ingest.outbound import Outbound
from ingest.virus import Scanner
from tickets.availability import Availability
from tickets.blobs import Blobs
from tickets.live import Live
from tickets.store import Store


@dataclass(frozen=True, slots=True)
class Front:
    """`desk` gives the desk of the moment, `accept` keeps messages, `present` tells who is there (raises `Temporary`).

    `live` rings for whoever has a conversation open, `limiter` counts what strangers do, `out` asks other servers, `scanner` looks into files.
    """

    desk: Callable[[], Desk]
    accept: Accept
    present: Callable[[], Availability]
    store: Store
    blobs: Blobs
    live: Live
    limiter: Limiter = field(default_factory=Limiter)
    out: Outbound = field(default_factory=Outbound)
    scanner: Scanner | None = None
