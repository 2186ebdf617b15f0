"""What an errand brought: a file beside its entry, a name where there was none, or words why there is nothing."""

import json
import re
import secrets
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, insert, or_, select, update

from ingest.outbound import File
from ingest.sniff import is_dangerous, other_than, safe_name
from ingest.virus import Scanner, scan
from tickets.blobs import Blobs
from tickets.message import VirusVerdict, clean, identity
from tickets.schema import contacts, entries, files, identities, tickets
from tickets.store import Store

LONGEST_NAME: Final = 200
_ANY: Final = "application/octet-stream"
_WORSE: Final = ("clean", "unknown", "found")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,90}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that lies in the blobs by now: what the attachment is to say of it, and what the scanner says, if there is one."""

    part: dict[str, Any]
    virus: VirusVerdict | None


def examined(row: Any, file: File, blobs: Blobs, scanner: Scanner | None, waited: float) -> Fetched:
    """Keep the bytes of an errand's file and return what they are. Raises `Temporary`, also for a scanner that is awaited.

    `row` is the errand with its entry's `attachments`; `waited` is for how many seconds it has been owed.
    """
    said: dict[str, Any] = json.loads(row.attachments)[row.place]
    name = said.get("filename") or clean(file.filename)
    claimed = said.get("content_type") or _ANY
    told = clean(file.content_type).partition(";")[0].strip().lower()
    if claimed == _ANY and _MEDIA_TYPE.fullmatch(told):
        claimed = told
    sniffed = other_than(claimed, file.data)
    names, virus = scan(scanner, [file.data], waited) if scanner else ([None], None)
    part = {
        **said,
        "filename": name,
        "content_type": claimed,
        "size": len(file.data),
        "sha256": blobs.put(file.data),
        "dangerous": is_dangerous(name, claimed, sniffed),
        "file": secrets.token_hex(16),
    }
    part |= {"sniffed": sniffed} if sniffed else {}
    part |= {"virus": names[0]} if names[0] else {}
    return Fetched(part, virus)


def keep_file(connection: Connection, row: Any, fetched: Fetched, now: float) -> None:
    """Write the file's row, and into its entry what it is."""
    entry, part = _locked(connection, row.entry_id), fetched.part
    kept = {
        "id": part["file"],
        "stored": part["sha256"],
        "filename": safe_name(part["filename"]),
        "content_type": part.get("sniffed") or part["content_type"],
        "size": part["size"],
        "owner": entry.conversation or f"entry:{row.entry_id}",
        "entry_id": row.entry_id,
        "created_at": now,
    }
    connection.execute(insert(files), kept)
    known = json.loads(entry.facts or "{}")
    if fetched.virus is not None and _is_worse(fetched.virus.verdict, known.get("virus", {}).get("verdict")):
        known["virus"] = fetched.virus.model_dump(mode="json", exclude_defaults=True)
    _write(connection, entry, row.place, part, json.dumps(known) if known else None)


def note_missing(connection: Connection, row: Any, words: str) -> None:
    """Write into the entry why a file of it will not come."""
    entry = _locked(connection, row.entry_id)
    said = json.loads(entry.attachments)[row.place]
    _write(connection, entry, row.place, {**said, "missing": words}, entry.facts)


def known_name(store: Store, row: Any) -> str:
    """Return what a sender is called as far as it is known here, or "". Raises `Temporary`."""
    with store.read() as connection:
        return connection.scalar(select(contacts.c.name).where(contacts.c.id == _contact(row).scalar_subquery())) or ""


def keep_name(connection: Connection, row: Any, name: str) -> None:
    """Give a sender a name wherever there is none: the contact, the contact's tickets, what the sender said here."""
    called = " ".join(clean(name).split())[:LONGEST_NAME]
    contact = connection.scalar(_contact(row))
    nameless = ((contacts, contacts.c.id, "name"), (tickets, tickets.c.contact_id, "contact_name"))
    for table, whose, column in nameless:
        connection.execute(update(table).where(whose == contact, table.c[column] == "").values({column: called}))
    here = and_(entries.c.conversation == row.conversation, entries.c.seq.is_not(None))
    said = update(entries).where(or_(entries.c.id == row.entry_id, here))
    connection.execute(said.where(entries.c.author == row.url, entries.c.author_name == "").values(author_name=called))


def _contact(row: Any) -> Select[tuple[int]]:
    """Return the question who the sender of an errand is."""
    space = f"{row.channel}/{row.account}"
    return select(identities.c.contact_id).where(identities.c.space == space, identities.c.value == identity(row.url))


def _is_worse(verdict: str, known: str | None) -> bool:
    return known not in _WORSE or _WORSE.index(verdict) > _WORSE.index(known)


def _locked(connection: Connection, entry_id: int) -> Any:
    """Return the entry; another errand of it waits until this transaction ends."""
    return connection.execute(select(entries).where(entries.c.id == entry_id).with_for_update()).one()


def _write(connection: Connection, entry: Any, place: int, part: dict[str, Any], facts: str | None) -> None:
    parts = json.loads(entry.attachments)
    parts[place] = part
    values = {"attachments": json.dumps(parts), "facts": facts}
    connection.execute(update(entries).where(entries.c.id == entry.id).values(values))
