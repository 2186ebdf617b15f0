"""When an agent is told: at once, later together with other notices, or not at all. Pure: nothing is asked, nothing is written.

What is important does not wait. Everything else waits for the end of quiet hours, for the digest of its way, for the end of
an hour in which too much was told, and for what else comes of its ticket. See docs/flow.md, step 11.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from config.calendar import Calendar
from config.notices import Choices, Way, Whose, Word
from tickets.calendar import closes_at, is_open
from tickets.seen import SEEN

APART_SECONDS: Final = 120.0
"""So far apart an agent is told of one ticket by one way; what comes meanwhile goes together."""

MOST_AN_HOUR: Final[Mapping[Way, int]] = {"email": 60, "slack": 120, "push": 60, "apprise": 30}
"""So many notices an agent gets by a way in an hour of the clock, and twice as many with what is important.

One a minute is more than anybody reads in a mailbox or on a telephone. Slack is made for more, and takes one a second.
Behind an Apprise URL stand services that give away less: Pushover 10,000 a month, ntfy one in five seconds.
"""

AT_ONCE: Final[frozenset[Word]] = frozenset({"assigned", "taken"})
"""What does not wait for what else comes of its ticket: it says whose the ticket is."""

TO_TAKE: Final[frozenset[Word]] = frozenset({"new", "reopened", "chat_ringing", "chat_missed", "unassigned_too_long"})
TO_HAVE: Final[frozenset[Word]] = frozenset({"assigned", "chat_ringing"})
OVER: Final = frozenset({"resolved", "closed", "spam", "merged"})
"""What is no news any more when somebody has the ticket or it is over, and what when the agent has not; see `needless`."""
_MIDNIGHT: Final = "00:00"
_DAYS: Final = 4


@dataclass(frozen=True, slots=True)
class Owed:
    """What a notice is of, and how its ticket stands now.

    `word` is nothing, or `asked` is true, when a rule or the like asked for it; `tried` says that an attempt was made; `place` that it goes to
    a department's channel, `member` whether that or the agent may see the ticket; `whose`
    and `word` are as config/notices.py has them; `mine` tells whether the recipient has the ticket now, `has` who does, by name.
    """

    way: Way
    word: Word | None
    whose: Whose | None
    asked: bool
    tried: bool
    bundle: str | None
    seen: bool
    member: bool
    department: str
    mine: bool
    has: str | None
    status: str
    place: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What the agent was told lately by the same way, in UTC seconds.

    `trying` is until when an earlier notice of the ticket is being sent, or waits to be tried again; `last` is when one of the ticket was
    sent within `APART_SECONDS`; `this_hour` counts what was sent since the hour of the clock began.
    """

    trying: float | None = None
    last: float | None = None
    this_hour: int = 0


@dataclass(frozen=True, slots=True)
class Now:
    """It goes out, together with what waits of its ticket or its bundle."""


@dataclass(frozen=True, slots=True)
class Later:
    """It waits until `at` (UTC seconds), and `why` says so to people; `bundle` is true for a digest of its way."""

    at: float
    why: str
    bundle: bool = False


@dataclass(frozen=True, slots=True)
class Never:
    """It is not sent; `why` says so to people."""

    why: str


def when(owed: Owed, choices: Choices, timezone: str, told: Told, now: float) -> Now | Later | Never:
    """Return when an agent with these choices and in this time zone (an IANA name) is told, at `now` (UTC seconds)."""
    if (why_not := needless(owed)) is not None:
        return Never(why_not)
    important = owed.word in (choices.important or ())
    if not important and (held := _held_back(owed, choices, timezone, now)) is not None:
        return held
    if owed.tried:  # it is the same notice again: it waits for nothing else
        return Now()
    if told.this_hour >= MOST_AN_HOUR[owed.way] * (2 if important else 1):
        why = f"{told.this_hour} notices went by {owed.way} this hour; told together"
        return _later(next_hour(now, timezone), why, timezone)
    if important or owed.asked or owed.word is None or owed.word in AT_ONCE or owed.bundle is not None:
        return Now()
    return _apart(told, timezone, now)


