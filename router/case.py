"""One message on its way into a ticket: everything that follows from it, in the order it is written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from config.desk import Desk
from ingest import channel as channels
from ingest.errands import owe, owed
from router.conversation import Place, Until, heard, said
from router.correlate import count, end, is_quiet, reopens
from router.decide import Verdict, decide
from router.department import begins
from router.event import Change, TicketEvent
from router.evidence import Keys, Letter, addressed_to
from router.files import claim
from router.reading import Reading
from router.rules import RuleSet
from router.tell import Happened, Intent, Machine, intents
from router.thread import Found
from router.ticket import Pen
from tickets.message import SPEAKS
from tickets.reply_address import looks_signed

AUTOMATIC = frozenset({"auto_reply", "bounce", "feedback_report"})
"""What programs say: it stands in its ticket and changes nothing there."""
_FACTS = ("report", "spam", "invitation", "sealed", "forwarded", "virus", "call", "fields", "mail_address")


@dataclass(slots=True)
class Case:
    """One message on its way into a ticket: what is known, and then `write`, which reads as the order of things."""

    pen: Pen
    desk: Desk
    row: Any
    reading: Reading
    letter: Letter
    keys: Keys
    found: Found
    space: str

    def write(self, rules: RuleSet) -> tuple[int, list[int], list[int]]:
        """Write everything that follows from the message; return the ticket's number, the outbox rows and errands to ring for."""
        message = self.reading.message
        begun, lines, because = self._begin()
        verdict = self._spoken(self._decide(rules, begun, lines), begun)
        number = self._ticket(begun, verdict)
        place = self._place(number, verdict.decision.agent)
        entry_id = self.pen.entry(number, message, self._author, self._facts(), place)
        claim(self.pen.connection, entry_id, self.row.conversation, message)
        self.pen.remember(number, self.found.keys, self._taking_part())
        if self.found.alarm is not None:
            count(self.pen.connection, self.found.alarm, number, (self.row.id, self.row.received_at), self.found.before)
        lines += verdict.changes
        if (failed := self._failed_delivery(number)) is not None:
            lines.append(failed)
        ids = self.pen.history(number, lines)
        if self.found.linked_to is not None:
            back = Change("ticket.linked", "desk", {"ticket": number, "because": self.found.because})
            self.pen.history(self.found.linked_to, [back])
        evidence = [one.as_json(message.sender.id) for one in self.found.evidence]
        self.pen.decision(number, self.desk.version, {"because": because, "evidence": evidence, **verdict.trace})
        return number, self.pen.owe(number, entry_id, self._owed(verdict, ids, lines)), self._errands(entry_id)

    @property
    def _actor(self) -> str:
        if self.reading.agent:
            return f"agent:{self.reading.agent.id}"
        return "business" if self.reading.message.kind == "echo" else "customer"

    @property
    def _author(self) -> str:
        """Whose words the entry has: of a forwarded mail its writer's."""
        return self._actor if self.reading.agent and not self.reading.forwarded else self.reading.message.sender.id

    def _begin(self) -> tuple[dict[str, Any], list[Change], str]:
        """Return the ticket as it stands before the rules, the events that brought us here, and why in words."""
        reading, ticket = self.reading, self.found.ticket
        aside = f"; {reading.words}" if reading.words else ""
        said = Change("message.received", self._actor, {"channel": self.row.channel, "kind": reading.message.kind})
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
            status = "resolved" if reading.archived or ended else "new"
            new = {"department": department, "agent": None, "unassigned_reason": None, "status": status}
            return {**new, "priority": "normal", "tags": ()}, lines, words + aside
        status, lines = ticket.status, [said]
        if self.found.linked_to is not None:
            linked = {"ticket": self.found.linked_to, "because": self.found.because}
            lines.append(Change("ticket.linked", "desk", linked))
        if self._asks and status not in ("new", "open"):
            lines.append(Change("ticket.reopened", self._actor, {"status": [status, "open"]}))
            status = "open"
        if ended := end(self.found.alarm, self.found.before, self.row.id, status):
            lines += ended
            status = "resolved"
        before = {name: getattr(ticket, name) for name in ("department", "agent", "unassigned_reason", "priority")}
        return (
            {**before, "status": status, "tags": tuple(json.loads(ticket.tags))},
            lines,
            f"joins the ticket: {self.found.because}{aside}",
        )

    @property
    def _asks(self) -> bool:
        """Whether a customer wants something now: not a program, not an agent, not history."""
        kind = self.reading.message.kind
        idle = kind in AUTOMATIC and self.found.alarm is None
        if kind not in SPEAKS or idle or self._actor != "customer" or self.reading.archived:
            return False
        return reopens(self.found.alarm, self.found.before, self.row.id)

    def _decide(self, rules: RuleSet, before: dict[str, Any], lines: Sequence[Change]) -> Verdict:
        event = TicketEvent(
            names=frozenset(line.event for line in lines),
            message=self.reading.message,
            channel=self.row.channel,
            channel_type=self.reading.meta["type"],
            recipients=tuple(self.reading.meta.get("recipients", ())),
            trust=self.reading.trust,
            **before,
        )
        return decide(rules, event, self.desk)

    def _spoken(self, verdict: Verdict, begun: dict[str, Any]) -> Verdict:
        """Return the verdict with what a call that an agent took has done: it is an answer, and takes a ticket nobody has."""
        call, decided = self.reading.message.call, verdict.decision
        if call is None or call.outcome != "finished" or call.agent not in self.desk.members(decided.department):
            return verdict
        actor = f"agent:{call.agent}"
        lines = [Change("ticket.answered", actor, {"seconds": call.seconds})]
        if decided.agent is None:
            lines.append(Change("ticket.assigned", actor, {"from": None, "to": call.agent, "reason": "answered"}))
            decided = replace(decided, agent=call.agent, unassigned_reason=None)
        if begun["status"] != "answered":
            lines.append(Change("ticket.status_changed", actor, {"from": begun["status"], "to": "answered"}))
            begun["status"] = "answered"
        return replace(verdict, decision=decided, changes=(*verdict.changes, *lines))

    def _ticket(self, begun: dict[str, Any], verdict: Verdict) -> int:
        """Make or change the ticket as decided and return its number."""
        decided = verdict.decision
        values = {
            "department": decided.department,
            "agent": decided.agent,
            "unassigned_reason": decided.unassigned_reason,
            "status": begun["status"],
            "priority": decided.priority,
            "tags": json.dumps(decided.tags),
            "addressed_to": addressed_to(self.found.ticket, self.letter.departments),
        }
        if self.found.ticket is None:
            contact_id = self.pen.contact(self.space, self.reading.message)
            return self.pen.create(self.reading.message, contact_id, {**values, "channel": self.row.channel})
        number: int = self.found.ticket.id
        self.pen.change(number, values)
        return number

    def _errands(self, entry_id: int) -> list[int]:
        """Owe what a platform must be asked for besides; a mail has everything with it."""
        message = self.reading.message
        found = [] if self.keys.mail else owed(channels.find(self.reading.meta["type"]), message)
        return owe(self.pen.connection, entry_id, self.row.channel, message.account, found, self.pen.now)

    def _place(self, number: int, agent: str | None) -> Place | None:
        """Return the message's place in its conversation; a mail has none."""
        if self.keys.mail:
            return None
        connection, message, key = self.pen.connection, self.reading.message, self.row.conversation
        if message.kind in SPEAKS or (place := said(connection, key)) is None:
            place = heard(connection, self.row, message, number, self._until(agent))
        return place

    def _until(self, agent: str | None) -> Until:
        """Return until when the customer of a chat waits for somebody, and may be answered on a platform."""
        config = self.desk.channels_by_name.get(self.row.channel)
        module = channels.answering(channels.find(config.type)) if config else None
        handle, heard_at = self.reading.message.handle, self.row.received_at
        answered = channels.answer_until(module, config, handle, heard_at) if module and config else None
        wait = getattr(config, "wait_seconds", None)
        calling = agent is None and self.found.ticket is None and not self.reading.message.mail_only
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

    def _owed(self, verdict: Verdict, ids: Sequence[int], lines: Sequence[Change]) -> list[Intent]:
        reading, decided = self.reading, verdict.decision
        if reading.message.kind not in SPEAKS or reading.archived:
            return []
        if is_quiet(self.found.before, (line.event for line in lines)):
            return []
        happened = [
            Happened(event_id, line.event, _agent(line.actor)) for event_id, line in zip(ids, lines, strict=True)
        ]
        machine = None
        if reading.message.kind in AUTOMATIC and self.found.alarm is None:
            lost = reading.message.report.recipients if reading.message.report else ()
            about = frozenset({reading.message.sender.id, *lost})
            machine = Machine(about, self.found.ticket is not None, self.pen.told_lately)
        return intents(self.desk, decided.department, decided.agent, happened, decided.notify, machine)

    def _taking_part(self) -> list[str]:
        if not self.keys.mail:
            address = self.reading.message.mail_address
            return [address] if address and len(address) <= 254 else []
        message, domain, agent = self.reading.message, self.desk.desk.domain, self.reading.agent
        people = dict.fromkeys((message.sender.id, *message.reply_to, *message.to, *message.cc))
        ours = {one for one in people if self.desk.department_of(one) or looks_signed(one, domain)}
        ours |= {agent.email} if agent else set()
        return [one for one in people if one and len(one) <= 254 and one not in ours]


def _agent(actor: str) -> str | None:
    return actor.removeprefix("agent:") if actor.startswith("agent:") else None
