"""What rules may look up while they are tried: what the message itself tells; of all else it is noted that it was asked."""

from functools import cached_property

from ingest.mail.headers import Headers, split, start, words
from router.event import Lookups, Values


class Known(Lookups):
    """The look-ups about a message with these bytes; `unknown` are the ones that were asked and could not be answered."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.unknown: set[str] = set()

    @cached_property
    def _headers(self) -> Headers:
        return split(self._raw, start(self._raw), len(self._raw))[0]

    def header(self, name: str) -> Values:
        """Return every value of a header of the mail."""
        return tuple(words(value, self._headers.hint) for value in self._headers.every(name))

    def earlier_tickets(self) -> int:
        """Return 0: as if the contact were new."""
        self.unknown.add("earlier_tickets")
        return 0

    def contact_tags(self) -> Values:
        """Return nothing: as if the contact were new."""
        self.unknown.add("contact_tags")
        return ()

    def queue(self, department: str) -> int:
        """Return 0: as if nothing waited."""
        del department
        self.unknown.add("queue")
        return 0
