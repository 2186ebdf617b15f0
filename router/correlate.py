"""Machine mails of one alarm: told by a pattern of the desk file, put into one ticket, counted, and resolved on the OK mail.

The manager has said in the desk file whose mails they are (`from`, `channel`, `department`), so the sender need not take part
in the ticket. Times are those of acceptance, so mails that are routed in another order end in the same ticket.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from config.desk import Correlation, Desk
from config.problems import Place, Problem
from router.conditions import MAX_MATCHED, BadPatternError, pattern
from router.event import Change
from tickets.message import InboundMessage, clean, thread_key
from tickets.prepared import Prepared
from tickets.schema import correlations

STIRRING: Final = frozenset({"ticket.created", "ticket.reopened", "ticket.status_changed"})
"""The events of an alarm's mail that an agent is told of; all else of a storm only stands in the ticket."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a correlation of the desk file found in a message: `key` is what its groups hold, `over` that it is the OK mail.

    `window` is in seconds.
    """

    name: str
    key: str
    window: float
    over: bool

    @property
    def lock(self) -> str:
        """The name to lock, so that two first mails of an alarm end in one ticket."""
        return f"alarm:{self.name}:{self.key}"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The ticket the alarm's mails went to so far; `times` how many came, `first_at` and `last_at` when (UTC seconds).

    `last_inbox` is the newest one's row of the inbox.
    """

    ticket_id: int
    times: int
    first_at: float
    last_at: float
    last_inbox: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A correlation that is ready to be asked."""

    said: Correlation
    finds: Any
    groups: tuple[str, ...]
    resolves: Any | None


def compile_correlations(desk: Desk) -> tuple[Compiled, ...]:
    """Return the desk's correlations, in their order. The desk has been checked by `check_correlations`."""
    return tuple(_compile(one, Place()) for one in desk.correlations)


def check_correlations(desk: Desk) -> list[Problem]:
    """Return what is wrong or odd in the desk's correlations; `load` takes it as one of its checks."""
    place = Place()
    for index, one in enumerate(desk.correlations):
        here = place.at("correlations", index)
        _compile(one, here)
        if not one.from_:
            here.warn("takes mails of any sender; name the machines in `from`, or anybody can write into its ticket")
    return place.found


def _compile(one: Correlation, place: Place) -> Compiled:
    said = one.subject or one.body
    if said is None or (one.subject and one.body):
        place.note("needs one pattern with named groups, under `subject` or under `body`")
        return Compiled(one, None, (), None)
    finds = _pattern(said, place.at("subject" if one.subject else "body"), named=True)
    known = tuple(finds.groupindex) if finds is not None else one.key
    for index, group in enumerate(one.key):
        if group not in known:
            place.at("key", index).unknown("group of the pattern", group, known)
    resolves = _pattern(one.resolve, place.at("resolve")) if one.resolve is not None else None
    return Compiled(one, finds, one.key or known, resolves)


def _pattern(text: str, place: Place, *, named: bool = False) -> Any | None:
    try:
        compiled = pattern(text, captures=named)
    except BadPatternError as error:
        place.note(str(error))
        return None
    if named and not compiled.groupindex:
        place.note("has no named group; what names the alarm is written (?P<host>…)")
        return None
    return compiled


def alarm_of(
    compiled: Sequence[Compiled], message: InboundMessage, channel: str, departments: frozenset[str]
) -> Alarm | None:
    """Return the alarm of the first correlation that knows the message; linear in the text."""
    for one in compiled:
        said = one.said
        if (
            (said.from_ and not _from(message.sender.id, said.from_))
            or (said.channel is not None and said.channel != channel)
            or (said.department is not None and said.department not in departments)
        ):
            continue
        text = clean((message.subject if said.subject else message.text)[:MAX_MATCHED])
        found = one.finds.search(text)
        key = " ".join(f"{group}={_value(found, group)}" for group in one.groups) if found else ""
        if found and any(_value(found, group) for group in one.groups):
            over = one.resolves is not None and one.resolves.search(text) is not None
            return Alarm(said.name, thread_key("alarm", key).removeprefix("alarm:"), said.window, over)
    return None


def _from(sender: str, wanted: Sequence[str]) -> bool:
    return any(sender == one or (one.startswith("@") and sender.endswith(one)) for one in wanted)


def _value(found: Any, group: str) -> str:
    return " ".join((found.group(group) or "").casefold().split())


_EARLIER = Prepared(
    select(
        correlations.c.ticket_id,
        correlations.c.times,
        correlations.c.first_at,
        correlations.c.last_at,
        correlations.c.last_inbox,
    ).where(correlations.c.name == bindparam("alarm"), correlations.c.key == bindparam("with_key"))
)


def earlier(connection: Connection, alarm: Alarm) -> Earlier | None:
    """Return what came of the alarm before, or nothing. The caller holds the alarm's lock."""
    row = _EARLIER.one(connection, {"alarm": alarm.name, "with_key": alarm.key})
    return Earlier(*row) if row else None


def within(alarm: Alarm, before: Earlier, at: float) -> bool:
    """Tell whether a mail received at `at` belongs to those before; the OK mail does however late it comes."""
    return alarm.over or before.first_at - alarm.window <= at <= before.last_at + alarm.window


def count(
    connection: Connection, alarm: Alarm, ticket_id: int, mail: tuple[int, float], before: Earlier | None
) -> None:
    """Note that a mail, its row of the inbox and when it was received, went to the ticket; `before` is what it repeats."""
    inbox_id, at = mail
    made = Earlier(ticket_id, 1, at, at, inbox_id)
    if before is not None:
        first, last = min(at, before.first_at), max(at, before.last_at)
        made = Earlier(ticket_id, before.times + 1, first, last, max(inbox_id, before.last_inbox))
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(correlations).on_conflict_do_update(index_elements=["name", "key"], set_=asdict(made))
    connection.execute(statement, {"name": alarm.name, "key": alarm.key, **asdict(made)})


def reopens(alarm: Alarm | None, before: Earlier | None, inbox_id: int) -> bool:
    """Tell whether a message may open its ticket again: not the OK mail, nor an alarm older than what was routed already."""
    return alarm is None or not (alarm.over or _late(before, inbox_id))


def end(alarm: Alarm | None, before: Earlier | None, inbox_id: int, status: str) -> list[Change]:
    """Return the change of status that the OK mail makes, if any."""
    if alarm is None or not alarm.over or _late(before, inbox_id) or status in ("resolved", "closed"):
        return []
    because = f"the alarm {alarm.name} is over: {alarm.key}"
    return [Change("ticket.status_changed", "desk", {"from": status, "to": "resolved", "because": because})]


def _late(before: Earlier | None, inbox_id: int) -> bool:
    return before is not None and inbox_id < before.last_inbox


def is_quiet(before: Earlier | None, events: Iterable[str]) -> bool:
    """Tell whether nobody is to be told: a repeat of an alarm in a ticket whose state it does not change."""
    return before is not None and STIRRING.isdisjoint(events)
