"""Reading the body of a request: bounded in size, in time, and in what all of them together hold in memory."""

import asyncio
from dataclasses import dataclass
from typing import Self

from starlette.requests import Request

from ingest.channel import Refused

BODY_SECONDS = 30
SMALL_BYTES = 1_048_576
HELD_BYTES = 134_217_728
"""How much of all large bodies together may be in memory, beyond the first `SMALL_BYTES` of each; the next is told to wait."""
MOST_DELIVERIES = 500
"""Deliveries at once; the next is told to wait."""
RETRY_AFTER = 30


@dataclass(slots=True)
class Held:
    """What is in memory of large bodies, in bytes, beyond the first `SMALL_BYTES` of each, and how many deliveries there are."""

    size: int = 0
    deliveries: int = 0


@dataclass(slots=True)
class Share:
    """One delivery's part of it."""

    held: Held
    mine: int = 0

    def grow(self, size: int) -> None:
        """Count a body that has so many bytes by now; raises `Refused` when there is no room for it."""
        beyond = max(0, size - SMALL_BYTES)
        self.held.size += beyond - self.mine
        self.mine = beyond
        if beyond and self.held.size > HELD_BYTES:
            raise Refused(503, "too many large messages at once; please send it again", RETRY_AFTER)

    def __enter__(self) -> Self:
        """Begin to count; raises `Refused` when there are too many."""
        if self.held.deliveries >= MOST_DELIVERIES:
            raise Refused(503, "too many messages at once; please send it again", RETRY_AFTER)
        self.held.deliveries += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.held.deliveries -= 1
        self.held.size -= self.mine


async def body_of(request: Request, limit: int, share: Share) -> bytes:
    """Return the body, of at most `limit` bytes; raises `Refused`: 408, 413 or 503. Who goes away is a `ClientDisconnect`."""
    too_large = Refused(413, f"the body is larger than the {limit} bytes taken here")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_large
                share.grow(len(body))
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {BODY_SECONDS} seconds; please send it again") from None
    return bytes(body)
