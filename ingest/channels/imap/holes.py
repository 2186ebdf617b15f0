"""Reconciliation: what the server has and we do not."""

import asyncio
import time
from dataclasses import dataclass

from ingest import mailbox
from ingest.channels.imap.config import Config
from ingest.channels.imap.session import Facts, Session
from ingest.mail.read import parse_mail
from ingest.mailbox import Place, State
from tickets.look import moment
from tickets.store import Store

ASKED = 100


@dataclass(frozen=True, slots=True)
class Hole:
    """A mail on the server that is no row here, as its server and its headers describe it, and why."""

    uid: int
    uidvalidity: int
    date: str | None
    sender: str
    subject: str
    message_id: str
    size: int
    reason: str


async def find(store: Store, session: Session, place: Place, state: State, config: Config) -> list[int]:
    """Return the UIDs of an open folder that are no rows of the inbox, ascending.

    What somebody deleted is none, and what a first run was told to skip is none.
    """
    there = await session.uids("ALL")
    here = await asyncio.to_thread(mailbox.kept, store, place, state.uidvalidity)
    holes = [uid for uid in there if uid not in here]
    if config.history == "skip" and state.history_to is None:  # the old numbers say nothing any more, the dates do
        day = time.strftime("%d-%b-%Y", time.gmtime(state.began_at - 86_400))
        recent = set(await session.uids(f"SINCE {day}"))
        facts = await _facts(session, [uid for uid in holes if uid in recent])
        holes = [one.uid for one in facts if not state.is_history(one.uid, one.received_at)]
    elif config.history == "skip":
        holes = [uid for uid in holes if not state.is_history(uid, 0)]
    met = await asyncio.to_thread(mailbox.troubles, store, place, state.uidvalidity)
    if deleted := met.keys() - set(there):
        await asyncio.to_thread(mailbox.gone, store, place, state.uidvalidity, deleted)
    return holes


async def describe(store: Store, session: Session, place: Place, state: State, uids: list[int]) -> list[Hole]:
    """Return what is known of holes; one the server no longer tells about is left out."""
    met = await asyncio.to_thread(mailbox.troubles, store, place, state.uidvalidity)
    found = []
    for start in range(0, len(uids), ASKED):
        these = uids[start : start + ASKED]
        heads = await session.heads(these)
        for fact in await session.facts(these):
            said = parse_mail(heads.get(fact.uid, b""))
            waits = "it waits to be fetched" if fact.uid > state.uid else "it was not fetched"
            found.append(
                Hole(
                    uid=fact.uid,
                    uidvalidity=state.uidvalidity,
                    date=moment(fact.received_at or None),
                    sender=said.sender.id,
                    subject=said.subject,
                    message_id=said.external_id if b"message-id" in heads.get(fact.uid, b"").lower() else "",
                    size=fact.size,
                    reason=met.get(fact.uid) or waits,
                )
            )
    return found


async def _facts(session: Session, uids: list[int]) -> list[Facts]:
    parts = [await session.facts(uids[start : start + ASKED]) for start in range(0, len(uids), ASKED)]
    return [fact for part in parts for fact in part]
