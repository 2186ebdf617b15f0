"""What we know of each mailbox folder: how far it was read, what became of every UID, who watches it.

The row of `mailboxes` is the cursor and the lease, the rows of `mailbox_uids` are the account of every mail: kept as a row
of the inbox, or a hole with its trouble. All functions are one short transaction and raise `Temporary`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tickets.schema import mailbox_uids, mailboxes
from tickets.store import Store

_INSERT = {dialect.dialect.name: dialect.insert for dialect in (sqlite, postgresql)}


@dataclass(frozen=True, slots=True)
class Place:
    """One folder of one channel."""

    channel: str
    folder: str


@dataclass(frozen=True, slots=True)
class State:
    """How far a folder was read in its present UIDVALIDITY, and what in it is history: there before the first run.

    History is every UID up to `history_to`; without that number every mail the server got before `began_at`.
    """

    uidvalidity: int
    uid: int
    history_to: int | None
    began_at: float
    changed: bool = False

    def is_history(self, uid: int, received_at: float) -> bool:
        """Tell whether a mail was there before the first run; `received_at` is its INTERNALDATE in UTC seconds."""
        return received_at < self.began_at if self.history_to is None else uid <= self.history_to


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of one UID: a row of the inbox and what is still owed on the server, or else the trouble with it."""

    uid: int
    inbox_id: int | None = None
    owed: str | None = None
    trouble: str | None = None


def hold(store: Store, place: Place, holder: str, now: float, until: float) -> bool:
    """Take or renew the right to watch the folder until a moment (UTC seconds); false while somebody else has it."""
    with store.write() as connection:
        row = {"channel": place.channel, "folder": place.folder, "uidvalidity": 0, "uid": 0, "holes": 0}
        connection.execute(_INSERT[connection.dialect.name](mailboxes).values(row).on_conflict_do_nothing())
        free = or_(mailboxes.c.holder.is_(None), mailboxes.c.holder == holder, mailboxes.c.held_until < now)
        held = update(mailboxes).where(_is(place), free).values(holder=holder, held_until=until)
        return connection.execute(held).rowcount == 1


def release(store: Store, place: Place, holder: str) -> None:
    """Let somebody else watch the folder at once."""
    with store.write() as connection:
        mine = update(mailboxes).where(_is(place), mailboxes.c.holder == holder)
        connection.execute(mine.values(holder=None, held_until=None))


def opened(store: Store, place: Place, uidvalidity: int, last_uid: int, now: float) -> State:
    """Return how far the folder was read, now that it shows this UIDVALIDITY and `last_uid` as its newest UID.

    The first time everything in it is history. When UIDVALIDITY changed, all UIDs are new ones and are read again from
    the first; the digests of the mails in the inbox keep that from making duplicates.
    """
    with store.write() as connection:
        row = connection.execute(select(mailboxes).where(_is(place))).one_or_none()
        if row is not None and row.uidvalidity == uidvalidity:
            return State(uidvalidity, row.uid, row.history_to, row.began_at)
        changed = row is not None and row.uidvalidity != 0
        state = State(
            uidvalidity,
            uid=0,
            history_to=None if changed else last_uid,
            began_at=row.began_at if changed and row is not None else float(int(now)),  # INTERNALDATE has whole seconds
            changed=changed,
        )
        values = {"uidvalidity": uidvalidity, "uid": 0, "history_to": state.history_to, "began_at": state.began_at}
        connection.execute(
            _INSERT[connection.dialect.name](mailboxes)
            .values(channel=place.channel, folder=place.folder, holes=0, **values)
            .on_conflict_do_update(index_elements=[mailboxes.c.channel, mailboxes.c.folder], set_=values)
        )
        old = and_(mailbox_uids.c.channel == place.channel, mailbox_uids.c.folder == place.folder)
        connection.execute(delete(mailbox_uids).where(old))
        return state


def note(store: Store, place: Place, uidvalidity: int, noted: Sequence[Noted], read_to: int = 0) -> None:
    """Write down what became of UIDs and, in the same transaction, that the folder was read up to `read_to`."""
    with store.write() as connection:
        if noted:
            insert = _INSERT[connection.dialect.name](mailbox_uids)
            fresh = {name: insert.excluded[name] for name in ("inbox_id", "trouble", "owed")}
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=list(mailbox_uids.primary_key.columns),
                    set_=fresh,
                    where=mailbox_uids.c.inbox_id.is_(None),  # what is kept does not become a hole again
                ),
                [_row(place, uidvalidity, one) for one in noted],
            )
        further = and_(_is(place), mailboxes.c.uidvalidity == uidvalidity, mailboxes.c.uid < read_to)
        connection.execute(update(mailboxes).where(further).values(uid=read_to))


