"""What rules may look up about a message of history: what the mail itself tells, and what the database knows of that moment."""

from typing import Any

from sqlalchemy import Connection, func, select

from router.evidence import MAIL
from router.lookups import MOST_COUNTED, MailHeaders
from tickets.schema import tickets


class FromHistory(MailHeaders):
    """The look-ups about a message, by its row of the inbox and its ticket's; tags and queues of that moment are not kept."""

    def __init__(self, connection: Connection, row: Any, ticket: Any) -> None:
        super().__init__(row.raw if row.conversation.startswith(MAIL) else b"")
        self._connection, self._ticket = connection, ticket

    def earlier_tickets(self) -> int | None:
        """Return how many tickets the contact had before this one, up to a thousand."""
        mine = (tickets.c.contact_id == self._ticket.contact_id, tickets.c.id < self._ticket.id)
        found = select(tickets.c.id).where(*mine).limit(MOST_COUNTED).subquery()
        return self._connection.scalar(select(func.count()).select_from(found))

    def contact_name(self) -> str | None:
        """Return the contact's name, as the ticket has it."""
        return str(self._ticket.contact_name)