def needless(owed: Owed) -> str | None:
    """Return why nobody needs to be told any more, or nothing."""
    if owed.seen:
        return SEEN
    if not owed.member:
        return f"not sent: {'the ticket is now in' if owed.place else 'no longer a member of'} {owed.department}"
    if owed.whose == "unassigned" and owed.word in TO_TAKE:
        if owed.has is not None:
            return f"not sent: {'you have' if owed.mine else f'{owed.has} has'} the ticket meanwhile"
        if owed.status in OVER:
            return f"not sent: the ticket is {owed.status} meanwhile"
    if owed.whose == "mine" and owed.word in TO_HAVE and not owed.mine:
        return f"not sent: {owed.has or 'nobody'} has the ticket meanwhile"
    return None


def _apart(told: Told, timezone: str, now: float) -> Now | Later:
    at = None
    if told.trying is not None:
        at = max(told.trying, now + APART_SECONDS)
    elif told.last is not None and told.last + APART_SECONDS > now:
        at = min(told.last, now) + APART_SECONDS  # a clock that was put back holds nobody up
    if at is None:
        return Now()
    return Later(at, f"told at {clock(at, timezone)} together with what comes until then")


def _held_back(owed: Owed, choices: Choices, timezone: str, now: float) -> Later | Never | None:
    """Return until when quiet hours or the digest hold it back, if they do."""
    gathered = owed.tried or owed.bundle is not None  # it was in a digest already, or its turn has come
    digest = None if gathered else (choices.digest or {}).get(owed.way)
    at = _after_quiet(choices, timezone, now)
    if at is not None and digest is not None:
        before = now if at == now else at - 1.0  # the end of quiet hours may be the moment of the digest
        due = next_hour(before, timezone) if digest == "hourly" else next_time(choices.digest_at, before, timezone)
        at = _after_quiet(choices, timezone, due)
    if at is None:
        return Never("not sent: your quiet hours never end, and this is not important")
    if at == now:
        return None
    return _later(at, "in the digest" if digest else "quiet hours; told together", timezone, bundle=not owed.tried)


def _after_quiet(choices: Choices, timezone: str, at: float) -> float | None:
    """Return the first moment from `at` on that is not in quiet hours; nothing when there is none for two years."""
    if not choices.quiet_hours:
        return at
    quiet = Calendar.model_construct(id="quiet", timezone=timezone, hours=choices.quiet_hours)
    return closes_at(quiet, at) if is_open(quiet, at) else at


def hour_began(now: float, timezone: str) -> float:
    """Return when the hour of the clock in a time zone began (UTC seconds)."""
    there = datetime.fromtimestamp(now, ZoneInfo(timezone))
    return float(round(now - there.minute * 60 - there.second - there.microsecond / 1e6))


def next_hour(now: float, timezone: str) -> float:
    """Return when the next hour of the clock in a time zone begins (UTC seconds)."""
    return hour_began(now, timezone) + 3_600.0


def next_time(wall: str | None, now: float, timezone: str) -> float:
    """Return when it is such a time (`08:00`) next in a time zone: once every day, also on one whose clock is changed."""
    zone = ZoneInfo(timezone)
    hour, minute = map(int, (wall or _MIDNIGHT).split(":"))
    today: date = datetime.fromtimestamp(now, zone).date()
    moments = (_moment(today + timedelta(days), hour, minute, zone) for days in range(_DAYS))
    return next(moment for moment in moments if moment > now)


def _moment(day: date, hour: int, minute: int, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp()


def clock(at: float, timezone: str) -> str:
    """Return a moment as it stands on the clock of a time zone, to the minute."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(timezone)):%H:%M}"


def _later(at: float, why: str, timezone: str, *, bundle: bool = True) -> Later:
    return Later(at, f"{why} at {datetime.fromtimestamp(at, ZoneInfo(timezone)):%Y-%m-%d %H:%M}", bundle)
