"""A mail that a provider posts to us inside a payload of its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.mail.arrival import Way
from ingest.mail.read import parse_mail
from tickets.message import InboundMessage, clean

MOST_RECIPIENTS = 500
LONGEST_ADDRESS = 320
LONGEST_VERDICT = 500


@dataclass(frozen=True, slots=True)
class Posted:
    """One mail of a payload: its bytes as its sender wrote them, and the way the provider says it came."""

    mime: bytes
    way: Way


def messages(word: str, posted: Iterable[Posted]) -> list[InboundMessage]:
    """Return what the mails say, as messages of the channel type `word`."""
    return [parse_mail(one.mime).model_copy(update={"channel": word}) for one in posted]


def address(value: Any) -> str:
    """Return an address of an envelope as it may be kept: no angle brackets, no longer than an address can be."""
    return clean(value).strip().strip("<>")[:LONGEST_ADDRESS] if isinstance(value, str) else ""


def addresses(values: Any) -> Sequence[str]:
    """Return the addresses in a list that a stranger's JSON holds, without the empty ones."""
    found = [address(value) for value in values[:MOST_RECIPIENTS]] if isinstance(values, list) else []
    return [one for one in found if one]


def verdicts(**said: Any) -> Mapping[str, Any]:
    """Return what the provider found out about the mail (`spf="pass"`), to be kept as the row's `verdicts`."""
    found = {name: clean(value).lower()[:LONGEST_VERDICT] for name, value in said.items() if isinstance(value, str)}
    return {"verdicts": found} if found else {}
