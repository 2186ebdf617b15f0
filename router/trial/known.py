"""What rules may look up while they are tried: what the mail itself tells; the database is not asked."""

from functools import cached_property

from ingest.mail.headers import Headers, split, start, words
from router.event import Lookups, Values


class Known(Lookups):
    """The look-ups about a message with these bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @cached_property
    def _headers(self) -> Headers:
        return split(self._raw, start(self._raw), len(self._raw))[0]

    def header(self, name: str) -> Values:
        """Return every value of a header of the mail."""
        return tuple(words(value, self._headers.hint) for value in self._headers.every(name))