def _row(place: Place, uidvalidity: int, noted: Noted) -> dict[str, Any]:
    return {
        "channel": place.channel,
        "folder": place.folder,
        "uidvalidity": uidvalidity,
        "uid": noted.uid,
        "inbox_id": noted.inbox_id,
        "trouble": noted.trouble,
        "owed": noted.owed,
    }


def owed(store: Store, place: Place, uidvalidity: int) -> dict[str, list[int]]:
    """Return what is still to be done on the server, and with which UIDs: what a process that died left undone."""
    with store.read() as connection:
        rows = connection.execute(
            select(mailbox_uids.c.owed, mailbox_uids.c.uid)
            .where(_uids(place, uidvalidity), mailbox_uids.c.owed.is_not(None))
            .order_by(mailbox_uids.c.uid)
        ).all()
    found: dict[str, list[int]] = {}
    for what, uid in rows:
        found.setdefault(what, []).append(uid)
    return found


def done(store: Store, place: Place, uidvalidity: int, uids: Collection[int]) -> None:
    """Write down that the server did what was owed."""
    with store.write() as connection:
        _each(connection, update(mailbox_uids).values(owed=None), place, uidvalidity, uids)


def gone(store: Store, place: Place, uidvalidity: int, uids: Collection[int]) -> None:
    """Forget holes that somebody deleted on the server."""
    with store.write() as connection:
        _each(connection, delete(mailbox_uids).where(mailbox_uids.c.inbox_id.is_(None)), place, uidvalidity, uids)


def _each(connection: Connection, statement: Any, place: Place, uidvalidity: int, uids: Collection[int]) -> None:
    listed = list(uids)
    for start in range(0, len(listed), 500):
        these = mailbox_uids.c.uid.in_(listed[start : start + 500])
        connection.execute(statement.where(_uids(place, uidvalidity), these))


def kept(store: Store, place: Place, uidvalidity: int) -> set[int]:
    """Return the UIDs that are rows of the inbox."""
    with store.read() as connection:
        here = select(mailbox_uids.c.uid).where(_uids(place, uidvalidity), mailbox_uids.c.inbox_id.is_not(None))
        return set(connection.scalars(here))


def troubles(store: Store, place: Place, uidvalidity: int) -> dict[int, str]:
    """Return the holes that were met, and what was wrong with each."""
    with store.read() as connection:
        rows = connection.execute(
            select(mailbox_uids.c.uid, mailbox_uids.c.trouble).where(
                _uids(place, uidvalidity), mailbox_uids.c.inbox_id.is_(None)
            )
        )
        return {row.uid: row.trouble or "" for row in rows}


def checked(store: Store, place: Place, holes: int, now: float) -> None:
    """Write down how many holes a reconciliation found."""
    with store.write() as connection:
        connection.execute(update(mailboxes).where(_is(place)).values(holes=holes, checked_at=now))


def heard(store: Store, place: Place, now: float) -> None:
    """Write down that the server answered."""
    with store.write() as connection:
        connection.execute(update(mailboxes).where(_is(place)).values(seen_at=now, trouble=None))


def troubled(store: Store, place: Place, words: str) -> None:
    """Write down why the server cannot be asked."""
    with store.write() as connection:
        connection.execute(update(mailboxes).where(_is(place)).values(trouble=words))


@dataclass(frozen=True, slots=True)
class Health:
    """How a watched folder is: when its server last answered (UTC seconds), its trouble, its holes."""

    place: Place
    seen_at: float | None
    trouble: str | None
    holes: int


def health(store: Store) -> list[Health]:
    """Return how the folders are that somebody watches; one that was taken out of the desk file is watched by nobody."""
    with store.read() as connection:
        rows = connection.execute(
            select(mailboxes).where(mailboxes.c.holder.is_not(None)).order_by(mailboxes.c.channel, mailboxes.c.folder)
        ).all()
    return [Health(Place(row.channel, row.folder), row.seen_at, row.trouble, row.holes) for row in rows]


def _is(place: Place) -> ColumnElement[bool]:
    return and_(mailboxes.c.channel == place.channel, mailboxes.c.folder == place.folder)


def _uids(place: Place, uidvalidity: int) -> ColumnElement[bool]:
    return and_(
        mailbox_uids.c.channel == place.channel,
        mailbox_uids.c.folder == place.folder,
        mailbox_uids.c.uidvalidity == uidvalidity,
    )
