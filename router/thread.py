"""Which ticket a message belongs to: the evidence is weighed, and none is taken from somebody who takes no part.

A mail names the mails it answers (RFC 5322, 3.6.4), a reply address, a number in its subject; whoever knows one of these can
name it too, so a mail joins a ticket only when its sender takes part in it, and writes to a mailbox of it. Everybody else
gets a new ticket that is linked. On a platform the conversation itself is the evidence: nobody else can write into it.
Why it is weighed like this: docs/decisions/2026-11-24-threading.md.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, not_, or_, select, union

from config.desk import Desk
from router.boundary import beyond, boundary_of
from router.correlate import Alarm, Earlier, earlier, within
from router.evidence import FOLLOWS, MAIL, SIGNED, STRENGTH, TOPIC, Evidence, Keys, Letter, same_subject
from tickets.prepared import OneOf, Prepared
from tickets.schema import events, inbox, outbox, participants, thread_keys, tickets, waiting

OVER: Final = ("closed", "merged", "spam")
ANSWERS_OURS: Final = frozenset({("reply_address", "bounce"), ("signed_id", "bounce"), ("signed_id", "auto_reply")})
"""What a mail system or a responder sends back, from whatever address: only we signed it, and it changes nothing there."""
MOST_HOPS: Final = 10
"""How many merged tickets are followed to the one that took them in."""
MOST_EVIDENCE: Final = 20
"""How much of the evidence stands in the decision."""


@dataclass(frozen=True, slots=True)
class Found:
    """The ticket to join, or the ticket a new one is linked to, and why; both may be missing.

    With a `ticket`, `linked_to` is another one which the evidence names too and which is not linked yet. `keys` will lead to
    the message's ticket. `notice` is the outbox row of ours that the message answers or reports on. `alarm` is what the
    message is to be counted for, `before` what came of it before, when this message goes to the same ticket.
    """

    ticket: Any | None = None
    linked_to: int | None = None
    because: str | None = None
    stranger: bool = False
    evidence: tuple[Evidence, ...] = ()
    keys: tuple[str, ...] = ()
    notice: int | None = None
    alarm: Alarm | None = None
    before: Earlier | None = None


_WAITING = Prepared(
    select(inbox.c.id)
    .where(
        waiting,  # as it stands in the partial index, or SQLite reads the whole inbox
        OneOf(inbox.c.conversation, "keys"),
        or_(inbox.c.conversation != bindparam("own"), inbox.c.id < bindparam("number")),
        not_(OneOf(inbox.c.id, "passed")),
    )
    .order_by(inbox.c.id)
    .limit(1)
)


_WAITING_TOPIC = Prepared(
    select(inbox.c.id)
    .where(
        waiting,
        inbox.c.topic == bindparam("topic"),
        inbox.c.id < bindparam("number"),
        not_(OneOf(inbox.c.id, "passed")),
    )
    .order_by(inbox.c.id)
    .limit(1)
)


def goes_first(connection: Connection, inbox_id: int, keys: Keys, passed: Sequence[int]) -> int | None:
    """Return a row that still waits and must be routed before this one, or nothing.

    That is a mail this one answers, or an earlier message of the same conversation, on a platform or in Outlook. `passed` are rows that are not waited
    for: this one, the ones under way already (two mails may name each other) and the ones that cannot be routed.
    """
    row = {"number": inbox_id, "own": keys.own, "keys": list(keys.all), "passed": list(passed), "topic": keys.topic}
    first: int | None = _WAITING.value(connection, row)
    if first is None and keys.topic:
        first = _WAITING_TOPIC.value(connection, row)
    return first


_taking_part = and_(participants.c.ticket_id == tickets.c.id, participants.c.address == bindparam("sender"))
_KNOWN = Prepared(
    select(thread_keys.c.key, tickets, participants.c.address.label("taking_part"))
    .join(tickets, tickets.c.id == thread_keys.c.ticket_id)
    .outerjoin(participants, _taking_part)
    .where(OneOf(thread_keys.c.key, "keys"))
    .order_by(tickets.c.id)
    .limit(500)
    .with_for_update(of=tickets)  # two replies to different mails of one ticket must not overwrite each other
)
_NAMED = Prepared(  # the same, with the tickets that are named by number: one statement, so that all lock in one order
    select(
        thread_keys.c.key,
        outbox.c.id.label("notice"),
        *tickets.c,
        participants.c.address.label("taking_part"),
    )
    .select_from(tickets)
    .outerjoin(thread_keys, and_(thread_keys.c.ticket_id == tickets.c.id, OneOf(thread_keys.c.key, "keys")))
    .outerjoin(outbox, and_(outbox.c.ticket_id == tickets.c.id, OneOf(outbox.c.id, "notices")))
    .outerjoin(participants, _taking_part)
    .where(
        tickets.c.id.in_(
            union(
                select(thread_keys.c.ticket_id).where(OneOf(thread_keys.c.key, "keys")),
                select(outbox.c.ticket_id).where(OneOf(outbox.c.id, "notices")),
                select(tickets.c.id).where(OneOf(tickets.c.id, "numbers")),
            )
        )
    )
    .order_by(tickets.c.id)
    .limit(500)
    .with_for_update(of=tickets)
)
_TARGET = Prepared(
    select(tickets, participants.c.address.label("taking_part"))
    .outerjoin(participants, _taking_part)
    .where(tickets.c.id == bindparam("number"))
    .with_for_update(of=tickets)
)
_LINKED = Prepared(
    select(events.c.id)
    .where(
        events.c.ticket_id == bindparam("number"),
        events.c.name == "ticket.linked",
        events.c.data.like(bindparam("beginning")),
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class _Lead:
    """One piece of evidence and the ticket it leads to; `place` orders evidence of one kind, the nearest first."""

    kind: str
    value: str
    place: int
    row: Any


def find(connection: Connection, desk: Desk, keys: Keys, letter: Letter) -> Found:
    """Return the ticket a message joins, or the one its new ticket is linked to, with the evidence in the order of its strength.

    The strongest evidence of somebody who takes part decides. A ticket that is over is followed up as its department says, a
    merged one leads on to the ticket that took it in.
    """
    return _Weighing(connection, desk, keys, letter).found()


class _Weighing:
    """The evidence of one message on the scales."""

    def __init__(self, connection: Connection, desk: Desk, keys: Keys, letter: Letter) -> None:
        self._connection = connection
        self._desk = desk
        self._keys = keys
        self._letter = letter
        self._before = earlier(connection, letter.alarm) if letter.alarm else None
        self._rows = self._candidates()
        self._leads = self._in_order()
        self._told: list[Evidence] = []

    def found(self) -> Found:
        """Return what the strongest evidence that counts leads to, else a new ticket, linked to what the strongest names."""
        refused: Found | None = None
        for number, lead in enumerate(self._leads):
            objection = self._objection(lead)
            if objection is None:
                return self._settled(lead, self._leads[number + 1 :] if self._keys.mail else ())
            self._tell(lead, *objection)
            if refused is None:
                target, _ = self._target(lead.row)
                refused = Found(linked_to=target.id, because=objection[1], stranger=True)
        return self._made(refused or Found(), frozenset(), self._letter.alarm)

    def _candidates(self) -> list[Any]:
        sender, keys = self._letter.writer.address, list(self._keys.looked_up)
        tokens = [token for token in self._keys.tokens if token.genuine]
        if not tokens and self._before is None:
            return _KNOWN.all(self._connection, {"keys": keys, "sender": sender})
        numbers = [token.number for token in tokens if token.letter == "t"]
        numbers += [self._before.ticket_id] if self._before else []
        notices = [token.number for token in tokens if token.letter == "n"]
        row = {"keys": keys, "sender": sender, "numbers": numbers, "notices": notices}
        return _NAMED.all(self._connection, row)

    def _in_order(self) -> list[_Lead]:
        """Return what leads to tickets, the strongest first, each once."""
        found: dict[tuple[str, str, int], _Lead] = {}
        for row in self._rows:
            for lead in self._leads_of(row):
                found.setdefault((lead.kind, lead.value, row.id), lead)
        if not self._keys.mail:
            return sorted(found.values(), key=lambda lead: (lead.row.status in OVER, -lead.row.id))
        return sorted(
            found.values(),
            key=lambda lead: (STRENGTH.index(lead.kind), lead.place, lead.row.status in OVER, lead.row.id),
        )

    def _leads_of(self, row: Any) -> Iterator[_Lead]:
        key, notice = row.key or "", getattr(row, "notice", None)
        if key and not self._keys.mail:
            yield _Lead("conversation", key, 0, row)
        elif key.startswith(MAIL):
            yield _Lead("message_id", key.removeprefix(MAIL), self._keys.all.index(key), row)
        elif key.startswith(TOPIC):
            yield _Lead("thread_index", key.removeprefix(TOPIC), 0, row)
        for place, token in enumerate(self._keys.tokens):
            named = (row.id == token.number or key == f"{FOLLOWS}{token.number}") if token.letter == "t" else False
            if token.genuine and (named or (token.letter == "n" and notice == token.number)):
                yield _Lead(token.kind, token.value, place, row)
        if self._before is not None and self._letter.alarm and row.id == self._before.ticket_id:
            yield _Lead("correlation", f"{self._letter.alarm.name}: {self._letter.alarm.key}", 0, row)

    def _objection(self, lead: _Lead) -> tuple[str, str] | None:
        """Return why the evidence counts for nothing, as verdict and words, or nothing when it counts.

        Who takes part in a merged ticket takes part in the one that took it in, and the other way round.
        """
        objection = self._objection_to(lead.kind, lead.row)
        if objection is not None and lead.row.status == "merged":
            target, _ = self._target(lead.row)
            return objection if target is lead.row else self._objection_to(lead.kind, target)
        return objection

    def _objection_to(self, kind: str, row: Any) -> tuple[str, str] | None:
        writer = self._letter.writer
        if kind in ("conversation", "correlation"):
            return None
        if (kind, self._letter.message.kind) in ANSWERS_OURS:
            return None
        if writer.agent is not None and writer.agent.id in self._desk.members(row.department):
            return None
        if writer.forged:
            return "stranger", f"{writer.address} is not proven to have sent it"
        if not row.taking_part or (writer.agent is None and writer.address in self._desk.agents_by_address):
            return "stranger", f"{writer.address or 'the sender'} takes no part in ticket {row.id}"
        return None if kind in SIGNED else self._elsewhere(row)

    def _elsewhere(self, row: Any) -> tuple[str, str] | None:
        """Return the objection that the mail was sent to another mailbox than the ticket's, or nothing where that is not known."""
        here = self._letter.departments
        known = {row.department, *json.loads(row.addressed_to)} if row.addressed_to else here
        if not here or not here.isdisjoint(known):
            return None
        return "elsewhere", f"it was sent to {', '.join(sorted(here))}, and ticket {row.id} is not there"

    def _settled(self, lead: _Lead, weaker: Sequence[_Lead]) -> Found:
        """Return what follows from the evidence that decides."""
        row, lineage = self._target(lead.row)
        state = self._over(lead, row)
        if state is not None:
            self._tell(lead, *state)
            found, aim = Found(linked_to=row.id, because=state[1]), None
        else:
            because = self._because(lead, row)
            self._tell(lead, "joined", because)
            found, aim = Found(ticket=row, because=because), row.id
        other: _Lead | None = None
        same = {(one.kind, one.value) for one in (lead, *weaker) if one.row.id in lineage}
        for one in weaker:
            if one.row.id in lineage:
                self._tell(one, "agrees", f"ticket {one.row.id} as well")
            elif (objection := self._objection(one)) is not None:
                self._tell(one, *objection)
            else:
                self._tell(one, "weaker", f"ticket {one.row.id} instead; what stands above is stronger")
                other = other or (one if (one.kind, one.value) not in same else None)
        if aim is not None and other is not None and not self._linked(aim, other.row.id):
            found = replace(
                found, linked_to=other.row.id, because=f"{found.because}; ticket {other.row.id} is named too"
            )
        counts = lead.kind == "correlation" or (self._before is None and lead.kind not in SIGNED)
        return self._made(found, lineage, self._letter.alarm if counts else None)

    def _target(self, row: Any) -> tuple[Any, frozenset[int]]:
        """Return the ticket a merged one leads on to, and the numbers on the way; a loop or a gap ends at the merged one."""
        first, passed = row, {row.id}
        while row.status == "merged":
            target = row.merged_into
            if target is None or target in passed or len(passed) > MOST_HOPS:
                return first, frozenset(passed)
            wanted = {"number": target, "sender": self._letter.writer.address}
            row = _TARGET.one(self._connection, wanted)
            if row is None:
                return first, frozenset(passed)
            passed.add(row.id)
        return row, frozenset(passed)

    def _over(self, lead: _Lead, row: Any) -> tuple[str, str] | None:
        """Return why the ticket is not joined though the evidence counts, as verdict and words, or nothing."""
        alarm = self._letter.alarm
        boundary = boundary_of(self._desk, self._letter.channel, row) if lead.kind == "conversation" else None
        if boundary is not None:
            return beyond(boundary, row, self._letter.received_at)
        department = self._desk.departments_by_id.get(row.department)
        policy = (department or self._desk.departments[0]).follow_up
        joins = {
            "resolved": policy.resolved == "reopen",
            "closed": policy.closed == "reopen",
            "spam": False,
            "merged": False,
        }
        if lead.kind == "correlation" and alarm and self._before:
            if alarm.over and row.status in ("resolved", "closed"):
                return None
            if not within(alarm, self._before, self._letter.received_at):
                words = f"the latest mail of the alarm {alarm.name} is more than {alarm.window:g} seconds away"
                return "expired", words
        return None if joins.get(row.status, True) else ("over", f"ticket {row.id} is {row.status}")

    def _because(self, lead: _Lead, row: Any) -> str:
        if lead.kind == "conversation":
            return "it is the same conversation"
        if lead.kind == "correlation" and self._before:
            return f"mail {self._before.times + 1} of the same alarm, {lead.value}"
        merged = f", which ticket {lead.row.id} was merged into" if row.id != lead.row.id else ""
        subject = self._letter.message.subject
        new = ", under a new subject" if subject and not same_subject(subject, row.subject) else ""
        return f"{_words(lead)}{merged}{new}"

    def _linked(self, number: int, other: int) -> bool:
        return _LINKED.value(self._connection, {"number": number, "beginning": f'{{"ticket": {other},%'}) is not None

    def _tell(self, lead: _Lead, verdict: str, words: str) -> None:
        self._told.append(Evidence(lead.kind, lead.value, lead.row.id, verdict, words))

    def _tell_useless(self) -> None:
        """Note what looks like evidence and is none."""
        known = {row.id for row in self._rows} | {f"n{getattr(row, 'notice', None)}" for row in self._rows}
        for token in self._keys.tokens:
            name = token.number if token.letter == "t" else f"n{token.number}"
            if not token.genuine:
                self._told.append(Evidence(token.kind, token.value, None, "forged", "the proof is not of this desk"))
            elif name not in known:
                self._told.append(Evidence(token.kind, token.value, None, "unknown", "there is no such ticket here"))

    def _made(self, found: Found, lineage: frozenset[int], alarm: Alarm | None) -> Found:
        """Return what was found with its evidence, and the keys that may lead to the message's ticket from now on.

        A key that leads to another ticket goes on to lead there only; what follows a ticket that is over takes its keys along.
        """
        self._tell_useless()
        mail = self._keys.mail
        keys = (self._keys.own,) if found.stranger else self._keys.all
        taken = {row.key for row in self._rows if mail and row.id not in lineage}
        kept = [key for key in keys if key not in taken]
        if found.ticket is None and mail:
            kept += [f"{FOLLOWS}{number}" for number in lineage]
        notice = next((row.notice for row in self._rows if getattr(row, "notice", None)), None)
        before = self._before if alarm is not None and found.ticket is not None else None
        told = tuple(self._told[:MOST_EVIDENCE])
        return replace(found, evidence=told, keys=tuple(kept), notice=notice, alarm=alarm, before=before)


def _words(lead: _Lead) -> str:
    return {
        "reply_address": f"it was sent to the reply address of {lead.value}",
        "signed_id": f"it answers {'a notice' if lead.value.startswith('n') else 'a mail'} of this desk ({lead.value})",
        "correlation": f"it is of the alarm {lead.value}",
        "message_id": f"it answers {lead.value}",
        "thread_index": "it is of the same Outlook conversation",
        "subject": f"its subject names {lead.value}",
    }[lead.kind]
