"""From an HTTP delivery to arrivals: verified over its raw bytes, then read, and kept even where it cannot be read."""

import hashlib

import structlog

from config.desk import ChannelConfig
from ingest.arrival import Arrival
from ingest.channel import Request, Unreadable, WebChannel
from tickets.message import InboundMessage, clean, thread_key

UNREAD = -1
"""The `part` of a payload that nobody could take apart yet."""

log = structlog.get_logger()


def arrivals(channel: WebChannel, config: ChannelConfig, request: Request) -> list[Arrival]:
    """Return every message of a delivery, ready to be kept; raises `Refused` when it is not genuine.

    What is rightly delivered but unreadable is ours to solve, not the sender's: it is kept in quarantine with its cause,
    also when the reason is a defect in our own `parse`.
    """
    channel.verify(config, request)
    try:
        messages = channel.parse(request.raw)
    except Unreadable as error:
        return [_unreadable(config, request.raw, str(error))]
    except Exception as error:
        log.exception("a channel could not read what it was given", channel=config.name)
        return [_unreadable(config, request.raw, f"{type(error).__name__}: {error}")]
    return [arrival(config.name, config.type, message, request.raw, part) for part, message in enumerate(messages)]


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


def _unreadable(config: ChannelConfig, raw: bytes, cause: str) -> Arrival:
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    return Arrival(
        channel=config.name,
        external_id=digest,
        conversation=digest,
        raw=raw,
        part=UNREAD,
        meta={"type": config.type},
        cause=clean(cause)[:500],
    )
