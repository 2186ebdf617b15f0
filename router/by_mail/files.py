"""The files of an agent's mail, which go along with the answer."""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert

from config.desk import Desk
from ingest.mail.read import contents
from ingest.mail.sealed import key_ring
from ingest.sniff import safe_name
from router.answer import MOST_FILES
from router.by_mail.commands import Refused
from tickets.blobs import Blobs
from tickets.message import Attachment, InboundMessage
from tickets.schema import files

_SIGNATURES = frozenset(
    {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
        "application/pgp-keys",
        "text/vcard",
        "text/x-vcard",
    }
)
"""What mail programs add by themselves."""


def going_along(message: InboundMessage) -> list[int]:
    """Return the places of the attachments that are sent on: not pictures of the text or the signature, nor keys and cards."""
    return [at for at, one in enumerate(message.attachments) if not _part_of_text(one)]


def _part_of_text(one: Attachment) -> bool:
    return one.inline or one.content_id is not None or one.content_type in _SIGNATURES


def keep(blobs: Blobs | None, raw: bytes, message: InboundMessage, desk: Desk) -> list[dict[str, Any]]:
    """Keep the files that go along, durable on return, and return a row for each; raises `Refused`, `Temporary`.

    Until the rows are written no row names the blobs, and the sweep takes them away.
    """
    places = going_along(message)
    if not places:
        return []
    if blobs is None:
        raise Refused("This desk has no place for the files of a mail. Send it without them")
    if len(places) > MOST_FILES:
        raise Refused(f"An answer has at most {MOST_FILES} files")
    if infected := next((one for at in places if (one := message.attachments[at]).virus), None):
        raise Refused(f'"{safe_name(infected.filename)}" is infected ({infected.virus}) and was not sent')
    data = contents(raw, key_ring(desk.desk.decryption))
    return [
        {
            "id": secrets.token_hex(16),
            "stored": blobs.put(data[at]),
            "filename": safe_name(message.attachments[at].filename),
            "content_type": message.attachments[at].content_type,
            "size": len(data[at]),
        }
        for at in places
    ]


def hand_in(connection: Connection, rows: Sequence[dict[str, Any]], agent: str, now: float) -> list[str]:
    """Write the rows in the open transaction, as an agent's files that belong to nothing yet, and return their ids."""
    if rows:
        whole = {"owner": f"agent:{agent}", "entry_id": None, "created_at": now}
        connection.execute(insert(files), [{**row, **whole} for row in rows])
    return [row["id"] for row in rows]
