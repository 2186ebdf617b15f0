"""What customers say of a ticket that was resolved: kept for the reports, and an event for the rules and the agent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from router.book import Shelf
from router.event import Change
from router.hold import hold
from router.staff import staff_of
from router.ticket import Pen
from router.turn import Turn
from tickets.message import Rating, clean
from tickets.presence import away_since
from tickets.rating import CHANGEABLE_SECONDS, LASTS_SECONDS, Score
from tickets.schema import tickets
from tickets.schema_told import ratings
from tickets.store import Store

LONGEST_COMMENT: Final = 2_000
_SCORES: Final[dict[str, Score]] = {"good": "positive", "bad": "negative"}
_MOST_HOPS: Final = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """A rating as its customer may see it: what it is of, what was said, and whether that may still be said otherwise.

    `ticket` and `notices` are where it stands and what to ring for, once it was changed.
    """

    subject: str
    score: str | None
    comment: str
    open: bool
    ticket: int = 0
    notices: tuple[int, ...] = ()


class Satisfaction:
    """The ratings of one store, by the desk of the moment. `clock` gives UTC seconds."""

    def __init__(self, store: Store, shelf: Shelf, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._shelf = shelf
        self._clock = clock

    def look(self, rating: int) -> Asked | None:
        """Return a rating; nothing when there is none, or its link is too old. Raises `Temporary`."""
        with self._store.read() as connection:
            row = _row(connection, rating)
            return None if row is None or self._gone(row) else self._asked(connection, row)

    def rate(self, rating: int, score: Score, comment: str) -> Asked | None:
        """Keep what the customer says, tell whom it concerns, and return it; nothing like `look`. Raises `Temporary`.

        Once it cannot be changed any more it is returned as it stands. Saying the same again changes nothing.
        """
        book, now, absent = self._shelf.book(), self._clock(), away_since(self._store)
        comment = clean(comment).strip()[:LONGEST_COMMENT]
        with self._store.write() as connection:
            row = _row(connection, rating)
            if row is None or self._gone(row):
                return None
            state = hold(connection, _survivor(connection, row.ticket_id))
            row = _row(connection, rating)  # as it is now that nobody else is at it
            if state is None or row is None or not self._open(row):
                return None if row is None else self._asked(connection, row)
            if (row.score, row.comment or "") == (score, comment):
                return self._asked(connection, row)
            first = now if row.rated_at is None else row.rated_at
            said = {"score": score, "comment": comment or None, "rated_at": first, "changed_at": now}
            connection.execute(update(ratings).where(ratings.c.id == rating).values(**said))
            turn = Turn(Pen(connection, None, now), book, staff_of(connection, book.desk, now, absent), state)
            _, written = turn.take([rated(score, comment, rating)], text=comment)
            return Asked(_subject(connection, row), score, comment, True, state.number or 0, tuple(written.rings))

    def _asked(self, connection: Connection, row: Any) -> Asked:
        return Asked(_subject(connection, row), row.score, row.comment or "", self._open(row))

    def _open(self, row: Any) -> bool:
        return row.rated_at is None or self._clock() <= row.rated_at + CHANGEABLE_SECONDS

    def _gone(self, row: Any) -> bool:
        return row.rated_at is None and self._clock() > row.resolved_at + LASTS_SECONDS


def rated(score: Score, comment: str, rating: int) -> Change:
    """Return the line of the history that says so."""
    return Change(
        "ticket.rated", "customer", {"score": score, **({"comment": comment} if comment else {}), "rating": rating}
    )


_INSERT: Final = {one.dialect.name: one.insert(ratings) for one in (sqlite, postgresql)}


def rated_there(connection: Connection, ticket: Any, said: Rating, now: float) -> list[Change]:
    """Keep what a customer says in a chat or on a platform of a ticket (its row), and return the lines of its history.

    It is of the last time the ticket was resolved, or of the whole of it while it is not. None when it comes too late to
    change what was said before.
    """
    score, comment = _SCORES[said.score], said.comment[:LONGEST_COMMENT]
    insert = _INSERT[connection.dialect.name].values(
        ticket_id=ticket.id,
        resolved_at=ticket.resolved_at or ticket.created_at,
        department=ticket.department,
        agent=ticket.agent,
        score=score,
        comment=comment or None,
        rated_at=now,
        changed_at=now,
    )
    new, old = insert.excluded, ratings.c
    kept = insert.on_conflict_do_update(
        index_elements=[old.ticket_id, old.resolved_at],
        set_={
            "score": new.score,
            "comment": new.comment,
            "rated_at": func.coalesce(old.rated_at, new.rated_at),
            "changed_at": new.changed_at,
        },
        where=or_(old.rated_at.is_(None), old.rated_at >= now - CHANGEABLE_SECONDS),
    ).returning(old.id)
    rating: int | None = connection.scalar(kept)
    return [] if rating is None else [rated(score, comment, rating)]


def _row(connection: Connection, rating: int) -> Any | None:
    return connection.execute(select(ratings).where(ratings.c.id == rating)).first()


def _survivor(connection: Connection, number: int) -> int:
    """Return the ticket that took this one in, or itself."""
    for _ in range(_MOST_HOPS):
        into: int | None = connection.scalar(select(tickets.c.merged_into).where(tickets.c.id == number))
        if into is None:
            break
        number = into
    return number


def _subject(connection: Connection, row: Any) -> str:
    return str(connection.scalar(select(tickets.c.subject).where(tickets.c.id == row.ticket_id)) or "")
