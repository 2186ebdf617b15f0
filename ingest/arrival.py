"""A message at the door, and what became of it: what channels hand to the inbox, and hear back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message at the door: its unique key (channel, account, external id), the key its conversation goes by, its bytes.

    `part` says which of the messages in `raw` it is; `meta` is what came beside the bytes (envelope, peer); a `cause`
    keeps it in quarantine at once; `topic` is the weaker key that a whole conversation of a mail program shares.
    When the bytes have been kept as a blob, `stored` is its digest and `raw` is empty.
    """

    channel: str
    external_id: str
    conversation: str
    raw: bytes
    account: str = ""
    part: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None
    topic: str | None = None
    stored: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same message when it comes again."""
        return self.channel, self.account, self.external_id


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one message: its row in the inbox, and whether it had been there before."""

    id: int
    duplicate: bool


Accept = Callable[[Sequence[Arrival]], Awaitable[list[Kept]]]
"""Keeps the messages of one delivery: returns after the commit, raises `Temporary` when there was none."""
