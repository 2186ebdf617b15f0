"""Files that were handed in before the message they belong to: a visitor's uploads, an agent's attachments."""

from collections.abc import Iterable

from sqlalchemy import Connection, update

from tickets.message import InboundMessage
from tickets.schema import files

UPLOADED = "chat:"
"""The beginning of an attachment's URL that names a row of `files`."""


def claim(connection: Connection, entry_id: int, owner: str, message: InboundMessage) -> None:
    """Note which uploads belong to the entry; those of another conversation, `owner`, are nobody's to give away."""
    named = [one.url.removeprefix(UPLOADED) for one in message.attachments if one.url and one.url.startswith(UPLOADED)]
    belong(connection, entry_id, owner, named)


def belong(connection: Connection, entry_id: int, owner: str, ids: Iterable[str]) -> None:
    """Note that files of an owner belong to an entry; one that belongs to another already stays there."""
    if wanted := list(ids):
        mine = update(files).where(files.c.id.in_(wanted), files.c.owner == owner, files.c.entry_id.is_(None))
        connection.execute(mine.values(entry_id=entry_id))
