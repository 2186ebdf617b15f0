"""A promise to a ticket's customer: how long something may take, since when it is counted, and what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from config.calendar import Calendar
from config.desk import Desk
from tickets.calendar import add, is_open, open_seconds, opens_at

LATE: Final = 300.0
"""Seconds after its time in which something still strikes when the hours have ended; later it waits until they begin."""
MOST_PAUSES: Final = 100

Pause = tuple[float, float | None]
"""From when to when a ticket waited for its customer, or was over; nothing at its end while it does."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is promised now: so many seconds of a calendar's hours, and a warning so many of them before."""

    level: str
    seconds: float
    calendar: str
    before: float | None


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise, as it is kept with the ticket; times are UTC seconds.

    `began` is when the customer began to wait, `counted` since when the time counts. `due` is when it is broken and `warn`
    when it is warned of that; `warned` and `breached` are when the history told so. It ends `met`, or `dropped` when the
    ticket was over without it. What nobody promises any more is `off`. One that was broken stays as it was.
    """

    level: str
    seconds: float
    calendar: str
    began: float
    counted: float
    due: float | None = None
    warn: float | None = None
    warned: float | None = None
    breached: float | None = None
    met: float | None = None
    dropped: float | None = None
    off: bool = False

    @property
    def ended(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.met is not None or self.dropped is not None

    @property
    def runs(self) -> bool:
        """Whether it is promised and somebody waits for it."""
        return not (self.ended or self.off)

    def broken(self, now: float) -> bool:
        """Tell whether its time had passed before it was met: what comes at the very moment is late."""
        end = min(one for one in (self.met, self.dropped, now) if one is not None)
        return self.due is not None and self.due <= end

    def strikes(self, desk: Desk, now: float) -> tuple[str, float] | None:
        """Return the next event of it and when that comes, which may be past; nothing when there is none.

        Inside the hours, or up to five minutes after its time; else when they begin again. A broken promise is told of
        when it was met since, but nobody is warned of it any more.
        """
        calendar = desk.hours.get(self.calendar)
        if self.off or self.dropped is not None or self.due is None or self.breached is not None:
            return None
        if self.broken(now):
            name, at = "sla.breached", self.due
        elif self.met is not None:
            return None
        elif self.warn is not None and self.warned is None:
            name, at = "sla.warning", self.warn
        else:
            return "sla.breached", self.due
        if calendar is None or now <= at + LATE or is_open(calendar, now):
            return name, at
        opened = opens_at(calendar, now)
        return None if opened is None else (name, opened)

    def computed(self, terms: Terms, desk: Desk, pauses: Sequence[Pause]) -> "Promise":
        """Return it with these terms, and when it is due and warned of by them."""
        calendar, seconds, before = desk.hours[terms.calendar], terms.seconds, terms.before
        due = moment(calendar, self.counted, seconds, pauses)
        warn = None
        if due is not None and before is not None and before < seconds:
            warn = moment(calendar, self.counted, seconds - before, pauses)
        return replace(self, level=terms.level, seconds=seconds, calendar=terms.calendar, due=due, warn=warn, off=False)


def moment(calendar: Calendar, start: float, seconds: float, pauses: Sequence[Pause] = ()) -> float | None:
    """Return when so many open seconds have passed since `start` without the pauses; nothing while one goes on, or never."""
    for begin, end in pauses:
        if end is not None and end <= start:
            continue
        spent = open_seconds(calendar, start, begin)
        if seconds <= spent:
            break
        if end is None:
            return None
        start, seconds = max(start, end), seconds - spent
    return add(calendar, start, seconds)


def stretches(begin: float, end: float, pauses: Sequence[Pause]) -> Iterator[tuple[float, float]]:
    """Yield from when to when the time counts between two moments, without the pauses."""
    for pause, until in pauses:
        if pause >= end:
            break
        if begin < pause:
            yield begin, pause
        begin = max(begin, end if until is None else until)
    if begin < end:
        yield begin, end


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a ticket's promises: since when there are any, its pauses, its level and why it has that, each target."""

    since: float
    pauses: tuple[Pause, ...] = ()
    level: str | None = None
    because: str | None = None
    targets: Mapping[str, Promise] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON, without what is nothing."""
        said: dict[str, Any] = {"since": self.since, "pauses": [list(pause) for pause in self.pauses]}
        if self.level is not None:
            said |= {"level": self.level, "because": self.because}
        said["targets"] = {
            name: {key: value for key in _KEYS if (value := getattr(one, key)) is not None and value is not False}
            for name, one in self.targets.items()
        }
        return said


_KEYS: Final = tuple(one.name for one in fields(Promise))


def kept_of(said: Mapping[str, Any]) -> Kept:
    """Return what was kept, from its JSON."""
    return Kept(
        said["since"],
        tuple((begin, end) for begin, end in said["pauses"]),
        said.get("level"),
        said.get("because"),
        {name: Promise(**one) for name, one in said["targets"].items()},
    )


def paused(pauses: tuple[Pause, ...], at: float, *, now: bool) -> tuple[Pause, ...]:
    """Return the pauses with that which begins, or ends, at a moment, if one does.

    A ticket with more than a hundred of them loses the shortest stretch between two: that counts for nobody.
    """
    goes_on = bool(pauses) and pauses[-1][1] is None
    if now == goes_on:
        return pauses
    if goes_on:
        return (*pauses[:-1], (pauses[-1][0], at))
    pauses = (*pauses, (at, None))
    if len(pauses) <= MOST_PAUSES:
        return pauses
    gaps = [(pauses[place + 1][0] - (pauses[place][1] or 0.0), place) for place in range(len(pauses) - 1)]
    _, place = min(gaps)
    return (*pauses[:place], (pauses[place][0], pauses[place + 1][1]), *pauses[place + 2 :])
