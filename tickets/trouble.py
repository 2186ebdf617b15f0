"""The one bit an error carries upward: try again, or never."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from config.model import without_secrets

FailureKind = Literal[
    "window_expired", "blocked", "not_found", "rate_limited", "auth", "invalid", "too_long", "transient", "unknown",
]  # fmt: skip
"""What a platform says of an answer it does not take. It is told to people; nobody decides by it but `failure`."""

_AGAIN = {"rate_limited": None, "transient": None, "auth": 300.0}
"""The kinds that may go through later; a refused token waits until an operator has put it right."""


class Temporary(Exception):  # noqa: N818  # a word of the domain, like its opposite
    """It may go through later. `retry_after` is the wait in seconds the other side asked for, if it did."""

    def __init__(self, message: str, retry_after: float | None = None, kind: FailureKind | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.kind = kind


class Permanent(Exception):  # noqa: N818
    """It will never go through as it is. `way` says that nothing will go through that way to that address, whatever it is."""

    def __init__(self, message: str, kind: FailureKind | None = None, *, way: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.way = way


def failure(kind: FailureKind, words: str, retry_after: float | None = None) -> Temporary | Permanent:
    """Return the error to raise for what a platform refused: `words` tell a person what to do."""
    if kind in _AGAIN:
        return Temporary(words, retry_after if retry_after is not None else _AGAIN[kind], kind)
    return Permanent(words, kind)


_NO_MAILBOX = re.compile(r"5\.(1\.([0-46]|10)|2\.1)")


def no_mailbox(status: str) -> bool:
    """Tell whether an enhanced status code says that nothing sent to this address arrives: no mailbox, or one switched off.

    RFC 3463, 3.2 and 3.3, RFC 7505; 5.1.7 and 5.1.8 are about the sender.
    """
    return _NO_MAILBOX.fullmatch(status) is not None


@contextmanager
def discreet(settings: object) -> Iterator[None]:
    """Keep the secrets of settings out of the words that are raised inside: a platform may repeat what it was sent."""
    try:
        yield
    except (Temporary, Permanent) as error:
        error.args = (without_secrets(str(error), settings),)
        raise
