"""What a turn is to those who are told of it: the lines of the history, in the words of config/notices.py."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from config.desk import Desk
from config.notices import Whose, Word
from router.event import Change
from router.staff import Pick
from router.state import State
from tickets.availability import way_in

ORDER: Final[tuple[Word, ...]] = (
    "chat_ringing", "assigned", "taken", "new", "sla_breached", "sla_warning", "unassigned_too_long", "chat_missed",
    "undelivered", "reopened", "chat_message", "replied", "colleague", "rated",
)  # fmt: skip
"""What comes first is what an agent is told of a turn by a way: what they have to do, then what went wrong, then what was said."""

POSTED: Final[frozenset[Word]] = frozenset(ORDER) - {"chat_ringing", "assigned", "taken", "colleague"}
"""What a department's Slack channel is told of; who has the ticket stands on its card."""

ALARMS: Final[Mapping[str, tuple[Word, str]]] = {
    "sla.breached": ("sla_breached", "{} is late: a promise to its customer is broken"),
    "sla.warning": ("sla_warning", "{} has to be seen to: a promise to its customer is nearly due"),
    "delivery.failed": ("undelivered", "a message about {} could not be delivered"),
}

_HAPPENED: Final[Mapping[str, tuple[Word, str]]] = {
    "chat.missed": ("chat_missed", "nobody was there for the chat in time"),
    "ticket.reopened": ("reopened", "the ticket is open again"),
    "ticket.answered": ("colleague", "a colleague wrote"),
    "ticket.noted": ("colleague", "a colleague wrote a note"),
    "ticket.merged": ("replied", "another ticket of the customer was merged into it"),
    "ticket.rated": ("rated", "the customer rated the ticket"),
}
_AND: Final[Mapping[Whose, str]] = {
    "mine": "the ticket is yours",
    "unassigned": "it is nobody's, in your department {}",
    "others": "it is a ticket of your department {}",
    "followed": "you follow the ticket",
}
_TICKET: Final[Mapping[Whose, str]] = {"mine": "your ticket", "followed": "a ticket you follow"}


class Moment(NamedTuple):
    """Something an agent may be told of: the word for it, its line of the history, the agent who did it, if one did.

    `what` says it in words; `only` are the agents it concerns, where it is not everybody who may see the ticket.
    """

    word: Word
    event_id: int
    event: str
    by: str | None
    what: str
    only: frozenset[str] | None = None

    def reason(self, whose: Whose | None, department: str) -> str:
        """Return why somebody is told: what happened, and what they have to do with it; nothing of `whose` is a Slack channel."""
        if self.word == "new":
            return self.what.format(f"your department {department}" if whose else department)
        if self.event in ALARMS:
            return self.what.format(_TICKET.get(whose or "others", f"a ticket of {department}"))
        if self.word in ("taken", "chat_ringing") or whose is None:
            return self.what
        if self.word == "assigned" and whose == "mine":
            return "the ticket is assigned to you"
        return f"{self.what}, and {_AND[whose].format(department)}"


def moments(
    desk: Desk,
    before: State,
    state: State,
    history: Sequence[tuple[int, Change]],
    picks: Sequence[Pick],
    rung: Collection[str],
) -> list[Moment]:
    """Return the moments of a turn, the weightiest first, each word once.

    `history` are its lines with their ids, `picks` what the strategies have chosen, `rung` the agents with whom it rings now.
    """
    lines = {line.event: (id_, line) for id_, line in history}
    found: dict[Word, Moment] = {}
    for word, event, what, only in (*_responsible(desk, before, state, lines, picks, rung), *_said(desk, state, lines)):
        id_, line = lines[event]
        found.setdefault(word, Moment(word, id_, event, agent_of(line.actor), what, only))
    return [found[word] for word in ORDER if word in found]


def agent_of(actor: str) -> str | None:
    """Return the agent that an actor of the history is, if it is one."""
    return actor.removeprefix("agent:") if actor.startswith("agent:") else None


_Lines = Mapping[str, tuple[int, Change]]
_Said = Iterator[tuple[Word, str, str, frozenset[str] | None]]


def _responsible(
    desk: Desk, before: State, state: State, lines: _Lines, picks: Sequence[Pick], rung: Collection[str]
) -> _Said:
    """Yield what a turn is to who has the ticket, who had it, and who could have it."""
    if rung:
        event = next(
            (one for one in ("ticket.rung", "ticket.created", "message.received") if one in lines), next(iter(lines))
        )
        yield "chat_ringing", event, "it rings with you, and whoever takes it first has it", frozenset(rung)
    given = state.agent is not None and "ticket.assigned" in lines
    if given and way_in(desk, state.channel) in ("chat", "phone") and any(one.agent == state.agent for one in picks):
        yield "chat_ringing", "ticket.assigned", "it rings with you", frozenset({state.agent or ""})
    if given:
        yield "assigned", "ticket.assigned", f"{_name(desk, state.agent)} has it now", None
    lost = next((one for one in ("ticket.unassigned", "ticket.assigned") if one in lines), None)
    if before.agent is not None and before.agent != state.agent and lost is not None:
        yield "taken", lost, _taken(desk, state, lines[lost][1]), frozenset({before.agent})
    if (new := next((one for one in ("ticket.created", "ticket.transferred") if one in lines), None)) is not None:
        yield "new", new, "a new ticket in {}", None
    elif "ticket.unassigned" in lines and state.agent is None:
        yield "new", "ticket.unassigned", "a ticket of {} is nobody's", None
    if "ticket.unassigned_too_long" in lines and state.agent is None:
        yield "unassigned_too_long", "ticket.unassigned_too_long", "the ticket waits too long", None


def _said(desk: Desk, state: State, lines: _Lines) -> _Said:
    """Yield what was said, and what became of it."""
    if "message.received" in lines and "ticket.created" not in lines:
        if agent_of(lines["message.received"][1].actor):
            yield "colleague", "message.received", "a colleague wrote", None
        else:
            if way_in(desk, state.channel) == "chat":
                yield "chat_message", "message.received", "the customer wrote in the chat", None
            yield "replied", "message.received", "the customer replied", None
    for event, (word, what) in {**ALARMS, **_HAPPENED}.items():
        if event in lines:
            yield word, event, what, None


def _taken(desk: Desk, state: State, line: Change) -> str:
    has = _name(desk, state.agent) if state.agent else "nobody"
    why = f": {line.data['why']}" if line.data.get("why") else ""
    return f"the ticket is not yours any more, {has} has it{why}"


def _name(desk: Desk, agent: str | None) -> str:
    known = desk.agents_by_id.get(agent or "")
    return known.name if known else str(agent)
