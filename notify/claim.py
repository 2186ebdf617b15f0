"""Claiming a row of the outbox: whether it is to be sent now, and what goes along. In one open transaction.

Rows that are told together get one lease. A repetition of such a notice is the same one: the same rows, the same key. To
that end they share a `bundle` from then on, and what is new does not join them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast, get_args

from sqlalchemy import Connection, and_, bindparam, func, literal_column, null, or_, select, update
from sqlalchemy.sql.selectable import ScalarSelect

from config.desk import Desk
from config.notices import DEFAULTS, Choices, Way, Whose, Word
from notify.note import Note, rule_of
from notify.owed import OWED, note_of
from notify.when import APART_SECONDS, Later, Never, Owed, Told, hour_began, needless, when
from tickets.lock import lock
from tickets.preferences import Chosen
from tickets.prepared import Prepared
from tickets.reply import REFUSED
from tickets.schema import outbox

MOST_TOGETHER: Final = 200
"""So many rows are told in one notice; what is more goes in the next one."""

_BY_AGENTS: Final = frozenset(get_args(Way)) - {"in_app"}

# As they stand in the conditions of the indexes.
_pending: Final = outbox.c.state == literal_column("'pending'")
_sent: Final = outbox.c.state == literal_column("'sent'")
_row: Final = OWED.where(outbox.c.id == bindparam("row"), _pending, outbox.c.not_before <= bindparam("now"))
_LOOK: Final = Prepared(_row)
_HOLD: Final = Prepared(_row.with_for_update(of=outbox))
_same_way: Final = and_(outbox.c.recipient == bindparam("who"), outbox.c.notifier == bindparam("way"))
_waiting: Final = (
    OWED.where(_same_way, _pending, outbox.c.id != bindparam("row"), outbox.c.event != REFUSED)
    .order_by(outbox.c.id)
    .limit(MOST_TOGETHER - 1)
    # Whoever holds one of them is about to change it; waiting for them here could be waiting for each other.
    .with_for_update(of=outbox, skip_locked=True)
)
_of_ticket: Final = outbox.c.ticket_id == bindparam("number")
_TICKETS: Final = Prepared(_waiting.where(outbox.c.attempts == 0, _of_ticket))
_BUNDLES: Final = Prepared(
    _waiting.where(outbox.c.attempts == 0, or_(_of_ticket, and_(_pending, outbox.c.bundle == bindparam("of_bundle"))))
)
_AGAIN: Final = Prepared(_waiting.where(outbox.c.attempts > 0, outbox.c.bundle == bindparam("of_bundle")))


def _told(value: Any, *where: Any) -> ScalarSelect[Any]:
    return select(value).where(_same_way, *where).scalar_subquery()


_LATELY: Final = Prepared(
    select(
        _told(func.max(outbox.c.not_before), _pending, outbox.c.attempts > 0, _of_ticket).label("trying"),
        _told(func.max(outbox.c.sent_at), _sent, outbox.c.sent_at > bindparam("since"), _of_ticket).label("last"),
        _told(func.count(outbox.c.sent_at.distinct()), _sent, outbox.c.sent_at >= bindparam("hour")).label("this_hour"),
    )
)
_the_row: Final = update(outbox).where(outbox.c.id == bindparam("row"))
_TAKEN: Final = Prepared(
    _the_row.values(
        attempts=outbox.c.attempts + 1,
        not_before=bindparam("until"),
        due_at=bindparam("until"),
        held=null(),
        bundle=bindparam("name"),
    )
)
_HELD: Final = Prepared(
    _the_row.values(not_before=bindparam("at"), due_at=bindparam("at"), held=bindparam("why"), bundle=bindparam("name"))
)
_ENDED: Final = Prepared(_the_row.values(state="suppressed", last_error=bindparam("why"), held=null(), look_at=null()))


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim came to: the notice to send now, until when the row waits, and the notices that need not be sent, each with why."""

    note: Note | None = None
    later: Later | None = None
    ended: tuple[tuple[Note, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """Claims rows for one desk, at one time (UTC seconds), for a lease that ends at `until`. `key` is the desk's signing key."""

    connection: Connection
    desk: Desk
    chosen: Chosen
    key: bytes
    now: float
    until: float

    def take(self, row_id: int) -> Claimed | None:
        """Take a row with what goes along, put it off, or end it; nothing when it is done, leased, or not yet due."""
        row = self._held(row_id)
        if row is None:
            return None
        if not self._chosen(row):
            return Claimed(self._leased([row]))
        agent = self.desk.agents_by_id.get(row.recipient)
        timezone = agent.timezone if agent else "UTC"
        choices = DEFAULTS if self._place(row) else self.chosen.of(self.desk, row.recipient)
        told = self._lately(row, timezone)
        found = when(self._owed(row), choices, timezone, told, self.now)
        if isinstance(found, Later):
            name = f"{row.recipient}/{row.notifier}/digest" if found.bundle else row.bundle
            _HELD.run(self.connection, {"row": row.id, "at": found.at, "why": found.why, "name": name})
            return Claimed(later=found)
        if isinstance(found, Never):
            return Claimed(ended=(self._end(row, found.why),))
        return self._together(row, choices)

    def _held(self, row_id: int) -> Any:
        """Return the row, which nobody else takes now, when it is due.

        Whoever is about to tell the same agent by the same way goes first. They hold no row while they wait: else it
        would be left out of what is told together.
        """
        which = {"row": row_id, "now": self.now}
        row = _LOOK.one(self.connection, which)
        if row is None or self.connection.dialect.name == "sqlite":  # which has one writer
            return row
        if self._chosen(row):
            lock(self.connection, (f"told:{row.notifier}:{row.recipient}",))
        return _HOLD.one(self.connection, which)

    def _chosen(self, row: Any) -> bool:
        """Tell whether a row tells an agent by a way they may choose, or a department's channel; a rule's address waits for nothing.

        That their mail was refused an agent hears at once, alone, and also when they may not see the ticket any more.
        """
        if row.notifier not in _BY_AGENTS or row.event == REFUSED:
            return False
        return row.word is not None or row.whose is not None or row.recipient in self.desk.agents_by_id

    def _place(self, row: Any) -> bool:
        """Tell whether a row goes to a department's channel: everybody there is told, so nothing is held back for anybody."""
        return row.whose is None and row.recipient not in self.desk.agents_by_id

    def _shown(self, row: Any) -> bool:
        """Tell whether a channel still sees the ticket: not after it went to a department with another one, or none."""
        ours = [one.id for one in self.desk.departments if one.slack_channel == row.recipient]
        return not ours or row.department in ours

    def _lately(self, row: Any, timezone: str) -> Told:
        """Return what the agent was told lately by this way."""
        since, hour = self.now - APART_SECONDS, hour_began(self.now, timezone)
        lately = {"who": row.recipient, "way": row.notifier, "number": row.ticket_id, "since": since, "hour": hour}
        told = Told(*_LATELY.one(self.connection, lately))
        return replace(told, this_hour=0) if self._place(row) else told

    def _owed(self, row: Any) -> Owed:
        members = self.desk.members(row.department)
        has = self.desk.agents_by_id.get(row.agent)
        alone = len(self.desk.agents) == 1  # a desk's only agent has every ticket
        department = self.desk.departments_by_id.get(row.department)
        return Owed(
            way=cast(Way, row.notifier),
            word=cast(Word | None, row.word),
            whose=cast(Whose | None, row.whose),
            asked=rule_of(row.reason) is not None,
            tried=row.attempts > 0,
            bundle=row.bundle,
            seen=row.seen_at is not None,
            member=self._shown(row)
            if self._place(row)
            else row.recipient in (self.desk.agents_by_id if alone else members),
            department=department.name if department else row.department,
            mine=row.agent is not None and row.agent == row.recipient,
            has=has.name if has else row.agent,
            status=row.status,
            place=self._place(row),
        )

    def _together(self, row: Any, choices: Choices) -> Claimed:
        """Lease the row together with what is to be told with it; what of that nobody needs any more is ended."""
        rows, ended = [row], []
        for one in self._others(row):
            if (why_not := needless(self._owed(one))) is None:
                rows.append(one)
            else:
                ended.append(self._end(one, why_not))
        important = choices.important or ()
        rows.sort(key=lambda one: (one.word not in important, one.id))  # the same first one in every attempt
        return Claimed(self._leased(rows), ended=tuple(ended))

    def _others(self, row: Any) -> Sequence[Any]:
        """Return the rows that are told together with this one, oldest first: in a repetition the same, else all that is new."""
        of = {
            "who": row.recipient,
            "way": row.notifier,
            "number": row.ticket_id,
            "row": row.id,
            "of_bundle": row.bundle,
        }
        if row.attempts > 0:
            return [] if row.bundle is None else _AGAIN.all(self.connection, of)
        return (_TICKETS if row.bundle is None else _BUNDLES).all(self.connection, of)

    def _leased(self, rows: Sequence[Any]) -> Note:
        first = rows[0]
        name = f"{first.recipient}/{first.notifier}/{first.id}" if len(rows) > 1 else None
        _TAKEN.each(self.connection, [{"row": one.id, "until": self.until, "name": name} for one in rows])
        notes = [replace(self._note(one), bundle=name) for one in rows]
        return replace(notes[0], together=tuple(sorted(notes[1:], key=lambda one: one.id)))

    def _end(self, row: Any, why: str) -> tuple[Note, str]:
        _ENDED.run(self.connection, {"row": row.id, "why": why})
        return self._note(row), why

    def _note(self, row: Any) -> Note:
        return note_of(row, self.desk, self.chosen, self.key)
