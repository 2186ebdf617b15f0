"""A file with a mail or a platform's payload, tried as if it had just come in: no database, no network, nothing written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from config.desk import ChannelConfig, Desk
from ingest import channel as channels
from ingest import webhook
from ingest.arrival import Arrival
from ingest.channel import Request
from ingest.mail.arrival import Way, arrival
from ingest.mail.names import Names, NoAnswerNow
from ingest.mail.verify import Verifier
from router.aside import set_aside
from router.book import Book
from router.bounced import claim_of
from router.by_mail.tokens import claims_of
from router.lookups import MailHeaders
from router.reading import PATIENCE, Reading, read
from router.staff import Staff
from router.trace import kept, whole
from router.trial.message import Sight, Tried, try_message
from tickets.message import SPEAKS, InboundMessage


@dataclass(frozen=True, slots=True)
class Scene:
    """When a message comes (UTC seconds), who of the agents is away, and the recipients of its envelope, if any are given."""

    at: float
    away: frozenset[str] = frozenset()
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What would become of one message of a file. `tried` is there when rules were asked; `because` tells why, or why not."""

    message: InboundMessage | None
    outcome: Literal["routed", "ignored", "quarantined"]
    because: str
    tried: Tried | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """A message as the inbox would keep it."""

    channel: str
    account: str
    conversation: str
    raw: bytes
    part: int
    meta: str
    received_at: float
    id: int = 0
    cause: str | None = None
    attempts: int = PATIENCE  # what DNS does not answer is gone on without


class _Offline(Names):
    """DNS that nobody asks."""

    def ask(self, name: str, kind: str) -> list[tuple[str, ...]]:
        raise NoAnswerNow(f"{kind} of {name} is not asked for when rules are tried")


def is_mail(config: ChannelConfig, filename: str) -> bool:
    """Tell whether a file is a mail as it goes over the wire; a channel over HTTP is given payloads that hold mails too."""
    if not channels.takes_mail(config.type):
        return False
    return channels.posted_mail(channels.find(config.type)) is None or filename.endswith(".eml")


class Trials:
    """Tries files by the rules of one desk."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._rules = kept(book.rules)
        self._verifier = Verifier(_Offline())

    def try_file(self, raw: bytes, filename: str, config: ChannelConfig, scene: Scene) -> list[Result]:
        """Return what would become of every message in the bytes of a file, as if the channel had been given them."""
        return [self._result(one, scene) for one in _arrivals(raw, filename, config, scene.to)]

    def _result(self, one: Arrival, scene: Scene) -> Result:
        if one.cause is not None:
            return Result(None, "quarantined", one.cause)
        meta = json.dumps(one.meta)
        row = _Row(one.channel, one.account, one.conversation, one.raw, one.part, meta, scene.at)
        desk = self._book.desk
        reading = read(row, desk, self._verifier)
        message = reading.message
        if (why := _no_ticket(reading, desk)) is not None:
            return Result(message, "ignored", why)
        if message.kind not in SPEAKS:
            return Result(message, "ignored", f"{message.kind} of no ticket; rules are not asked")
        if (cause := set_aside(desk, message, reading.trust, None)) is not None:
            return Result(message, "quarantined", cause)
        at = reading.when(scene.at)
        headers = MailHeaders(one.raw if one.meta.get("format") == "mail" else b"")
        sight = Sight(at, Staff(desk, at, scene.away), headers)
        tried = try_message(self._book, sight, row, reading)
        verdict = replace(tried.verdict, trace=whole(tried.verdict.trace, self._rules))
        tried = replace(tried, verdict=verdict)
        if tried.decision.quarantine is not None:
            return Result(message, "quarantined", f'rule "{tried.decision.quarantine}"', tried)
        return Result(message, "routed", tried.because, tried)


def _no_ticket(reading: Reading, desk: Desk) -> str | None:
    """Return why a mail never becomes a ticket: by its address it is about a notice."""
    if (claim := claim_of(reading, desk)) is not None:
        return f"it goes to the address for bounces of notice {claim[0]}, and becomes no ticket; rules are not asked"
    mail = reading.meta.get("format") == "mail"
    if mail and claims_of(reading.message, reading.meta.get("recipients", ()), desk.desk.domain):
        return (
            "it goes to the reply address of a notice, and becomes no ticket: what it asks for is done in that notice's "
            "ticket, or refused"
        )
    return None


def _arrivals(raw: bytes, filename: str, config: ChannelConfig, to: Sequence[str]) -> list[Arrival]:
    if is_mail(config, filename):
        return [arrival(config.name, raw, Way(config.type, recipients=to))]
    return webhook.read(channels.find(config.type), config.name, config.type, Request(raw, {}))
