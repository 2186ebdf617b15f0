"""What rules ask the database and the raw mail for, each looked up once in a turn and only when a rule asks."""

import json
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, select, text

from ingest.mail.headers import Headers, split, start, words
from router import relatives
from router.event import Lookups, Values
from router.evidence import MAIL
from router.state import State
from tickets.message import clean
from tickets.prepared import Prepared
from tickets.schema import contacts, tickets

MOST_COUNTED: Final = 1_000
"""Of tickets so many are counted; a rule that asks for more has its answer by then."""
MOST_VALUES: Final = 20  # of one header
MOST_LETTERS: Final = 10_000  # of one value


class MailHeaders(Lookups):
    """What the raw bytes of a mail say; no bytes have no headers."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @cached_property
    def _headers(self) -> Headers:
        return split(self._raw, start(self._raw), len(self._raw))[0]

    def header(self, name: str) -> Values | None:
        """Return the values of a header of the mail, decoded, the first twenty of them and not more than 10,000 letters."""
        headers = self._headers
        raw = headers.every(name)[:MOST_VALUES]
        return tuple(clean(words(value[:MOST_LETTERS], "" if value.isascii() else headers.hint)) for value in raw)


class InTransaction(MailHeaders):
    """The same, and what the database knows of a ticket and its contact, in an open transaction."""

    def __init__(self, connection: Connection, ticket: State, raw: bytes) -> None:
        super().__init__(raw)
        self._connection = connection
        self._ticket = ticket
        self._queues: dict[str, int] = {}

    @cached_property
    def _contact(self) -> Any:
        return _CONTACT.one(self._connection, {"number": self._ticket.contact_id})

    @cached_property
    def _earlier(self) -> int:
        asked = {"of_contact": self._ticket.contact_id, "but": self._ticket.number or 0}
        return int(_EARLIER.value(self._connection, asked))

    def earlier_tickets(self) -> int | None:
        """Return how many other tickets the contact has, up to a thousand."""
        return self._earlier

    def contact_name(self) -> str | None:
        """Return the contact's name, as they gave it first."""
        return self._contact.name if self._contact else ""

    def contact_tags(self) -> Values | None:
        """Return the contact's tags."""
        return tuple(json.loads(self._contact.tags)) if self._contact and self._contact.tags else ()

    def queue(self, department: str) -> int | None:
        """Return how many other tickets of a department wait for an agent, up to a thousand."""
        found = self._queues.get(department)
        if found is None:
            asked = {"in_department": department, "but": self._ticket.number or 0}
            found = self._queues[department] = int(_QUEUE.value(self._connection, asked))
        return found

    def newest_open(self, department: str) -> int | None:
        """Return the newest other ticket of the contact in a department that is not over."""
        return relatives.newest_open(self._connection, self._ticket, department)

    def linked(self, other: int | None) -> int | None:
        """Return the newest ticket of the contact that this one is linked with and that is not over."""
        return relatives.linked(self._connection, self._ticket, other)


def lookups_of(connection: Connection, ticket: State, row: Any = None) -> Lookups:
    """Return the look-ups about a ticket and its contact, in an open transaction; `row` is a message's row of the inbox.

    The row has its bytes, whole (`tickets/blobs.py`).
    """
    return InTransaction(connection, ticket, mail_in(row))


def mail_in(row: Any) -> bytes:
    """Return the bytes of the mail in a row of the inbox; none when it holds no mail."""
    return row.raw if row is not None and row.conversation.startswith(MAIL) else b""


def _counted(found: Select[Any]) -> Select[Any]:
    return select(func.count().label("counted")).select_from(found.limit(MOST_COUNTED).subquery())


_CONTACT = Prepared(select(contacts.c.name, contacts.c.tags).where(contacts.c.id == bindparam("number")))
_EARLIER = Prepared(
    _counted(
        select(tickets.c.id).where(tickets.c.contact_id == bindparam("of_contact"), tickets.c.id != bindparam("but"))
    )
)
_QUEUE = Prepared(
    _counted(
        select(tickets.c.id).where(
            text("status IN ('new', 'open')"),  # as the index has it
            tickets.c.agent.is_(None),
            tickets.c.department == bindparam("in_department"),
            tickets.c.id != bindparam("but"),
        )
    )
)
