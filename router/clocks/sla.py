"""The clock of the promises: first response, next response and resolution, in open hours, warned of and broken.

The facts are kept with the ticket (since when somebody waits, its pauses), and every due time follows from them and the
desk file, so that winding it twice, or for another version of the desk file, comes to the same.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from config.calendar import ALWAYS
from config.desk import Desk
from config.sla import TARGETS, Sla
from router.clocks.clock import Struck, Wound
from router.clocks.promise import Kept, Pause, Promise, Terms, kept_of, paused
from router.event import Change
from router.level import level_of
from router.rules import RuleSet
from router.state import OVER, WORKING, State
from tickets.look import moment as told


def terms_of(state: State, desk: Desk, sla: Sla) -> dict[str, Terms]:
    """Return what a level promises a ticket now, by target."""
    department = desk.departments_by_id.get(state.department)
    calendar = sla.calendar or (department.calendar if department else None) or ALWAYS
    said = sla.targets(state.priority)
    return {name: Terms(sla.id, seconds, calendar, sla.warn_before) for name, seconds in said.items()}


@dataclass(frozen=True, slots=True)
class Promises:
    """The clock; what it keeps is `Kept`."""

    word: str = "sla"

    def statuses(self, desk: Desk, rules: RuleSet) -> Collection[str]:
        """Return in which statuses a ticket has what the desk file promises: in others it has when it is open again."""
        del rules
        return WORKING if desk.slas else ()

    def wind(self, state: State, before: State | None, desk: Desk, rules: RuleSet, now: float) -> Wound | None:
        """Return the promises as they run from `now` on.

        Tickets that were there before the desk had any promises are promised from now on.
        """
        del rules
        if not desk.slas:
            return None
        said = state.clocks.get(self.word)
        kept = kept_of(said) if said else Kept(state.created_at if before is None else now)
        pauses = paused(kept.pauses, max(state.status_since, kept.since), now=state.status not in WORKING)
        sla, because = level_of(state, desk) or (None, None)
        turn = _Turn(state, desk, kept, pauses, sla, now)
        terms = terms_of(state, desk, sla) if sla else {}
        targets = {name: one for name in TARGETS if (one := turn.promise(name, terms.get(name))) is not None}
        kept = Kept(kept.since, pauses, sla.id if sla else None, because, targets)
        if state.status in OVER:
            return Wound(kept.as_json(), by_desk=False)
        strikes = [struck[1] for one in targets.values() if (struck := one.strikes(desk, now)) is not None]
        due = nearest(state, targets)
        return Wound(kept.as_json(), min(strikes, default=None), due, by_desk=bool(strikes) or due is not None)

    def strike(self, state: State, desk: Desk, rules: RuleSet, now: float) -> Struck | None:
        """Return the warnings and breaches that are due."""
        del rules
        said = state.clocks.get(self.word)
        if not said or state.status in OVER:
            return None
        kept, lines, targets = kept_of(said), list[Change](), dict[str, Promise]()
        for name, one in kept.targets.items():
            struck = one.strikes(desk, now)
            if struck is None or struck[1] > now:
                targets[name] = one
                continue
            event = struck[0]
            lines.append(Change(event, "clock", _data(name, one)))
            targets[name] = replace(one, breached=now) if event == "sla.breached" else replace(one, warned=now)
        if not lines:
            return None
        clocks = {**state.clocks, self.word: replace(kept, targets=targets).as_json()}
        return Struck(lines, state._replace(clocks=clocks))


def nearest(state: State, targets: Mapping[str, Promise]) -> float | None:
    """Return when the nearest promise that runs is broken, or was."""
    waits = state.status in WORKING
    runs = [one.due for name, one in targets.items() if one.runs and one.due and (waits or name != "resolution")]
    return min(runs, default=None)


def _data(name: str, one: Promise) -> dict[str, str | None]:
    counted = f"{duration(one.seconds)} open in {one.calendar} since {told(one.counted)}"
    return {"target": name, "level": one.level, "due": told(one.due), "counted": counted}


def duration(seconds: float) -> str:
    """Return a time span in words: `4h`, `1h 30m`, `45s`."""
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a turn does to the promises of a ticket, as they were kept; it has these pauses and this level now."""

    state: State
    desk: Desk
    kept: Kept
    pauses: tuple[Pause, ...]
    sla: Sla | None
    now: float

    def promise(self, name: str, terms: Terms | None) -> Promise | None:
        """Return a promise as it is from now on."""
        waits = self._resolution if name == "resolution" else self._response
        began, old = waits(name, self.kept.targets.get(name))
        if began is None:
            return old
        if old is None:
            if terms is None or self.sla is None:
                return None
            start = self.now if self.sla.when_changed == "from_now" else max(began, self.kept.since)
            return self._computed(Promise(terms.level, terms.seconds, terms.calendar, began, start), name, terms)
        if old.broken(self.now):
            return replace(old, off=terms is None)
        if terms is None or self.sla is None:
            return replace(old, due=None, warn=None, off=True)
        return self._changed(old, name, terms, self.sla)

    def _changed(self, old: Promise, name: str, terms: Terms, sla: Sla) -> Promise:
        """Return a promise that runs by the terms of now, as the level says what they do to it."""
        same = not old.off and (old.level, old.seconds, old.calendar) == (terms.level, terms.seconds, terms.calendar)
        if not same and sla.when_changed == "from_now":
            old = replace(old, counted=self.now, warned=None)
        elif not same and sla.when_changed == "from_start":
            old = replace(old, counted=max(old.began, self.kept.since))
        elif not same and old.calendar in self.desk.hours:
            terms = Terms(old.level, old.seconds, old.calendar, terms.before)
        return self._computed(old, name, terms)

    def _computed(self, one: Promise, name: str, terms: Terms) -> Promise:
        return one.computed(terms, self.desk, self.pauses if name == "resolution" else ())

    def _response(self, name: str, old: Promise | None) -> tuple[float | None, Promise | None]:
        """Return since when the customer waits for an answer, if so, and the promise of it so far."""
        state, first = self.state, name == "first_response"
        began = state.waiting_since if first == (state.first_answered_at is None) else None
        if began is not None:
            return began, old if old is not None and not old.ended and old.began == began else None
        if old is None or old.ended:
            return None, old
        answered = state.answered_at is not None and (state.answered_at >= old.began or state.status not in OVER)
        return None, replace(old, met=state.answered_at) if answered else replace(old, dropped=self.now)

    def _resolution(self, _name: str, old: Promise | None) -> tuple[float | None, Promise | None]:
        """Return since when the customer waits for the end, if so, and the promise of it so far."""
        state = self.state
        if state.status not in OVER:
            if old is not None and old.ended:
                old = replace(old, met=None, dropped=None, due=old.due if old.broken(self.now) else None)
            return state.created_at, old
        if old is None or old.ended:
            return None, old
        done = state.status in ("resolved", "closed")
        return None, replace(old, met=state.resolved_at) if done else replace(old, dropped=self.now)
