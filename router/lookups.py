"""What rules ask the database for, each looked up once and only when a rule asks."""

from typing import Any

from sqlalchemy import Connection

from router import relatives
from router.event import Lookups
from router.state import State


class _Asking(Lookups):
    """Asks in an open transaction."""

    def __init__(self, connection: Connection, ticket: State) -> None:
        self._connection = connection
        self._ticket = ticket

    def newest_open(self, department: str) -> int | None:
        """Return the newest other ticket of the contact in a department that is not over."""
        return relatives.newest_open(self._connection, self._ticket, department)

    def linked(self, other: int | None) -> int | None:
        """Return the newest ticket of the contact that this one is linked with and that is not over."""
        return relatives.linked(self._connection, self._ticket, other)


def lookups_of(connection: Connection, ticket: State, row: Any = None) -> Lookups:
    """Return the look-ups about a ticket and its contact, in an open transaction; `row` is a message's row of the inbox."""
    del row
    return _Asking(connection, ticket)
