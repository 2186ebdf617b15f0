"""One message on its way into a ticket: everything that follows from it, in the order it is written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from config.desk import Desk
from router.decide import Verdict, decide
from router.department import begins
from router.event import Change, TicketEvent
from router.reading import Letter
from router.rules import RuleSet
from router.tell import Happened, Intent, Machine, intents
from router.thread import Found, Keys
from router.ticket import Pen
from tickets.message import SPEAKS

AUTOMATIC = frozenset({"auto_reply", "bounce", "feedback_report"})
"""What programs say: it stands in its ticket and changes nothing there."""


@dataclass(slots=True)
class Case:
    """One message on its way into a ticket: what is known, and then `write`, which reads as the order of things."""

    pen: Pen
    desk: Desk
    row: Any
    letter: Letter
    keys: Keys
    found: Found
    space: str

    def write(self, rules: RuleSet) -> tuple[int, list[int]]:
        """Write everything that follows from the message; return the ticket's number and the outbox rows to ring for."""
        message = self.letter.message
        begun, lines, because = self._begin()
        verdict = self._decide(rules, begun, lines)
        number = self._ticket(begun, verdict)
        entry_id = self.pen.entry(number, message, self._author, self._facts())
        self.pen.remember(number, self._keys_to_remember(), self._taking_part())
        lines += verdict.changes
        if (failed := self._failed_delivery(number)) is not None:
            lines.append(failed)
        ids = self.pen.history(number, lines)
        if self.found.linked_to is not None:
            back = Change("ticket.linked", "desk", {"ticket": number, "because": self.found.because})
            self.pen.history(self.found.linked_to, [back])
        self.pen.decision(number, self.desk.version, {"because": because, **verdict.trace})
        return number, self.pen.owe(number, entry_id, self._owed(verdict, ids, lines))

    @property
    def _actor(self) -> str:
        return f"agent:{self.letter.agent.id}" if self.letter.agent else "customer"

    @property
    def _author(self) -> str:
        """Whose words the entry has: of a forwarded mail its writer's."""
        return self._actor if self.letter.agent and not self.letter.forwarded else self.letter.message.sender.id

    def _begin(self) -> tuple[dict[str, Any], list[Change], str]:
        """Return the ticket as it stands before the rules, the events that brought us here, and why in words."""
        letter, ticket = self.letter, self.found.ticket
        aside = f"; {letter.words}" if letter.words else ""
        said = Change("message.received", self._actor, {"channel": self.row.channel, "kind": letter.message.kind})
        if ticket is None:
            department, because = begins(self.desk, self.row.channel, letter.message, letter.meta)
            lines = [Change("ticket.created", self._actor, {"department": department, "because": because}), said]
            words = f"a new ticket in {department}: {because}"
            if self.found.linked_to is not None:
                linked = {"ticket": self.found.linked_to, "because": self.found.because}
                lines.append(Change("ticket.linked", "desk", linked))
                words = (
                    f"{words}; linked to ticket {self.found.linked_to}, which it does not join: {self.found.because}"
                )
            status = "resolved" if letter.archived else "new"
            new = {"department": department, "agent": None, "unassigned_reason": None, "status": status}
            return {**new, "priority": "normal", "tags": ()}, lines, words + aside
        status, lines = ticket.status, [said]
        if self._asks and status not in ("new", "open"):
            lines.append(Change("ticket.reopened", self._actor, {"status": [status, "open"]}))
            status = "open"
        before = {name: getattr(ticket, name) for name in ("department", "agent", "unassigned_reason", "priority")}
        return (
            {**before, "status": status, "tags": tuple(json.loads(ticket.tags))},
            lines,
            f"joins the ticket: {self.found.because}{aside}",
        )

    @property
    def _asks(self) -> bool:
        """Whether a customer wants something now: not a program, not an agent, not history."""
        kind = self.letter.message.kind
        return kind in SPEAKS and kind not in AUTOMATIC and self._actor == "customer" and not self.letter.archived

    def _decide(self, rules: RuleSet, before: dict[str, Any], lines: Sequence[Change]) -> Verdict:
        event = TicketEvent(
            names=frozenset(line.event for line in lines),
            message=self.letter.message,
            channel=self.row.channel,
            channel_type=self.letter.meta["type"],
            recipients=tuple(self.letter.meta.get("recipients", ())),
            trust=self.letter.trust,
            **before,
        )
        return decide(rules, event, self.desk)

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
        }
        if self.found.ticket is None:
            contact_id = self.pen.contact(self.space, self.letter.message)
            return self.pen.create(self.letter.message, contact_id, {**values, "channel": self.row.channel})
        number: int = self.found.ticket.id
        self.pen.change(number, values)
        return number

    def _facts(self) -> dict[str, Any]:
        """Return what is known of the message beside its text, for the entry."""
        letter = self.letter
        said = letter.message.model_dump(
            mode="json",
            include={"report", "spam", "invitation", "sealed", "forwarded"},
            exclude_defaults=True,
        )
        if letter.trust is not None:
            said["trust"] = letter.trust.model_dump(mode="json", exclude_defaults=True)
        if letter.forwarded and letter.agent:
            said["forwarded_by"] = letter.agent.id
        return said

    def _failed_delivery(self, number: int) -> Change | None:
        """Mark the notice a mail server returned as failed; only one of this ticket, and only when it was for good."""
        report = self.letter.message.report
        if self.found.notice is None or report is None or report.action != "failed":
            return None
        words = " ".join(piece for piece in (report.status, report.diagnostic) if piece) or "returned by a mail server"
        recipient = self.pen.undelivered(number, self.found.notice, words)
        if recipient is None:
            return None
        return Change("delivery.failed", "desk", {"notice": self.found.notice, "recipient": recipient, "why": words})

    def _owed(self, verdict: Verdict, ids: Sequence[int], lines: Sequence[Change]) -> list[Intent]:
        letter, decided = self.letter, verdict.decision
        if letter.message.kind not in SPEAKS or letter.archived:
            return []
        happened = [
            Happened(event_id, line.event, letter.agent.id if letter.agent and line.actor == self._actor else None)
            for event_id, line in zip(ids, lines, strict=True)
        ]
        machine = None
        if letter.message.kind in AUTOMATIC:
            machine = Machine(letter.message.sender.id, self.found.ticket is not None, self.pen.told_lately)
        return intents(self.desk, decided.department, decided.agent, happened, decided.notify, machine)

    def _keys_to_remember(self) -> Sequence[str]:
        """Return the keys that will lead here; a stranger's mail must not lead others to its ticket by keys that belong to another one."""
        return (self.keys.own,) if self.found.stranger else self.keys.all

    def _taking_part(self) -> list[str]:
        if not self.keys.mail:
            return []
        message, ours = self.letter.message, self.desk.departments_by_address
        agents = (self.letter.agent.email,) if self.letter.agent else ()
        people = dict.fromkeys((message.sender.id, *message.to, *message.cc))
        return [one for one in people if one and one not in ours and one not in agents and len(one) <= 254]
