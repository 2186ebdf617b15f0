"""The files of a chat: handed in before the message they belong to, and given out to the conversation they belong to."""

import secrets
import time
from asyncio import to_thread
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from sqlalchemy import func, insert, select

from ingest.channel import Refused
from ingest.channels.chat.config import Uploads
from ingest.channels.chat.session import Frame, Session
from ingest.limits import counted_address
from ingest.sniff import is_dangerous, is_shown, safe_name, sniff
from tickets.schema import entries, files
from tickets.store import Store

WAITING_TIMES: Final = 4
"""So many messages' worth of files may wait for their message."""
LONGEST_NAME: Final = 1000


@dataclass(frozen=True, slots=True)
class Given:
    """A file to give out; `shown` where a page may show it, else it is only saved."""

    data: bytes
    name: str
    content_type: str
    shown: bool


async def may_hand_in(session: Session) -> None:
    """Return when a visitor may hand in a file now; raises `Refused`, before a byte of it is read."""
    if not session.config.upload.most_files:
        raise Refused(403, "this channel takes no files")
    rate = session.config.limits.files
    seconds = await session.wait(
        (rate, "files", session.visitor.id), (rate, "files from", counted_address(session.address))
    )
    if seconds is not None:
        raise Refused(429, "that was too much at once; try again in a while", int(seconds))


async def hand_in(session: Session, name: str, data: bytes) -> Frame:
    """Keep a file and return what is known of it, by its bytes and nobody's word; raises `Refused` and `Temporary`."""
    filename = safe_name(unquote(name[:LONGEST_NAME]))
    kind = _kind(data)
    if not data:
        raise Refused(422, "the file is empty")
    if is_dangerous(filename, kind):
        raise Refused(415, "files that a machine would run are not taken")
    if not _is_taken(session.config.upload, kind):
        raise Refused(
            415, f"files of the type {kind} are not taken; these are: {', '.join(session.config.upload.types)}"
        )
    return await to_thread(_keep, session, filename, kind, data)


def _keep(session: Session, filename: str, kind: str, data: bytes) -> Frame:
    front, number, waits = (
        session.hall.front,
        secrets.token_urlsafe(16),
        (files.c.owner == session.key, files.c.entry_id.is_(None)),
    )
    if front.scanner is not None and (found := front.scanner.scan([data])[0]):
        raise Refused(415, f"a scanner found {found} in the file; it was not kept")
    with front.store.read() as connection:
        waiting = connection.scalar(select(func.count()).select_from(files).where(*waits)) or 0
    if waiting >= session.config.upload.most_files * WAITING_TIMES:
        raise Refused(409, "too many files wait for their message; send them first")
    row = {"id": number, "stored": front.blobs.put(data), "filename": filename, "content_type": kind, "size": len(data)}
    with front.store.write() as connection:
        connection.execute(insert(files), {**row, "owner": session.key, "entry_id": None, "created_at": time.time()})
    return {"id": number, "name": filename, "type": kind, "size": len(data)}


def _kind(data: bytes) -> str:
    """Return the media type of bytes: what they begin like, or text where they are nothing but that."""
    found = sniff(data)
    if found is not None:
        return found
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if "\0" in text else "text/plain"


def _is_taken(upload: Uploads, kind: str) -> bool:
    return not upload.types or kind in upload.types or f"{kind.partition('/')[0]}/*" in upload.types


def belongs(store: Store, file: str, key: str) -> bool:
    """Tell whether a file is of a conversation: handed in there, or part of a line of it; raises `Temporary`."""
    own = select(files.c.id).where(files.c.id == file, files.c.owner == key)
    said = select(files.c.id).join(entries, entries.c.id == files.c.entry_id)
    said = said.where(files.c.id == file, entries.c.conversation == key, entries.c.seq.is_not(None))
    with store.read() as connection:
        return connection.scalar(own) is not None or connection.scalar(said) is not None


def given(session_store: Store, blobs: Any, file: str) -> Given | None:
    """Return a file that whoever asks may have, or nothing when it is not there; raises `Temporary` and `LostBlobError`."""
    with session_store.read() as connection:
        row = connection.execute(select(files).where(files.c.id == file)).first()
    if row is None:
        return None
    shown = row.content_type.startswith("image/") and is_shown(row.content_type)
    return Given(blobs.get(row.stored), row.filename, row.content_type, shown)
