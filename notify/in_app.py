"""The way `in_app`: the row of the outbox is the notice, unread until its agent has seen the ticket (tickets/seen.py).

Nothing is sent. The API lists what an agent has not read and streams what changes about that. Only tickets the agent may see
at this moment are told of, whatever was so when the row was written, and only while it is news: what somebody else has taken is
not, and nobody needs to write that down.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, distinct, false, func, not_, or_, select, true

from config.desk import Desk
from config.notices import Whose, Word
from notify.note import one_line
from notify.owed import OWED, note_of
from notify.when import OVER, TO_HAVE, TO_TAKE
from tickets.look import moment
from tickets.preferences import Chosen
from tickets.schema import outbox, tickets
from tickets.seen import seen
from tickets.store import Store

WAY: Final = "in_app"
MOST_UNREAD: Final = 1_000
"""Notices of one agent that a stream looks at; older ones stand in the list."""
OVERLAP_SECONDS: Final = 60.0
"""Rows get their ids before they are committed, so one may come to light behind a later one; no transaction is open for longer."""


@dataclass(frozen=True, slots=True)
class Unread:
    """The unread notices of one ticket: the newest one's row, and how many there are."""

    newest: int
    count: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some notices, as documents, and the row before which the next page begins; nothing at the end."""

    notices: list[dict[str, Any]]
    next: int | None


def unread(store: Store, desk: Desk, agent: str, beyond: int = 0) -> Mapping[int, Unread]:
    """Return what an agent has not read, by ticket: of the newest `MOST_UNREAD` notices those from the row `beyond` on."""
    rows = _theirs(desk, agent, outbox.c.id, outbox.c.ticket_id).where(_NEWS, outbox.c.id >= beyond)
    with store.read() as connection:
        found = connection.execute(rows.order_by(outbox.c.id.desc()).limit(MOST_UNREAD)).all()
    by_ticket: dict[int, Unread] = {}
    for id_, ticket in found:
        known = by_ticket.get(ticket)
        by_ticket[ticket] = Unread(known.newest, known.count + 1) if known else Unread(id_, 1)
    return by_ticket


def since(store: Store, desk: Desk, agent: str, last: int) -> frozenset[int]:
    """Return the tickets with an unread notice that whoever heard of everything up to the row `last` may not have heard of.

    Those written within `OVERLAP_SECONDS` before that row are among them, heard of or not.
    """
    heard = select(outbox.c.created_at).where(outbox.c.id == last, outbox.c.recipient == agent).scalar_subquery()
    late = outbox.c.created_at >= heard - OVERLAP_SECONDS
    rows = _theirs(desk, agent, outbox.c.ticket_id).where(_NEWS, or_(outbox.c.id > last, late)).distinct()
    with store.read() as connection:
        return frozenset(connection.scalars(rows))


def unread_page(store: Store, desk: Desk, agent: str, before: int | None, limit: int) -> Page:
    """Return unread notices, one for each ticket, the newest first."""
    newest = func.max(outbox.c.id)
    rows = _theirs(desk, agent, newest, func.count()).where(_NEWS).group_by(outbox.c.ticket_id)
    if before is not None:
        rows = rows.having(newest < before)
    with store.read() as connection:
        found = connection.execute(rows.order_by(newest.desc()).limit(limit + 1)).all()
        counts = {row[0]: row[1] for row in found[:limit]}
        return Page(_documents(connection, desk, counts), found[limit - 1][0] if len(found) > limit else None)


def whole_page(store: Store, desk: Desk, agent: str, before: int | None, limit: int) -> Page:
    """Return everything an agent was told here, each notice by itself, the newest first."""
    rows = _theirs(desk, agent, outbox.c.id).where(_TOLD)
    with store.read() as connection:
        if before is not None:
            at = connection.scalar(select(outbox.c.sent_at).where(outbox.c.id == before, outbox.c.recipient == agent))
            earlier = outbox.c.id < before
            rows = rows.where(
                earlier if at is None else or_(outbox.c.sent_at < at, and_(outbox.c.sent_at == at, earlier))
            )
        newest_first = rows.order_by(outbox.c.sent_at.desc(), outbox.c.id.desc())
        found = list(connection.scalars(newest_first.limit(limit + 1)))
        shown = _documents(connection, desk, dict.fromkeys(found[:limit], 1))
        return Page(shown, found[limit - 1] if len(found) > limit else None)


def count(store: Store, desk: Desk, agent: str) -> int:
    """Return how many tickets have something unread."""
    with store.read() as connection:
        many: int = connection.scalar(_theirs(desk, agent, func.count(distinct(outbox.c.ticket_id))).where(_NEWS)) or 0
    return many


def documents(store: Store, desk: Desk, counts: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return notices by their rows, the newest first; `counts` says how many each stands for."""
    with store.read() as connection:
        return _documents(connection, desk, counts)


