"""An answer on its way to a customer, as a channel's `send` is given it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

TRANSCRIPT: Final = "chat.transcript"
"""The event of a visitor who wants what was said in a chat by mail."""
AUTO_ANSWER: Final = "ticket.auto_answered"
"""The event of an answer that a rule has given; no person answered."""
RATING_ASKED: Final = "ticket.rating_asked"
"""The event of a customer who is asked how it was."""

REFUSED: Final = "mail.refused"
"""The event of telling an agent that their reply to a notice was refused; the row's payload is what the mail says."""

ABOVE: Final = "-- reply above this line --"
"""The first line of a notice that can be answered, with the ticket's number behind it: nothing below is the agent's."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that goes along with an answer. `filename` is safe to show, `content_type` is what the bytes are."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to one conversation.

    `key` is the same for every attempt, so that a platform with idempotency keys knows a repetition. `account` and
    `conversation` are what the channel's `parse` gave, `to` is the customer's own id there, `answers` the external id of the
    customer's newest message, `handle` what `parse` left in that message for its answer. `heard_at` is when the customer last
    wrote and `now` the time of this attempt, in UTC seconds. `done` are the provider's ids of the pieces that earlier attempts
    have brought through: `send` goes on with the piece behind them.
    """

    key: str
    account: str
    conversation: str
    to: str
    text: str
    now: float
    attachments: tuple[Upload, ...] = ()
    answers: str | None = None
    heard_at: float | None = None
    handle: Mapping[str, str] = field(default_factory=dict)
    done: tuple[str, ...] = ()
