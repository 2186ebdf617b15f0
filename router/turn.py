"""One turn of events in a ticket: what happened, what the rules and the desk make of it, and everything that follows, written.

Messages (`router/case.py`), acts (`router/act.py`) and the clocks come here, so that every event is treated alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.asking import ask
from router.book import Book
from router.clocks.react import called, noted
from router.clocks.wind import wind
from router.decide import Verdict, decide
from router.effects import Scene, perform
from router.event import Change, TicketEvent, actors, changed
from router.followers import followers_of
from router.lookups import lookups_of
from router.staff import Staff
from router.state import State, decided, housed
from router.tell import Intent, Machine, Turned, intents
from router.ticket import Pen
from router.workload import took_turn
from tickets.cards import changed as cards_due


@dataclass(frozen=True, slots=True)
class Written:
    """What a turn has written: the ids of what stands in the history, and of the outbox rows to ring for."""

    events: list[int]
    rings: list[int]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn in one ticket, in the open transaction of `pen`. The caller holds the ticket's row, or makes it.

    `before` is the ticket as it stood; `staff` is who is at work. `follows` counts the turns in other tickets it follows from.
    """

    pen: Pen
    book: Book
    staff: Staff
    before: State
    follows: int = 0

    def take(  # all that an event may come with
        self,
        lines: Sequence[Change],
        now: State | None = None,
        *,
        text: str = "",
        entry: int | None = None,
        only: frozenset[str] | None = None,
        tell: Sequence[tuple[str, str]] = (),
    ) -> tuple[State, Written]:
        """Write what follows from the lines, and return the ticket as it is then, and what was written.

        `now` is the ticket with what the lines say done, where they change it; `text` and `entry` are what was written.
        `only` are the rules to ask, where not all are; `tell` are targets to tell besides, each with the reason in words.
        Without lines it is only asked who has the ticket, and nothing is written where that stays.
        """
        now, moved = housed(now or self.before, self.book.desk)
        lines = [*lines, *moved]
        event = self.event(lines, now, text)._replace(only=only)
        verdict = decide(self.book.rules, event, self.book.desk, self.staff)
        if not lines and not verdict.changes:
            return self.before, Written([], [])
        state = self.settled(verdict, lines, event)
        self.pen.save(state)
        return state, self.conclude(state, event, verdict, lines, entry, tell=tell)

    def event(self, lines: Sequence[Change], now: State, text: str = "") -> TicketEvent:
        """Return what the rules are asked about when something happened that is no message."""
        config = self.book.desk.channels_by_name.get(now.channel)
        return TicketEvent(
            names=frozenset(line.event for line in lines),
            ticket=now,
            at=self.pen.now,
            channel=now.channel,
            channel_type=config.type if config else "",
            text=text,
            changed=changed(lines),
            actors=actors(lines),
            lookups=lookups_of(self.pen.connection, now),
            follows=self.follows,
        )

    def settled(self, verdict: Verdict, lines: Sequence[Change], event: TicketEvent) -> State:
        """Return the ticket as decided, with its clocks wound."""
        whole = (*lines, *verdict.changes)
        happened = {line.event for line in whole}
        state = decided(self.before, event.ticket, verdict.decision, happened, self.pen.now)
        state = noted(state, self.before, verdict.decision.picks, whole, self.book.desk, self.pen.now)
        before = None if self.before.number is None else self.before
        return wind(state, before, self.book.desk, self.book.rules, self.pen.now)

    def conclude(  # noqa: PLR0913  # all that a turn may come with
        self,
        state: State,
        event: TicketEvent,
        verdict: Verdict,
        lines: Sequence[Change],
        entry: int | None,
        *,
        why: Mapping[str, Any] | None = None,
        quiet: bool = False,
        machine: Machine | None = None,
        tell: Sequence[tuple[str, str]] = (),
    ) -> Written:
        """Write the history, the effects, why, and what is owed.

        `lines` are what happened, `verdict.changes` stand behind them; `why` goes into the trace; `quiet` tells nobody.
        `tell` are targets with their reasons, besides those of the rules.
        """
        desk, number = self.book.desk, state.number or 0
        whole = (*lines, *verdict.changes)
        ids = self.pen.history(number, whole)
        if "slack" in desk.notifiers and self.before.number is not None:
            cards_due(self.pen.connection, number, self.pen.now)
        scene = Scene(self.pen, desk, state, event, verdict.decision, entry, self._elsewhere, quiet)
        effects = perform(scene)
        trace = {**(why or {}), **verdict.trace, **({"effects": effects} if effects else {})}
        if state.agent is not None and any(pick.agent == state.agent for pick in verdict.decision.picks):
            took_turn(self.pen.connection, state.department, state.agent, self.pen.now)
        if why or _says_something(trace):
            self.book.record.keep(self.pen.connection, self.book.rules, self.pen.now)
            self.pen.decision(number, desk.version, trace, (ids[0], max((*ids, *scene.events))))
        if quiet:
            return Written(ids, scene.rings)
        if state.status == "resolved" != self.before.status:
            ask(scene)
        known = self.before.number is not None
        followers = followers_of(self.pen.connection, number) if known else frozenset[str]()
        owed = self.notices(state, verdict, list(zip(ids, whole, strict=True)), machine, tell, followers)
        return Written(ids, scene.rings + self.pen.owe(number, entry, owed))

    def notices(  # all that a turn may come with
        self,
        state: State,
        verdict: Verdict,
        history: Sequence[tuple[int, Change]],
        machine: Machine | None,
        tell: Sequence[tuple[str, str]] = (),
        followers: frozenset[str] = frozenset(),
    ) -> list[Intent]:
        """Return everyone who is to be told of the turn's lines, which come with the ids they have; writes nothing."""
        picks = verdict.decision.picks
        rung = called(state, self.before, picks, self.pen.now)
        turned = Turned(self.before, state, history, picks, rung, followers)
        asked = [
            *tell,
            *((target, f'rule "{rule}" asked to tell you') for target, rule in verdict.decision.notify),
        ]
        merged = state.status == "merged" != self.before.status  # who goes on is told there
        silent = verdict.decision.silent or merged
        return intents(self.book, turned, asked, machine, silent=silent)

    def _elsewhere(self, before: State, lines: Sequence[Change], now: State, entry: int | None) -> list[int]:
        """Do the turn that an effect has brought about in another ticket."""
        turn = Turn(self.pen, self.book, self.staff, before, self.follows + 1)
        return turn.take(lines, now, entry=entry)[1].rings


def _says_something(trace: Mapping[str, Any]) -> bool:
    """Tell whether a trace is worth keeping: a rule was asked, or an agent chosen."""
    return bool(trace["rules"]) or not trace.keys().isdisjoint(("saw", "next", "picked", "effects"))
