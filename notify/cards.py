"""The rows of the cards that stand in Slack: one for each ticket and place, and when it is to be looked at again.

    none ──reserve──▶ reserved ──posted──▶ standing, due ──follow──▶ standing ──the ticket changes──▶ standing, due
              ▲           │ the reservation ends                        └──Slack has lost it──▶ ended
              └───────────┘                                                 (the next notice posts a new one)

A row is reserved before its card is posted, so that of several notices at once one posts it. While `ts` is empty it is only
reserved: by the note whose key is in `shown`, until `due_at`. Whoever changes a ticket makes its cards due and counts the
attempts from 0 again (router/turn.py); a row that is looked at has a lease in `due_at` and its attempt's number, so a
change meanwhile is not forgotten. `last_error` ends a row.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from config.desk import Desk
from notify.card import Card, button_of
from notify.note import rule_of
from tickets.cards import APART_SECONDS
from tickets.keys import signing_key
from tickets.schema import entries, outbox, tickets
from tickets.schema_told import cards
from tickets.store import Store

RESERVED_SECONDS: Final = 30.0
"""Longer than posting takes, shorter than a lease of the outbox: its own note finds a reservation that died ended."""
LEASE_SECONDS: Final = 60.0

_MEMBER: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
"""A member's id in Slack, as the desk file names an agent."""

