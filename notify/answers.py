"""Answers to customers through the channel they wrote in: piece by piece, each written down as soon as it is accepted.

When the process dies between two pieces, the next attempt goes on behind the last one that was written down; when it dies
between a piece's acceptance and that, the piece goes out once more, with the same key where the platform takes one.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from config.desk import ChannelConfig, Desk
from notify.note import Note
from notify.question import question
from tickets.blobs import Blobs, LostBlobError
from tickets.keys import signing_key
from tickets.reply import RATING_ASKED, Reply, Upload
from tickets.schema import conversations, entries, files, pieces
from tickets.store import Store
from tickets.trouble import Permanent, Temporary

Send = Callable[[ChannelConfig, Reply], Iterator[str]]
"""Sends an answer through a channel and yields the provider's id of each accepted piece; raises `Temporary` or `Permanent`."""

_ANSWER: Final = (
    select(entries.c.text, entries.c.facts, conversations)
    .join(conversations, conversations.c.key == entries.c.conversation)
    .where(entries.c.id == bindparam("entry"))
)
_DONE: Final = select(pieces.c.external_id).where(pieces.c.outbox_id == bindparam("row")).order_by(pieces.c.place)
_FILES: Final = select(files).where(files.c.entry_id == bindparam("entry")).order_by(files.c.created_at, files.c.id)
_PIECE: Final = {
    dialect.dialect.name: dialect.insert(pieces).on_conflict_do_nothing() for dialect in (sqlite, postgresql)
}


@dataclass(frozen=True, slots=True)
class Answers:
    """The way `channel` of the outbox. `clock` gives UTC seconds."""

    store: Store
    desk: Desk
    blobs: Blobs
    through: Send
    clock: Callable[[], float] = time.time

    def send(self, note: Note) -> str:
        """Send the answer that a row owes and return the provider's id of its first piece; raises like every notifier."""
        key = signing_key(self.store) if note.event == RATING_ASKED else b""
        with self.store.read() as connection:
            row = connection.execute(_ANSWER, {"entry": note.entry_id}).one()
            text = question(connection, self.desk, note, row, key).text if key else row.text
            done = tuple(connection.scalars(_DONE, {"row": note.id}))
            attached = files_of(connection, note.entry_id)
        config = self.desk.channels_by_name.get(row.channel)
        if config is None:
            raise Temporary(f"the desk file has no channel {row.channel!r}")
        reply = Reply(
            key=note.key,
            account=row.account,
            conversation=row.name,
            to=row.customer,
            text=text,
            now=self.clock(),
            attachments=uploads(self.blobs, attached),
            answers=row.answers,
            heard_at=row.heard_at,
            handle=json.loads(row.handle),
            done=done,
        )
        ids = list(done)
        for external_id in self.through(config, reply):
            ids.append(external_id or f"{note.key}.{len(ids)}")
            self._note(note, f"{row.channel}/{row.account}", ids[-1], len(ids) - 1)
        return ids[0] if ids else note.key

    def describe(self) -> str:
        """Return in a few words where it sends."""
        return "answers → the channels they belong to"

    def close(self) -> None:
        """Nothing is kept open."""

    def _note(self, note: Note, space: str, external_id: str, place: int) -> None:
        row = {
            "space": space,
            "external_id": external_id,
            "outbox_id": note.id,
            "entry_id": note.entry_id,
            "place": place,
            "state": "sent",
            "trouble": None,
            "sent_at": self.clock(),
        }
        with self.store.write() as connection:
            connection.execute(_PIECE[connection.dialect.name], row)


def files_of(connection: Connection, entry_id: int | None) -> Sequence[Any]:
    """Return the rows of the files that go along with an answer."""
    return connection.execute(_FILES, {"entry": entry_id}).all()


def uploads(blobs: Blobs, rows: Sequence[Any]) -> tuple[Upload, ...]:
    """Return rows of `files` with their bytes; raises `Permanent` when some are lost, `Temporary` when nobody can tell."""
    return tuple(_upload(blobs, row) for row in rows)


def _upload(blobs: Blobs, row: Any) -> Upload:
    try:
        return Upload(row.filename, row.content_type, blobs.get(row.stored))
    except LostBlobError as error:
        raise Permanent(f"the file {row.filename!r} of this answer is lost: {error}") from error
