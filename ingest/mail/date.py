"""The Date of a mail (RFC 5322, 3.3), as programs write it and as people's own programs write it."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan gen ene",
            "feb fev fév",
            "mar mär mrz",
            "apr abr avr",
            "may mai maj mei mag",
            "jun giu jui",
            "jul lug jui",
            "aug ago aoû",
            "sep set",
            "oct okt ott out",
            "nov",
            "dec dez dic déc",
        ),
        start=1,
    )
    for name in names.split()
}
# Hours and minutes east of Greenwich; a name that is not here says nothing (RFC 5322, 4.3), so the time is taken as UTC.
_ZONES = {
    "est": -500, "edt": -400, "cst": -600, "cdt": -500, "mst": -700, "mdt": -600, "pst": -800, "pdt": -700, "akst": -900,
    "akdt": -800, "hst": -1000, "ast": -400, "adt": -300, "nst": -330, "ndt": -230, "brt": -300, "art": -300, "wet": 0, "west": 100,
    "bst": 100, "cet": 100, "mez": 100, "met": 100, "cest": 200, "mesz": 200, "mest": 200, "eet": 200, "eest": 300, "msk": 300,
    "sast": 200, "pkt": 500, "hkt": 800, "sgt": 800, "awst": 800, "jst": 900, "kst": 900, "aest": 1000, "aedt": 1100, "nzst": 1200,
    "nzdt": 1300,
}  # fmt: skip
_AS_IT_SHOULD = re.compile(
    r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} (?:[01]\d|2[0-3]):\d\d:[0-5]\d (?:\+|-(?!0000))\d{4}(?: \([A-Z]{2,5}\))?\Z"
)
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.)?[\s.-]*+([^\W\d_]{3,12})[\s.,'-]*+(\d{2,4})(?!\d)")
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,12})\.?\s++(\d{1,2})(?:st|nd|rd|th)?,?\s++(?:(\d{4})(?![\d:])|(?=\d{1,2}:))")
_NUMBERS = re.compile(r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_TIME = re.compile(
    r"(?<![\d:])(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,]\d++)?)?(?![\d:])(?:\s*+(am|pm|a\.m\.|p\.m\.)(?![a-z]))?"
)
_OFFSET = re.compile(r"[\s\"(]*+(?:gmt|utc|ut)?\s*+([+-])\s?(\d{1,2}?):?(\d{2})?(?!\d)")
_NAME = re.compile(r"[\s\"(]*+([a-z]{1,5})\b")
_YEAR = re.compile(r"(?<!\d)(\d{4})(?!\d)")


def sent_at(value: str) -> datetime | None:
    """Return a Date value in UTC, None when it is no date; one without a zone, or in an unknown one, is taken as UTC."""
    text = value[:120].lower()
    try:
        if _AS_IT_SHOULD.match(value):
            return parsedate_to_datetime(value).astimezone(UTC)
        day = _day(text)
        clock = _TIME.search(text)
        if day is None or clock is None:
            return None
        hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
        if clock[4]:
            hour = hour % 12 + 12 * clock[4].startswith("p")
        day += timedelta(days=hour // 24) if hour == 24 else timedelta()
        east = _east(text[clock.end() :])
        moment = day.replace(hour=0 if hour == 24 else hour, minute=minute, second=min(second, 59))
        return moment.replace(tzinfo=timezone(east)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _day(text: str) -> datetime | None:
    """Return the day in it; a year of two or three digits counts as RFC 5322, 4.3, says."""
    for match in _DAY_FIRST.finditer(text):
        if (month := _MONTHS.get(match[2][:3])) is not None:
            year = int(match[3])
            year += (2000 if year < 50 else 1900) if year < 100 else 1900 if len(match[3]) == 3 or year < 1000 else 0
            return datetime(year, month, int(match[1]), tzinfo=UTC)
    for match in _MONTH_FIRST.finditer(text):
        if (month := _MONTHS.get(match[1][:3])) is not None:
            later = None if match[3] else _YEAR.search(text, match.end())  # the C library's asctime ends with the year
            if match[3] or later:
                return datetime(int(match[3] or (later or match)[1]), month, int(match[2]), tzinfo=UTC)
    numbers = _NUMBERS.search(text)
    return datetime(int(numbers[1]), int(numbers[3]), int(numbers[4]), tzinfo=UTC) if numbers else None


def _east(text: str) -> timedelta:
    if match := _OFFSET.match(text):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        return -offset if match[1] == "-" else offset
    name = _NAME.match(text)
    size = _ZONES.get(name[1], 0) if name else 0
    offset = timedelta(hours=abs(size) // 100, minutes=abs(size) % 100)
    return -offset if size < 0 else offset
