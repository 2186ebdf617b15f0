"""The sweep of blobs that no row names: those of processes that died, and of mails that were kept already.

It goes in two steps, at least a day apart. What no row names is set aside, where readers still find it; it is forgotten
when there is still no row a day later, and put back when there is. So it does no harm that somebody keeps the same bytes
in the same moment, on whatever machine: bytes that were set aside are written anew, and those that were relied upon before
have their row long before they are forgotten.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator

import structlog
from sqlalchemy import or_, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from tickets.blobs import ASIDE, Blobs
from tickets.schema import files, inbox
from tickets.schema import secrets as kept_secrets
from tickets.store import Store
from tickets.trouble import Temporary

SHARDS = 256
DAY = 86_400.0
UNSAID = 30 * DAY
"""How long a file that was handed in may wait for its message: as long as a row may lie in the inbox, and longer."""
TURN_SECONDS = 300.0
"""One shard at a time: all of them take 21 hours."""

OWNER = "blobs"
"""Under this name lies the signature of the database the shelf belongs to."""

log = structlog.get_logger()


class ForeignShelfError(Exception):
    """The blobs here are named by the rows of another database."""


_SIGNATURE = select(kept_secrets.c.value).where(kept_secrets.c.name == OWNER)


def sweep(store: Store, blobs: Blobs, shard: int, now: float) -> int:
    """Look at one of `SHARDS` parts of the shelf and return how many blobs were forgotten. Raises `Temporary`.

    What came within the last day is left alone. Several processes may sweep at once, and a sweep that dies is gone on with
    by the next one. Raises `ForeignShelfError` for the shelf of another database, whose rows are not known here.
    """
    found = list(blobs.shelf.listing(f"{shard:02x}"))
    if found:
        _own(store, blobs)
    old = [name for name, since in found if since < now - DAY]
    forgotten = 0
    for begin in range(0, len(old), 200):
        names = old[begin : begin + 200]
        named = _named(store, {name.partition(".")[0] for name in names}, now)
        for name in names:
            digest, _, suffix = name.partition(".")
            if not suffix:
                if digest not in named:
                    blobs.set_aside(digest)
            elif name == digest + ASIDE and digest in named:
                blobs.put_back(digest)
            else:  # nobody's for two days, or left half written
                blobs.shelf.remove(name)
                forgotten += 1
    return forgotten


def _own(store: Store, blobs: Blobs) -> None:
    """See that the shelf is this database's: the first to sweep it signs it."""
    with store.read() as connection:
        ours = connection.scalar(_SIGNATURE)
    if ours is None:
        made = {"name": OWNER, "value": secrets.token_hex(16).encode()}
        with store.write() as connection:
            dialect = sqlite if store.sqlite else postgresql
            connection.execute(dialect.insert(kept_secrets).on_conflict_do_nothing(), made)
            ours = connection.scalar(_SIGNATURE)
    theirs = blobs.shelf.read(OWNER)
    if theirs is None:
        blobs.shelf.keep(OWNER, ours or b"")
    elif theirs != ours:
        raise ForeignShelfError(
            f"{blobs.shelf.name} belongs to another database; set FRONTDESK_BLOBS to a place of its own"
        )


def _named(store: Store, digests: set[str], now: float) -> set[str]:
    """Return those that a mail names or a file: one that was said with something, or was handed in lately."""
    wanted = or_(files.c.entry_id.is_not(None), files.c.created_at > now - UNSAID)
    mails = select(inbox.c.stored).where(inbox.c.stored.in_(digests))
    handed_in = select(files.c.stored).where(files.c.stored.in_(digests), wanted)
    with store.read() as connection:
        return {one for one in connection.scalars(union_all(mails, handed_in)) if one}


@contextlib.contextmanager
def sweeping(store: Store, blobs: Blobs) -> Iterator[None]:
    """Sweep one shard every `TURN_SECONDS`, in a thread of its own: a slow shelf must not hold up the clock."""
    ended = threading.Event()

    def turns() -> None:
        while not ended.wait(TURN_SECONDS):
            now = time.time()
            try:
                forgotten = sweep(store, blobs, int(now / TURN_SECONDS) % SHARDS, now)
            except (Temporary, ForeignShelfError) as error:
                log.warning("the blobs cannot be swept, the next turn tries again", error=str(error))
            except Exception:  # whatever the defect, the next shard may be fine
                log.exception("the blobs cannot be swept, the next turn tries again")
            else:
                if forgotten:
                    log.info("blobs that nobody names were forgotten", blobs=forgotten)

    thread = threading.Thread(target=turns, name="blobs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
