"""Who is to be told: one intent per (event, recipient, notifier), each with its reason, also when it is not sent.

Who may see a ticket is told of each of its moments (router/moments.py) by the ways they chose for it, or the desk file, or
config/notices.py; of several moments of one turn by one way of the weightiest. Nobody is told of what they did themselves,
and only members of a department hear of its tickets; a Slack channel or an address is named by the manager.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from config.desk import Agent, Desk
from config.notices import WAYS, Way, Whose
from router.book import Book
from router.event import Change
from router.moments import POSTED, Moment, agent_of, moments
from router.staff import Pick
from router.state import State
from tickets.preferences import Chosen

MOST_AN_HOUR = 30
"""Notices about automatic messages that one address gets in an hour: a responder that answers us must come to an end."""
IN_APP: Final = "in_app"
"""The way whose rows are the notice itself: there is none that is not sent."""
OWN_ACT: Final = "not told: it is your own act"


@dataclass(frozen=True, slots=True)
class Intent:
    """One notice owed, or one that is not owed and why. `payload` is what a webhook is sent.

    `word` and `whose` are what an agent is told of, see config/notices.py. A row of the way `in_app` is told as it is written.
    """

    event_id: int
    event: str
    recipient: str
    notifier: str
    address: str
    reason: str
    suppressed: bool = False
    payload: str | None = None
    word: str | None = None
    whose: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """An automatic message: whether it joined a ticket, and how many notices an address was sent in the last hour.

    `about` are the addresses it comes from or is about: its sender, and those a mail system could not deliver to.
    """

    about: frozenset[str]
    joined: bool
    lately: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Turned:
    """What a turn has come to: the ticket before and after it, and its lines with the ids they have.

    `picks` are what strategies have chosen, `rung` the agents with whom it rings now, `followers` those who follow the ticket.
    """

    before: State
    state: State
    history: Sequence[tuple[int, Change]]
    picks: Sequence[Pick] = ()
    rung: Sequence[str] = ()
    followers: frozenset[str] = frozenset()


def intents(
    book: Book,
    turned: Turned,
    asked: Iterable[tuple[str, str]],
    machine: Machine | None = None,
    *,
    silent: bool = False,
) -> list[Intent]:
    """Return every intent of one turn.

    `asked` are the (target, reason) pairs of the rules' `notify` and the like, with the targets `agent:ID`, `department:ID`,
    `slack:#channel` and `email:address`; `machine` is who wrote it when that is a program, which must never be answered by
    one (RFC 3834, 2). In a `silent` turn only those asked for are told.
    """
    found: dict[tuple[int, str, str], Intent] = {}
    telling = _Telling(book, turned)
    for intent in (*(() if silent else telling.usual()), *telling.asked(asked)):
        kept = _quiet(intent, machine) if machine else intent
        if kept.notifier != IN_APP:
            found.setdefault((kept.event_id, kept.recipient, kept.notifier), kept)
        elif not kept.suppressed:
            found.setdefault((0, kept.recipient, IN_APP), kept)
    return list(found.values())


def may_see(desk: Desk, department: str, agent: str) -> bool:
    """Tell whether an agent may see the tickets of a department; a desk's only agent has every ticket."""
    return agent in desk.members(department) or (len(desk.agents) == 1 and agent in desk.agents_by_id)


def _quiet(intent: Intent, machine: Machine) -> Intent:
    """Return the notice about an automatic message, suppressed where it would go round in a circle or tell nothing."""
    why_not = None if intent.suppressed else _why_not(intent, machine)
    return replace(intent, suppressed=True, reason=f"not told: {why_not}") if why_not else intent


def _why_not(intent: Intent, machine: Machine) -> str | None:
    if machine.joined and intent.event == "message.received":
        return "an automatic message changes nothing in its ticket"
    if intent.notifier != "email":
        return None
    if intent.address.lower() in machine.about:
        return "it is an automatic message about the same address"
    if any(machine.lately(one) for one in machine.about):
        return "an automatic message from where a notice went within the hour, so it answers that"
    if machine.lately(intent.address) >= MOST_AN_HOUR:
        return f"{MOST_AN_HOUR} notices went there within an hour, and this is about an automatic message"
    return None


def ways_of(desk: Desk, chosen: Chosen, agent: Agent) -> Mapping[Way, str]:
    """Return the ways that reach an agent, each with where it leads."""
    ways: dict[Way, str] = {"email": agent.email}
    if "slack" in desk.notifiers and agent.slack:
        ways["slack"] = agent.slack
    if "push" in desk.notifiers and agent.id in chosen.with_devices:
        ways["push"] = agent.id
    ways["in_app"] = agent.id
    if agent.apprise:
        ways["apprise"] = agent.id  # its address is a secret, which the row need not have
    return ways


def next_way(
    desk: Desk, chosen: Chosen, agent: Agent, used: Collection[str], reached: Collection[str] = ()
) -> Way | None:
    """Return the next of the ways an agent falls back on that was not `used` for it and is not paused.

    Nothing when there is none left, and when another way has `reached` the agent; what stands in the console reaches nobody.
    """
    if any(way != IN_APP for way in reached):
        return None
    has = ways_of(desk, chosen, agent)
    following = chosen.of(desk, agent.id).fall_back or ()
    left = (way for way in following if way in has and way not in used and (agent.id, way) not in chosen.paused)
    return next(left, None)