def became(store: Store, desk: Desk, agent: str, rows: Collection[int]) -> Mapping[int, str]:
    """Return what became of rows that were unread, `read` or `retracted`; one the agent could still read is not among them."""
    with store.read() as connection:
        still = set(connection.scalars(_theirs(desk, agent, outbox.c.id).where(_NEWS, outbox.c.id.in_(rows))))
        was_read = select(outbox.c.id).where(outbox.c.id.in_(rows), outbox.c.seen_at.is_not(None))
        done = set(connection.scalars(was_read))
    return {row: "read" if row in done else "retracted" for row in rows if row not in still}


def read(store: Store, agent: str, now: float, wanted: Iterable[int] | None, up_to: int | None = None) -> None:
    """Note that an agent has read tickets, for all ways; without `wanted` all that have something unread.

    A ticket with a notice behind the row `up_to` stays unread: whoever says so has not seen that one.
    """
    newest = func.max(outbox.c.id)
    rows = select(outbox.c.ticket_id, newest).where(_UNREAD, outbox.c.recipient == agent).group_by(outbox.c.ticket_id)
    with store.write() as connection:
        behind = {row[0]: row[1] for row in connection.execute(rows)}
        for ticket in sorted(
            behind if wanted is None else set(wanted)
        ):  # in one order, so that two never wait for each other
            if up_to is None or behind.get(ticket, 0) <= up_to:
                seen(connection, agent, ticket, now)


_TOLD: Final = (outbox.c.notifier == WAY) & (outbox.c.state == "sent")
_UNREAD: Final = _TOLD & outbox.c.seen_at.is_(None)
_NOBODY: Final = Chosen()


def _is(whose: Whose, words: frozenset[Word]) -> ColumnElement[bool]:
    said = and_(outbox.c.whose == whose, outbox.c.word.in_(sorted(words)))
    return func.coalesce(said, false())  # a rule's have neither


_RETRACTED: Final = or_(
    _is("unassigned", TO_TAKE) & (tickets.c.agent.is_not(None) | tickets.c.status.in_(sorted(OVER))),
    _is("mine", TO_HAVE) & tickets.c.agent.is_distinct_from(outbox.c.recipient),
)
"""What `notify.when.needless` keeps from being sent by other ways: it is no news any more, until the ticket is so again."""
_NEWS: Final = _UNREAD & not_(_RETRACTED)


def _theirs(desk: Desk, agent: str, *columns: Any) -> Select[Any]:
    """Select from an agent's notices of tickets they may see now."""
    departments = [one.id for one in desk.departments if agent in desk.members(one.id)]
    visible: ColumnElement[bool] = true() if len(desk.agents) == 1 else tickets.c.department.in_(departments)
    rows = select(*columns).select_from(outbox).join(tickets, tickets.c.id == outbox.c.ticket_id)
    return rows.where(outbox.c.recipient == agent, visible)


def _documents(connection: Connection, desk: Desk, counts: Mapping[int, int]) -> list[dict[str, Any]]:
    rows = OWED.where(outbox.c.id.in_(list(counts))).order_by(outbox.c.sent_at.desc(), outbox.c.id.desc())
    return [_document(desk, row, counts[row.id]) for row in connection.execute(rows)]


def _document(desk: Desk, row: Any, many: int) -> dict[str, Any]:
    note = note_of(row, desk, _NOBODY, b"")  # for its words: nothing that is signed leaves here
    return {
        "id": note.id,
        "ticket": note.number,
        "subject": one_line(note.subject) or "(no subject)",
        "word": note.word,
        "whose": note.whose,
        "headline": note.headline,
        "reason": one_line(note.reason),
        "customer": note.who,
        "department": note.department,
        "count": many,
        "at": moment(note.created_at),
        "read": row.seen_at is not None,
    }