_standing: Final = (cards.c.ts != "") & cards.c.last_error.is_(None)
_FREE: Final = or_(
    cards.c.last_error.is_not(None),
    (cards.c.ts == "") & or_(cards.c.due_at <= bindparam("now"), cards.c.shown == bindparam("key")),
)
_TAKEN: Final = {"channel": "", "ts": "", "attempts": 0, "last_error": None}
_RESERVE: Final = {
    one.dialect.name: one.insert(cards)
    .on_conflict_do_update(
        index_elements=["ticket_id", "place"],
        set_={**_TAKEN, "shown": bindparam("key"), "due_at": bindparam("until")},
        where=_FREE,
    )
    .returning(cards.c.id)
    for one in (sqlite, postgresql)
}
_POSTED: Final = {
    one.dialect.name: one.insert(cards).on_conflict_do_update(
        index_elements=["ticket_id", "place"],
        set_={
            **_TAKEN,
            **{name: bindparam(f"new_{name}") for name in ("channel", "ts", "shown", "due_at")},
        },
    )
    for one in (sqlite, postgresql)
}
_DUE: Final = (
    select(cards.c.id)
    .where(cards.c.due_at <= bindparam("now"), _standing)
    .order_by(cards.c.due_at)
    .limit(bindparam("limit"))
)
_CLAIM: Final = (
    update(cards)
    .where(cards.c.id == bindparam("row"), cards.c.due_at <= bindparam("now"), _standing)
    .values(attempts=cards.c.attempts + 1, due_at=bindparam("until"))
)
_TICKET: Final = select(tickets).where(tickets.c.id == bindparam("ticket"))
_SAID: Final = (
    select(entries.c.author_name, entries.c.author, entries.c.text, entries.c.reply_text)
    .where(entries.c.ticket_id == bindparam("ticket"), entries.c.kind == "message", entries.c.deleted_at.is_(None))
    .order_by(entries.c.id.desc())
    .limit(1)
)
_REASON: Final = (
    select(outbox.c.reason)
    .where(
        outbox.c.ticket_id == bindparam("ticket"),
        outbox.c.notifier == "slack",
        outbox.c.address == bindparam("place"),
        outbox.c.state != "suppressed",
    )
    .order_by(outbox.c.id)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A card that stands in Slack: its row, its ticket, the place as the desk file says it, Slack's channel and `ts`.

    `shown` is the digest of what it shows; `attempt` counts the claims since the ticket last changed.
    """

    id: int
    ticket: int
    place: str
    channel: str
    ts: str
    shown: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of one store, as one version of the desk sees it. `clickable` says whether clicks on buttons are heard.

    Everything raises `Temporary` when the database is in trouble; `clock` gives UTC seconds.
    """

    store: Store
    desk: Desk
    clickable: bool = False
    clock: Callable[[], float] = field(default=time.time)

    def standing(self, ticket: int, place: str) -> Standing | None:
        """Return the card of a ticket at a place, if one stands there."""
        with self.store.read() as connection:
            return _one(connection, cards.c.ticket_id == ticket, cards.c.place == place)

    def channel(self, place: str) -> str | None:
        """Return Slack's id of a place where a card has stood, or nothing."""
        known = select(cards.c.channel).where(cards.c.place == place, cards.c.channel != "").limit(1)
        with self.store.read() as connection:
            return connection.execute(known).scalar()

    def reserve(self, ticket: int, place: str, key: str) -> bool:
        """Reserve the place for the note that will post the card; false when another one has it, or a card stands there."""
        now = self.clock()
        row = {"ticket_id": ticket, "place": place, "shown": key, "due_at": now + RESERVED_SECONDS, **_TAKEN}
        asked = {"now": now, "key": key, "until": now + RESERVED_SECONDS}
        with self.store.write() as connection:
            return connection.execute(_RESERVE[connection.dialect.name], {**row, **asked}).first() is not None

    def release(self, ticket: int, place: str, key: str) -> None:
        """Give a reservation back: nothing was posted."""
        mine = (cards.c.ticket_id == ticket) & (cards.c.place == place) & (cards.c.ts == "") & (cards.c.shown == key)
        with self.store.write() as connection:
            connection.execute(delete(cards).where(mine))

    def posted(self, ticket: int, place: str, channel: str, ts: str, shown: str = "") -> None:
        """Write where the card stands. It is looked at once more soon: what changed before this row was there marked nothing."""
        where = {"channel": channel, "ts": ts, "shown": shown, "due_at": self.clock() + APART_SECONDS}
        row = {"ticket_id": ticket, "place": place, "attempts": 0, "last_error": None, **where}
        with self.store.write() as connection:
            new = {f"new_{name}": value for name, value in where.items()}
            connection.execute(_POSTED[connection.dialect.name], {**row, **new})

    def due(self, limit: int) -> list[int]:
        """Return at most `limit` cards to ring for, the longest due first. Ringing takes nothing."""
        with self.store.read() as connection:
            return list(connection.scalars(_DUE, {"now": self.clock(), "limit": limit}))

    def claim(self, row: int) -> Standing | None:
        """Take a card that is due for a minute, or nothing when it is not, or another one has it."""
        now = self.clock()
        with self.store.write() as connection:
            taken = connection.execute(_CLAIM, {"row": row, "now": now, "until": now + LEASE_SECONDS})
            return _one(connection, cards.c.id == row) if taken.rowcount == 1 else None

    def shows(self, card: Standing, shown: str) -> None:
        """Write what a claimed card shows now; when its ticket has changed since the claim it stays due."""
        now = self.clock()
        mine = update(cards).where(cards.c.id == card.id, cards.c.ts == card.ts)
        with self.store.write() as connection:
            connection.execute(mine.values(shown=shown))
            as_claimed = mine.where(cards.c.attempts == card.attempt)
            if connection.execute(as_claimed.values(due_at=None, attempts=0)).rowcount != 1:
                connection.execute(mine.where(cards.c.attempts == 0).values(due_at=now + APART_SECONDS))

    def later(self, card: Standing, seconds: float | None) -> None:
        """Look at a claimed card again after so many seconds; when there are none only once its ticket changes, or has meanwhile."""
        at = None if seconds is None else self.clock() + seconds
        mine = update(cards).where(
            cards.c.id == card.id, cards.c.attempts.in_([card.attempt] if at is None else [card.attempt, 0])
        )
        with self.store.write() as connection:
            connection.execute(mine.values(due_at=at))

    def end(self, card: Standing, why: str) -> None:
        """Write that the card stands there no more."""
        with self.store.write() as connection:
            mine = update(cards).where(cards.c.id == card.id, cards.c.ts == card.ts)
            connection.execute(mine.values(due_at=None, last_error=why[:1_000]))

    def card(self, ticket: int, place: str) -> Card:
        """Return a ticket as its card at a place shows it now."""
        key = signing_key(self.store)
        with self.store.read() as connection:
            row = connection.execute(_TICKET, {"ticket": ticket}).one()
            said = connection.execute(_SAID, {"ticket": ticket}).first()
            reason = connection.execute(_REASON, {"ticket": ticket, "place": place}).scalar() or ""
        department = self.desk.departments_by_id.get(row.department)
        agent = self.desk.agents_by_id.get(row.agent)
        address = row.contact_address if row.contact_address != row.contact_name else ""
        return Card(
            number=ticket,
            subject=row.subject,
            customer=f"{row.contact_name} <{address}>" if row.contact_name and address else row.contact_name or address,
            channel=row.channel,
            department=department.name if department else row.department,
            agent=agent.name if agent else row.agent,
            priority=row.priority,
            author=(said.author_name or said.author) if said else "",
            text=((said.reply_text or "").strip() or said.text) if said else "",
            reason=reason,
            status=row.status,
            due=row.sla_due_at,
            button=button_of(key, ticket) if self.clickable else None,
            link=f"{self.desk.desk.url}/tickets/{ticket}" if self.desk.desk.url else None,
            replies=department.slack_replies if self.clickable and department else None,
            hidden=self._hidden(row.department, place, reason),
        )

    def _hidden(self, department: str, place: str, reason: str) -> str | None:
        """Return why a place sees nothing more of a ticket, or nothing: it has gone to another department, or its agent is gone."""
        agent = next((one for one in self.desk.agents if one.slack == place), None)
        if agent is None and _MEMBER.fullmatch(place):
            return "This ticket is not shown here any more."
        if rule_of(reason) is not None or len(self.desk.agents) == 1:
            return None
        found = self.desk.departments_by_id.get(department)
        gone = f"This ticket is in {found.name if found else department} now."
        if agent is not None:
            return None if agent.id in self.desk.members(department) else gone
        ours = [one.id for one in self.desk.departments if one.slack_channel == place]
        return gone if ours and department not in ours else None


def _one(connection: Connection, *where: Any) -> Standing | None:
    row = connection.execute(select(cards).where(*where, _standing)).first()
    return (
        None
        if row is None
        else Standing(row.id, row.ticket_id, row.place, row.channel, row.ts, row.shown, row.attempts)
    )
