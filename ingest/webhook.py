"""From an HTTP delivery to arrivals: verified over its raw bytes, then read, and kept even where it cannot be read."""

import asyncio
import hashlib
from dataclasses import replace

import structlog

from config.desk import ChannelConfig
from ingest.arrival import Arrival
from ingest.channel import Channel, Outdated, Request, Unreadable, WebChannel, asking, posted_mail, whole
from ingest.fetch import Fetch
from ingest.mail import arrival as mail
from tickets.message import InboundMessage, clean, thread_key

UNREAD = -1
"""The `part` of a payload that nobody could take apart yet."""
LARGE = 262_144
"""So many bytes take long enough to read that the event loop should not wait for it."""

log = structlog.get_logger()


async def arrivals(channel: WebChannel, config: ChannelConfig, request: Request, fetch: Fetch) -> list[Arrival]:
    """Return every message of a delivery, ready to be kept.

    Raises `Refused` when it is not genuine, and `Temporary` when its provider could not be asked.
    """
    asks = asking(channel)
    if asks is None:
        return await _verified(channel, config, request)
    urls = asks.wants(config, request)
    try:
        documents = {url: await fetch.document(url) for url in urls}
        found = await _verified(channel, config, replace(request, fetched=documents))
    except Outdated:
        documents = {url: await fetch.document(url, anew=True) for url in urls}
        found = await _verified(channel, config, replace(request, fetched=documents))
    if hasattr(asks, "confirms"):
        for url in asks.confirms(config, request):
            await fetch.visit(url)
            log.info("confirmed what a provider asked", channel=config.name)
    return found


async def _verified(channel: WebChannel, config: ChannelConfig, request: Request) -> list[Arrival]:
    if len(request.raw) > LARGE:
        return await asyncio.to_thread(_taken, channel, config, request)
    return _taken(channel, config, request)


def _taken(channel: WebChannel, config: ChannelConfig, request: Request) -> list[Arrival]:
    channel.verify(config, request)
    kept = replace(request, raw=whole(channel, config, request))
    return read(channel, config.name, config.type, kept)


def read(channel: Channel, name: str, word: str, request: Request) -> list[Arrival]:
    """Return every message of a genuine delivery as an arrival of the channel called `name`, whose type is `word`.

    A mail is kept as the mail itself, so that it is the same mail whichever way it came; what a platform sends as the
    whole payload. What is rightly delivered but unreadable is ours to solve, not the sender's: it is one arrival with its
    cause, for quarantine, also when the reason is a defect in our own code.
    """
    posted = posted_mail(channel)
    try:
        if posted is not None:
            return [mail.arrival(name, one.mime, one.way) for one in posted.mails(request)]
        messages = channel.parse(request.raw)
    except Unreadable as error:
        return [_unreadable(name, word, request.raw, str(error))]
    except Exception as error:
        log.exception("a channel could not read what it was given", channel=name)
        return [_unreadable(name, word, request.raw, f"{type(error).__name__}: {error}")]
    return [arrival(name, word, message, request.raw, part) for part, message in enumerate(messages)]


def arrival(channel: str, word: str, message: InboundMessage, raw: bytes, part: int) -> Arrival:
    """Return one message of a platform as an arrival of the channel, whose type is `word`."""
    return Arrival(
        channel=channel,
        account=message.account,
        external_id=thread_key(message.kind, message.external_id),
        conversation=thread_key(f"{channel}/{message.account}", message.conversation),
        raw=raw,
        part=part,
        meta={"type": word},
    )


def _unreadable(name: str, word: str, raw: bytes, cause: str) -> Arrival:
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    return Arrival(
        channel=name,
        external_id=digest,
        conversation=digest,
        raw=raw,
        part=UNREAD,
        meta={"type": word},
        cause=clean(cause)[:500],
    )
