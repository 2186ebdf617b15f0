"""The webhook's side of a channel of Meta: who may deliver, and what Meta hears."""

from collections.abc import Sequence

from ingest import meta
from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Request
from ingest.meta import Settings

# A delivery of WhatsApp may have 3 MB, the largest of Meta's.
HOOK = Hook("/in/{channel}", max_bytes=4_194_304)


def verify(config: Settings, request: Request) -> None:
    """Return when Meta sent it; raises `Refused`: 401 a wrong signature, 503 when a secret of ours is not there."""
    meta.verify(config.app_secrets, request)


def handshake(config: Settings, request: Request) -> Answer | None:
    """Return Meta's challenge for a right verify token; raises `Refused`: 403 for a wrong one."""
    return meta.handshake(config.verify_tokens, request)


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # Meta wants no more than success
    """Return 200 with nothing in it."""
    return Answer()
