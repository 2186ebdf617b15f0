"""What a person changes of a ticket with their own hand: each a pure function of the ticket, or the words why not."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from config.check import NOBODY
from config.desk import Agent, Desk
from config.problems import nearest, shown
from router.absent import gone
from router.clocks.escalation import acknowledged
from router.event import PRIORITIES, Change
from router.staff import Staff
from router.state import OVER, SETTABLE, WORKING, State, transferred


class CannotActError(Exception):
    """The act was not done, and nothing was changed; the message tells a person why and what to do."""


class TakenError(CannotActError):
    """Somebody else has the ticket already."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Whose hand it is, and the desk at the moment (UTC seconds)."""

    agent: Agent
    desk: Desk
    staff: Staff
    now: float

    @property
    def actor(self) -> str:
        """Who the history says it was."""
        return f"agent:{self.agent.id}"


Done = tuple[list[Change], State]
"""The lines of the history, none when everything is so already, and the ticket with what they say done."""


def take(ticket: State, hand: Hand) -> Done:
    """Take a ticket that nobody has; who was a moment too late hears who was faster."""
    if ticket.agent not in (None, hand.agent.id):
        seconds = max(0, round(hand.now - ticket.agent_since))
        faster = _name(hand, ticket.agent)
        raise TakenError(f"{faster} took it {_span(seconds)} before you: ticket {ticket.number} is theirs")
    lost = gone(hand.staff, ticket.department, hand.agent.id)
    if lost is not None and ticket.status in WORKING:
        raise CannotActError(
            f"{lost.why}, so ticket {ticket.number} would not stay with them. Answer it, or be back first"
        )
    return _to(ticket, hand, hand.agent.id, "taken")


def assign(ticket: State, hand: Hand, agent: str) -> Done:
    """Give a ticket to a member of its department who is at work, or back to the department (`nobody`)."""
    if agent == NOBODY:
        return _put_back(ticket, hand)
    known = hand.desk.members(ticket.department)
    if agent not in known:
        raise CannotActError(f"{_unknown('agent', agent, known)} in {ticket.department}. To whom may it go?")
    absent = hand.staff.absent(agent)
    if absent and hand.desk.departments_by_id[ticket.department].when_away != "keep":
        raise CannotActError(
            f"{_name(hand, agent)} is not at work ({absent}), so ticket {ticket.number} stays where it is"
        )
    return _to(ticket, hand, agent, "hand")


def transfer(ticket: State, hand: Hand, department: str) -> Done:
    """Give a ticket to another department; it is nobody's there until its strategy or somebody says so."""
    known = hand.desk.departments_by_id
    if department not in known:
        raise CannotActError(f"{_unknown('department', department, known)}. See the desk file")
    moved, lines = transferred(ticket, department, hand.actor)
    return lines, moved


def status(ticket: State, hand: Hand, to: str) -> Done:
    """Set the status; opening a ticket that was over begins it anew."""
    if to not in SETTABLE:
        raise CannotActError(f"{_unknown('status', to, SETTABLE)}; known: {', '.join(SETTABLE)}")
    if to == ticket.status:
        return [], ticket
    event = "ticket.reopened" if to == "open" and ticket.status in OVER else "ticket.status_changed"
    line = Change(event, hand.actor, {"from": ticket.status, "to": to})
    waiting = None if to == "answered" else ticket.waiting_since  # they say it was answered, on the phone or elsewhere
    return [line], ticket._replace(status=to, postponed_until=None, waiting_since=waiting)


def postpone(ticket: State, hand: Hand, until: float) -> Done:
    """Put a ticket off until a moment (UTC seconds), when it opens by itself; a message of the customer opens it before."""
    if until <= hand.now:
        raise CannotActError("That moment is over already. Choose one that comes")
    if ticket.status not in WORKING | {"answered", "postponed"}:
        raise CannotActError(f"Ticket {ticket.number} is {ticket.status}; there is nothing to postpone")
    line = Change("ticket.status_changed", hand.actor, {"from": ticket.status, "to": "postponed", "until": until})
    return [line], ticket._replace(status="postponed", postponed_until=until)


def priority(ticket: State, hand: Hand, to: str) -> Done:
    """Set the priority."""
    if to not in PRIORITIES:
        raise CannotActError(f"{_unknown('priority', to, PRIORITIES)}; known: {', '.join(PRIORITIES)}")
    if to == ticket.priority:
        return [], ticket
    line = Change("ticket.priority_changed", hand.actor, {"from": ticket.priority, "to": to})
    return [line], ticket._replace(priority=to)


def tag(ticket: State, hand: Hand, added: Collection[str], removed: Collection[str]) -> Done:
    """Add tags of the desk file, and take others off."""
    for one in added:
        if one not in hand.desk.tags:
            raise CannotActError(f"{_unknown('tag', one, hand.desk.tags)} (tags are listed in the desk file)")
    kept = [one for one in ticket.tags if one not in removed]
    tags = tuple(dict.fromkeys((*kept, *added)))
    if tags == ticket.tags:
        return [], ticket
    data = {"added": [one for one in tags if one not in ticket.tags]}
    gone = [one for one in ticket.tags if one not in tags]
    return [Change("ticket.tagged", hand.actor, data | ({"removed": gone} if gone else {}))], ticket._replace(tags=tags)


def acknowledge(ticket: State, hand: Hand) -> Done:
    """Stop the ticket's escalation, for as long as it says: somebody sees to it."""
    lines, now = acknowledged(ticket, hand.desk, hand.agent.id, hand.now)
    if not lines:
        raise CannotActError(f"No escalation runs in ticket {ticket.number}; there is nothing to acknowledge")
    return lines, now


def merged(ticket: State, hand: Hand, into: int) -> Done:
    """Let a ticket be part of another one."""
    line = Change("ticket.merged", hand.actor, {"into": into})
    return [line], ticket._replace(status="merged", postponed_until=None)


def _to(ticket: State, hand: Hand, agent: str, reason: str) -> Done:
    if agent == ticket.agent:
        return [], ticket
    line = Change("ticket.assigned", hand.actor, {"from": ticket.agent, "to": agent, "reason": reason})
    return [line], ticket._replace(agent=agent, unassigned_reason=None)


def _put_back(ticket: State, hand: Hand) -> Done:
    """Put a ticket back into the queue. A strategy gives it to somebody else, for whoever had it is passed over."""
    if ticket.agent is None:
        return [], ticket
    strategy = hand.desk.departments_by_id[ticket.department].assignment != "none"
    line = Change("ticket.unassigned", hand.actor, {"from": ticket.agent, "reason": "put_back"})
    react: Mapping[str, Any] = ticket.clocks.get("react", {})
    passed = [*react.get("passed", ()), ticket.agent]
    clocks = {**ticket.clocks, "react": {**react, "passed": passed}} if strategy else ticket.clocks
    return [line], ticket._replace(agent=None, unassigned_reason="several_agents", clocks=clocks)


def _name(hand: Hand, agent: str | None) -> str:
    known = hand.desk.agents_by_id.get(agent or "")
    return known.name if known else str(agent)


def _span(seconds: int) -> str:
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def _unknown(noun: str, word: str, known: Collection[str]) -> str:
    near = nearest(word, known)
    return f'No {noun} is called "{shown(word)}"' + (f"; did you mean {near}?" if near else "")


Act = Callable[[State, Hand], Done]
"""An act with its value."""
