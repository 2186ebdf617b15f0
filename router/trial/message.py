"""Trying one message: where it would go and who would be told, decided by the code of the real path; nothing is written."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from router.book import Book
from router.case import Case
from router.correlate import Alarm, Earlier, alarm_of
from router.decide import Verdict
from router.event import NOTHING, Change, Decision, Lookups, TicketEvent, Values
from router.evidence import Keys, Letter, Writer, departments_of
from router.reading import Reading
from router.staff import Staff
from router.state import State
from router.tell import IN_APP, Intent, Machine
from router.thread import Found
from router.ticket import Pen
from router.turn import Turn

NO_DATABASE: Final = cast("Any", None)
"""What a trial writes with: it asks no statement, and would end at the first one."""


@dataclass(frozen=True, slots=True)
class Stood:
    """The ticket a message joined: its row, how it stood then, and why it joined it in words."""

    row: Any
    state: State
    because: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What a message would come to: why it begins where it does, the event the rules see, the verdict, and who hears of it."""

    because: str
    event: TicketEvent
    verdict: Verdict
    notices: tuple[Intent, ...]

    @property
    def decision(self) -> Decision:
        """What the ticket would be."""
        return self.verdict.decision

    @property
    def unknown(self) -> Values:
        """What conditions asked for and nobody knows while rules are tried."""
        return tuple(self.verdict.trace.get("unknown", ()))

    @property
    def told(self) -> Values:
        """Who would be told, each once: an agent's id, a Slack channel, an address."""
        return tuple(dict.fromkeys(one.recipient for one in self.notices if not one.suppressed))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a trial goes by besides the desk: the moment (UTC seconds), who is at work, what rules may look up."""

    at: float
    staff: Staff
    lookups: Lookups = field(default=NOTHING)


def try_message(
    book: Book, sight: Sight, row: Any, reading: Reading, stood: Stood | None = None, events: Collection[str] = ()
) -> Tried:
    """Return what a message would come to: in a new ticket, or in the ticket it joined.

    `events` are those it brought about then: whether it was linked with another ticket is not found out anew.
    """
    alarm = _alarm(book, row, reading)
    linked = 0 if "ticket.linked" in events else None
    found = Found(linked_to=linked, alarm=alarm) if stood is None else _joined(row, stood, linked, alarm)
    trial = _Trial(
        Pen(NO_DATABASE, None, sight.at), book, sight.staff, row, reading,
        Letter(reading.message, Writer(reading.message.sender.id, reading.agent)), Keys(row.conversation), found, "",
    )  # fmt: skip
    trial.sight, trial.events = sight, events
    before = trial.beginning() if stood is None else stood.state
    judged = trial.judge(before)
    verdict, lines = judged.verdict, (*judged.lines, *judged.verdict.changes)
    if trial.quiet(lines) or verdict.decision.quarantine is not None:
        return Tried(judged.because, judged.event, verdict, ())
    turn = Turn(trial.pen, book, sight.staff, before)
    state = turn.settled(verdict, judged.lines, judged.event)
    notices = turn.notices(state, verdict, list(enumerate(lines)), trial.machine())
    sent = (one for one in notices if one.notifier != IN_APP)  # what lies in a list disturbs nobody
    return Tried(judged.because, judged.event, verdict, tuple(sent))


class _Trial(Case):
    """A case in which nothing is asked of a database."""

    sight: Sight
    events: Collection[str]

    def beginning(self) -> State:
        message, at = self.reading.message, self.pen.now
        return State(
            "", channel=self.row.channel, subject=message.subject, contact=message.sender.id,
            customer=message.sender.name, fields=message.fields, created_at=at, status_since=at, agent_since=at,
        )  # fmt: skip

    def machine(self) -> Machine | None:
        found = super().machine()
        return found and replace(found, lately=lambda _address: 0)  # as if nobody had been told lately

    def _lookups(self, begun: State) -> Lookups:  # noqa: ARG002  # the real ones are about the ticket
        return self.sight.lookups

    def _failed_delivery(self, number: int) -> Change | None:  # noqa: ARG002  # as it was found out then
        return Change("delivery.failed", "desk", {}) if "delivery.failed" in self.events else None


def _alarm(book: Book, row: Any, reading: Reading) -> Alarm | None:
    if reading.meta.get("format") != "mail" or reading.forged or not book.correlations:
        return None
    departments = departments_of(book.desk, reading.message, reading.meta.get("recipients", ()))
    return alarm_of(book.correlations, reading.message, row.channel, departments)


def _joined(row: Any, stood: Stood, linked: int | None, alarm: Alarm | None) -> Found:
    """Return what led a message into its ticket; of an alarm it is one more mail."""
    before = Earlier(stood.row.id, 1, 0.0, row.received_at, 0) if alarm else None
    return Found(stood.row, linked, stood.because, alarm=alarm, before=before)
