"""One message on its way into a ticket: everything that follows from it, in the order it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from config.desk import Desk
from ingest import channel as channels
from ingest.errands import owe, owed
from ingest.quarantine import RELEASED
from router.book import Book
from router.clocks.react import WORD as REACT
from router.conversation import Place, Until, heard, said
from router.correlate import count, end, is_quiet, reopens
from router.decide import Verdict, decide
from router.department import begins
from router.event import Change, Lookups, TicketEvent, actors, changed
from router.evidence import Keys, Letter, addressed_to
from router.files import claim
from router.lookups import lookups_of
from router.reading import Reading
from router.staff import Staff
from router.state import WORKING, State, housed, state_of
from router.tell import Machine
from router.thread import Found
from router.ticket import Pen
from router.trial.before import kept
from router.turn import Turn
from tickets.message import SPEAKS
from tickets.reply_address import looks_signed

AUTOMATIC = frozenset({"auto_reply", "bounce", "feedback_report"})
"""What programs say: it stands in its ticket and changes nothing there."""
_FACTS = (
    "report", "spam", "invitation", "sealed", "forwarded", "virus", "call", "fields", "mail_address", "language",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """What a message comes to before anything is written: the event, its lines of the history, why in words, the verdict."""

    event: TicketEvent
    lines: Sequence[Change]
    because: str
    verdict: Verdict


class PutAside(Exception):  # noqa: N818  # a word of the domain: nothing is wrong
    """A rule puts the message aside before anything of it is written: the rule, and the trace of the decision."""

    def __init__(self, rule: str, trace: Mapping[str, Any]) -> None:
        super().__init__(f'rule "{rule}"')
        self.trace = trace


@dataclass(slots=True)
class Case:
    """One message on its way into a ticket: what is known, and then `write`, which reads as the order of things."""

    pen: Pen
    book: Book
    staff: Staff
    row: Any
    reading: Reading
    letter: Letter
    keys: Keys
    found: Found
    space: str

    def write(self) -> tuple[int, list[int], list[int]]:
        """Write everything that follows from the message; return the ticket's number, the outbox rows and errands to ring for.

        Raises `PutAside` when a rule wants that; then the transaction is to be undone.
        """
        message, before = self.reading.message, self._before()
        turn = Turn(self.pen, self.book, self.staff, before)
        judged = self.judge(before)
        event, lines, verdict = judged.event, judged.lines, judged.verdict
        if verdict.decision.quarantine is not None:
            raise PutAside(verdict.decision.quarantine, verdict.trace)
        state = self._ticket(turn.settled(verdict, lines, event))
        number = state.number or 0
        entry_id = self.pen.entry(number, message, self._author, self._facts(), self._place(number, state))
        claim(self.pen.connection, entry_id, self.row.conversation, message)
        self.pen.remember(number, self.found.keys, self._taking_part())
        if self.found.alarm is not None:
            count(self.pen.connection, self.found.alarm, number, (self.row.id, self.row.received_at), self.found.before)
        if self.found.linked_to is not None:
            back = Change("ticket.linked", "desk", {"ticket": number, "because": self.found.because})
            self.pen.history(self.found.linked_to, [back])
        evidence = [one.as_json(message.sender.id) for one in self.found.evidence]
        stood = {} if self.found.ticket is None else {"before": kept(before)}
        written = turn.conclude(
            state,
            event,
            verdict,
            lines,
            entry_id,
            why={"because": judged.because, "evidence": evidence, **stood},
            quiet=self.quiet((*lines, *verdict.changes)),
            machine=self.machine(),
        )
        return number, written.rings, self._errands(entry_id)

    def judge(self, before: State) -> Judged:
        """Return what the message comes to in the ticket as it stands; it is the same call where rules are only tried."""
        begun, lines, because = self._begin(before)
        event = self._event(begun, lines)
        verdict = self._spoken(decide(self.book.rules, event, self.desk, self.staff))
        return Judged(event, lines, because, verdict)

    @property
    def desk(self) -> Desk:
        """The desk of the moment."""
        return self.book.desk

    @property
    def _actor(self) -> str:
        if self.reading.agent:
            return f"agent:{self.reading.agent.id}"
        return "business" if self.reading.message.kind == "echo" else "customer"

    @property
    def _author(self) -> str:
        """Whose words the entry has: of a forwarded mail its writer's."""
        return self._actor if self.reading.agent and not self.reading.forwarded else self.reading.message.sender.id

    def _before(self) -> State:
        """Return the ticket as it stands, or as a new one begins; its department is not known yet then."""
        if self.found.ticket is not None:
            return state_of(self.found.ticket)
        message, now = self.reading.message, self.pen.now
        return State(
            "",
            channel=self.row.channel,
            subject=message.subject,
            contact_id=self.pen.contact(self.space, message),
            contact=message.sender.id,
            customer=message.sender.name,
            fields=message.fields,
            created_at=now,
            status_since=now,
            agent_since=now,
        )

    def _begin(self, before: State) -> tuple[State, list[Change], str]:
        """Return the ticket as it stands before the rules, the events that brought us here, and why in words."""
        reading, ticket = self.reading, self.found.ticket
        aside = f"; {reading.words}" if reading.words else ""
        said = Change("message.received", self._actor, {"channel": self.row.channel, "kind": reading.message.kind})
        new: dict[str, Any] = {"messages": before.messages + 1}
        if self._asks:
            new |= {"heard_at": self.pen.now, "waiting_since": before.waiting_since or self.pen.now}
        if ticket is None:
            department, because = begins(self.desk, self.row.channel, reading.message, reading.meta)
            lines = [Change("ticket.created", self._actor, {"department": department, "because": because}), said]
            words = f"a new ticket in {department}: {because}"
            if self.found.linked_to is not None:
                linked = {"ticket": self.found.linked_to, "because": self.found.because}
                lines.append(Change("ticket.linked", "desk", linked))
                words = (
                    f"{words}; linked to ticket {self.found.linked_to}, which it does not join: {self.found.because}"
                )
            lines += (ended := end(self.found.alarm, None, self.row.id, "new"))
            new |= {"department": department, "status": "resolved" if reading.archived or ended else "new"}
            return before._replace(**new), lines, words + aside
        there, moved = housed(before, self.desk)
        lines, status = [said, *moved], before.status
        if self.found.linked_to is not None:
            linked = {"ticket": self.found.linked_to, "because": self.found.because}
            lines.append(Change("ticket.linked", "desk", linked))
        if self._asks and status not in WORKING:
            lines.append(Change("ticket.reopened", self._actor, {"from": status, "to": "open"}))
            status = "open"
        if ended := end(self.found.alarm, self.found.before, self.row.id, status):
            lines += ended
            status = "resolved"
        if (failed := self._failed_delivery(ticket.id)) is not None:
            lines.append(failed)
        return there._replace(status=status, **new), lines, f"joins the ticket: {self.found.because}{aside}"

    @property
    def _asks(self) -> bool:
        """Whether a customer wants something now: not a program, not an agent (but with a customer's mail), not history."""
        kind = self.reading.message.kind
        idle = kind in AUTOMATIC and self.found.alarm is None
        theirs = self._actor == "customer" or self.reading.forwarded
        if kind not in SPEAKS or idle or not theirs or self.reading.archived:
            return False
        return reopens(self.found.alarm, self.found.before, self.row.id)

    def _event(self, begun: State, lines: Sequence[Change]) -> TicketEvent:
        return TicketEvent(
            names=frozenset(line.event for line in lines),
            ticket=begun,
            at=self.pen.now,
            channel=self.row.channel,
            channel_type=self.reading.meta["type"],
            message=self.reading.message,
            recipients=tuple(self.reading.meta.get("recipients", ())),
            trust=self.reading.trust,
            changed=changed(lines),
            actors=actors(lines),
            lookups=self._lookups(begun),
            linked_to=self.found.linked_to,
            released=self.row.cause == RELEASED,
        )

    def _lookups(self, begun: State) -> Lookups:
        return lookups_of(self.pen.connection, begun, self.row)

    def _spoken(self, verdict: Verdict) -> Verdict:
        """Return the verdict with what a call that an agent took has done: it is an answer, and takes a ticket nobody has."""
        call, decided = self.reading.message.call, verdict.decision
        if call is None or call.outcome != "finished" or call.agent not in self.desk.members(decided.department):
            return verdict
        actor = f"agent:{call.agent}"
        lines = [Change("ticket.answered", actor, {"seconds": call.seconds})]
        if decided.agent is None:
            lines.append(Change("ticket.assigned", actor, {"from": None, "to": call.agent, "reason": "answered"}))
            decided = decided._replace(agent=call.agent, unassigned_reason=None)
        if decided.status != "answered":
            lines.append(Change("ticket.status_changed", actor, {"from": decided.status, "to": "answered"}))
            decided = decided._replace(status="answered")
        return replace(verdict, decision=decided, changes=(*verdict.changes, *lines))

    def _ticket(self, state: State) -> State:
        """Make or change the ticket as decided and return it with its number."""
        to = addressed_to(self.found.ticket, self.letter.departments)
        if state.number is None:
            return state._replace(number=self.pen.create(self.reading.message, state.contact_id or 0, state, to))
        self.pen.change(state, to)
        return state

    def _errands(self, entry_id: int) -> list[int]:
        """Owe what a platform must be asked for besides; a mail has everything with it."""
        message = self.reading.message
        found = [] if self.keys.mail else owed(channels.find(self.reading.meta["type"]), message)
        return owe(self.pen.connection, entry_id, self.row.channel, message.account, found, self.pen.now)

    def _place(self, number: int, state: State) -> Place | None:
        """Return the message's place in its conversation; a mail has none."""
        if self.keys.mail:
            return None
        connection, message, key = self.pen.connection, self.reading.message, self.row.conversation
        if message.kind in SPEAKS or (place := said(connection, key)) is None:
            place = heard(connection, self.row, message, number, self._until(state))
        return place

    def _until(self, state: State) -> Until:
        """Return until when the customer of a chat waits for somebody, and may be answered on a platform.

        Whom a strategy gave it may not be looking: it is missed when neither they nor the next have answered by then.
        """
        config = self.desk.channels_by_name.get(self.row.channel)
        module = channels.answering(channels.find(config.type)) if config else None
        handle, heard_at = self.reading.message.handle, self.row.received_at
        answered = channels.answer_until(module, config, handle, heard_at) if module and config else None
        wait = getattr(config, "wait_seconds", None)
        nobody = state.agent is None or "given" in state.clocks.get(REACT, {})
        calling = nobody and self.found.ticket is None and not self.reading.message.mail_only
        return Until(self.pen.now + wait if wait is not None and calling else None, answered)

    def _facts(self) -> dict[str, Any]:
        """Return what is known of the message beside its text, for the entry."""
        reading = self.reading
        there = {name for name in _FACTS if getattr(reading.message, name)}
        said = reading.message.model_dump(mode="json", include=there, exclude_defaults=True) if there else {}
        if reading.trust is not None:
            said["trust"] = reading.trust.model_dump(mode="json", exclude_defaults=True)
        if reading.forwarded and reading.agent:
            said["forwarded_by"] = reading.agent.id
        if not self.keys.mail and reading.message.in_reply_to:
            said["in_reply_to"] = reading.message.in_reply_to
        if reading.message.reply_to and not reading.forwarded:
            said["reply_to"] = list(reading.message.reply_to[:1])
        return said

    def _failed_delivery(self, number: int) -> Change | None:
        """Mark the notice a mail server returned as failed; only one of this ticket, and only when it was for good."""
        report = self.reading.message.report
        if self.found.notice is None or report is None or report.action != "failed":
            return None
        words = " ".join(piece for piece in (report.status, report.diagnostic) if piece) or "returned by a mail server"
        recipient = self.pen.undelivered(number, self.found.notice, words)
        if recipient is None:
            return None
        return Change("delivery.failed", "desk", {"notice": self.found.notice, "recipient": recipient, "why": words})

    def quiet(self, lines: Sequence[Change]) -> bool:
        """Tell whether nobody hears of it: it was not said, it is history, or it is another mail of a known alarm."""
        silent = self.reading.message.kind not in SPEAKS or self.reading.archived
        return silent or is_quiet(self.found.before, (line.event for line in lines))

    def machine(self) -> Machine | None:
        """Return the program that wrote it, if one did."""
        message = self.reading.message
        if message.kind not in AUTOMATIC or self.found.alarm is not None:
            return None
        lost = message.report.recipients if message.report else ()
        about = frozenset({message.sender.id, *lost})
        return Machine(about, self.found.ticket is not None, self.pen.told_lately)

    def _taking_part(self) -> list[str]:
        if not self.keys.mail:
            address = self.reading.message.mail_address
            return [address] if address and len(address) <= 254 else []
        message, domain, agent = self.reading.message, self.desk.desk.domain, self.reading.agent
        people = dict.fromkeys((message.sender.id, *message.reply_to, *message.to, *message.cc))
        ours = {one for one in people if self.desk.department_of(one) or looks_signed(one, domain)}
        ours |= {agent.email} if agent else set()
        return [one for one in people if one and len(one) <= 254 and one not in ours]
