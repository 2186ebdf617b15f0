"""An attachment's bytes: out of the kept mail, or from the blobs where a file of a platform, a chat or an answer lies."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from ingest.mail.read import contents
from ingest.sniff import is_shown, safe_name
from tickets.blobs import Blobs
from tickets.schema import files
from tickets.store import Store


@dataclass(frozen=True, slots=True)
class Served:
    """An attachment to give out. `inline` says whether a page may show it; what may not be is only ever saved.

    `name` is safe to save under; `content_type` is what the bytes are, and nothing a browser would run.
    """

    name: str
    content_type: str
    inline: bool
    data: bytes


def served(raw: bytes, said: Mapping[str, Any]) -> Served:
    """Return an attachment of a mail as it stands in the ticket's entry (`said`), found by its SHA-256.

    So a later version, which may count parts otherwise, gives out the same bytes. Raises `LookupError` with the reason when
    the mail does not hold it: on other channels than mail a file is only named.
    """
    wanted = said.get("sha256")
    data = next((one for one in contents(raw) if sha256(one).hexdigest() == wanted), None) if wanted else None
    if data is None:
        raise LookupError(said.get("missing") or "the message names this file and does not hold it")
    return _served(said, data)


def lying(store: Store, blobs: Blobs, entry_id: int, file_id: str, said: Mapping[str, Any]) -> Served:
    """Return an attachment that lies by itself, as the file `file_id` of the entry.

    Raises `LookupError` with the reason when the entry has no such file, `LostBlobError`, and `Temporary`.
    """
    with store.read() as connection:
        stored = connection.scalar(select(files.c.stored).where(files.c.id == file_id, files.c.entry_id == entry_id))
    if stored is None:
        raise LookupError("the file is not there")
    return _served(said, blobs.get(stored))


def _served(said: Mapping[str, Any], data: bytes) -> Served:
    kind = str(said.get("sniffed") or said.get("content_type"))
    harmless = not said.get("dangerous") and not said.get("virus")
    return Served(
        name=safe_name(str(said.get("filename", ""))),
        content_type=kind if harmless else "application/octet-stream",
        inline=harmless and is_shown(kind),
        data=data,
    )
