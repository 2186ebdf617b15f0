"""From an HTTP delivery to arrivals: verified over its raw bytes, then read, and kept even where it cannot be read."""

import hashlib

import structlog

from config.desk import ChannelConfig
from ingest.arrival import Arrival
from ingest.channel import Channel, Request, Unreadable, WebChannel
from tickets.message import InboundMessage, clean, thread_key

UNREAD = -1
"""The `part` of a payload that nobody could take apart yet."""

log = structlog.get_logger()


def arrivals(channel: WebChannel, config: ChannelConfig, request: Request) -> list[Arrival]:
    """Return every message of a delivery, ready to be kept; raises `Refused` when it is not genuine."""
    channel.verify(config, request)
    return read(channel, config.name, config.type, request.raw)


def read(channel: Channel, name: str, word: str, raw: bytes) -> list[Arrival]:
    """Return every message in the bytes as an arrival of the channel called `name`, whose type is `word`.

    What is rightly delivered but unreadable is ours to solve, not the sender's: it is one arrival with its cause, for
    quarantine, also when the reason is a defect in our own `parse`.
    """
    try:
        messages = channel.parse(raw)
    except Unreadable as error:
        return [_unreadable(name, word, raw, str(error))]
    except Exception as error:
        log.exception("a channel could not read what it was given", channel=name)
        return [_unreadable(name, word, raw, f"{type(error).__name__}: {error}")]
    return [arrival(name, word, message, raw, part) for part, message in enumerate(messages)]


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