@dataclass(frozen=True)
class _Telling:
    """The telling of one turn."""

    book: Book
    turned: Turned

    @property
    def _desk(self) -> Desk:
        return self.book.desk

    @property
    def _state(self) -> State:
        return self.turned.state

    @cached_property
    def _department(self) -> str:
        return self._desk.departments_by_id[self._state.department].name

    @cached_property
    def _moments(self) -> list[Moment]:
        turned = self.turned
        return moments(self._desk, turned.before, turned.state, turned.history, turned.picks, turned.rung)

    def usual(self) -> Iterator[Intent]:
        """Yield what is told by what everybody chose: to who has the ticket, then the others, then the department's channel."""
        if not self._moments:
            return
        mine = self._desk.agents_by_id.get(self._state.agent or "")
        if mine is not None:
            yield from self._to_agent(mine)
        for agent in self._desk.agents:
            if agent is not mine and may_see(self._desk, self._state.department, agent.id):
                yield from self._to_agent(agent)
        yield from self._to_channel()

    def asked(self, asked: Iterable[tuple[str, str]]) -> Iterator[Intent]:
        """Yield what somebody asked for, whatever the agents chose."""
        history = self.turned.history
        begin = (one for one in history if one[1].event in ("ticket.created", "message.received"))
        id_, line = origin = next(begin, history[0])
        for target, reason in asked:
            kind, _, who = target.partition(":")
            if kind == "agent":
                yield from self._named(origin, self._desk.agents_by_id[who], reason)
            elif kind == "department":
                for agent in self._desk.agents:
                    if agent.id in self._desk.members(who):
                        yield from self._named(origin, agent, reason)
            elif kind == "slack" and "slack" not in self._desk.notifiers:
                why_not = f"not sent: {reason}, but the desk file has no notifiers.slack"
                yield Intent(id_, line.event, who, kind, who, why_not, suppressed=True)
            else:
                yield Intent(id_, line.event, who, kind, who, reason)

    def _relation(self, agent: str) -> Whose:
        return "mine" if agent == self._state.agent else "unassigned" if self._state.agent is None else "others"

    def _to_agent(self, agent: Agent) -> Iterator[Intent]:
        """Yield one intent for each way, of the weightiest moment that is told by it; one's own act only where nothing else is."""
        chosen, has = self.book.choices(agent.id), ways_of(self._desk, self.book.chosen, agent)
        best: dict[Way, tuple[Moment, Whose]] = {}
        for moment in self._moments:
            if moment.only is not None and agent.id not in moment.only:
                continue
            here: Whose = "mine" if moment.word == "taken" else self._relation(agent.id)
            follows = agent.id in self.turned.followers
            for whose in (here, "followed") if follows else (here,):
                for way in chosen.told(moment.word, whose):
                    if way in has and (way not in best or best[way][0].by == agent.id != moment.by):
                        best[way] = moment, whose
        told = {}
        for way in WAYS:
            if way in best:
                moment, whose = best[way]
                told[way] = Intent(
                    moment.event_id, moment.event, agent.id, way, has[way], moment.reason(whose, self._department),
                    word=moment.word, whose=whose,
                )  # fmt: skip
        own = {way for way, (moment, _) in best.items() if moment.by == agent.id}
        yield from self._fit(agent, has, told, own)

    def _named(self, origin: tuple[int, Change], agent: Agent, reason: str) -> Iterator[Intent]:
        """Yield what an agent is told because somebody named them: by the ways in which they read, whatever they chose."""
        id_, line = origin
        has, whose = ways_of(self._desk, self.book.chosen, agent), self._relation(agent.id)
        named: dict[Way, Intent] = {
            way: Intent(id_, line.event, agent.id, way, has[way], reason, whose=whose)
            for way in ("email", "slack", "in_app")
            if way in has
        }
        yield from self._fit(agent, has, named, set(named) if agent_of(line.actor) == agent.id else set())

    def _fit(self, agent: Agent, has: Mapping[Way, str], told: Mapping[Way, Intent], own: set[Way]) -> Iterator[Intent]:
        """Yield the intents as they may be sent: to nobody who did it or may not see it, and round ways that are paused."""
        sees = may_see(self._desk, self._state.department, agent.id)
        paused = self.book.chosen.paused
        reached = {way for way in told if way not in own and (agent.id, way) not in paused}
        used = set(told)
        for way, intent in told.items():
            if not sees or way in own:
                why_not = OWN_ACT if way in own else f"not told: not a member of {self._department}"
                yield replace(intent, reason=why_not, suppressed=True)
            elif (agent.id, way) in paused:
                why = f"{way} is paused: {paused[agent.id, way]}"
                yield replace(intent, reason=f"not sent: {why}", suppressed=True)
                instead = next_way(self._desk, self.book.chosen, agent, used, reached)
                if instead is not None:
                    used.add(instead)
                    reached.add(instead)
                    reason = f"{intent.reason}; by {instead}, because {why}"
                    yield replace(intent, notifier=instead, address=has[instead], reason=reason)
            else:
                yield intent

    def _to_channel(self) -> Iterator[Intent]:
        place = self._desk.departments_by_id[self._state.department].slack_channel
        moment = next((one for one in self._moments if one.word in POSTED), None)
        if place is not None and moment is not None and "slack" in self._desk.notifiers:
            reason = moment.reason(None, self._department)
            yield Intent(moment.event_id, moment.event, place, "slack", place, reason, word=moment.word)
