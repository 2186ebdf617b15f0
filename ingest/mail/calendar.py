"""Calendar invitations (RFC 5545, RFC 5546): the few properties a person asks for, out of a text/calendar part."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from tickets.message import Invitation

MAX_CALENDAR = 200_000
MAX_LINES = 5000
MAX_VALUE = 1000

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"([A-Za-z0-9-]++)((?:;[^\":;]*+(?:\"[^\"]*+\"[^\":;]*+)*+)*+):(.*)", re.DOTALL)
_ZONE = re.compile(r";TZID=\"?([^\";:]+)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([\\,;nN])")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?\Z")
_DURATION = re.compile(r"\+?P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?\Z")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}\Z")
# The names Windows gives its zones (Unicode CLDR, windowsZones); a zone that is none of them tells its offset itself.
_WINDOWS = {
    "W. Europe Standard Time": "Europe/Berlin", "Central Europe Standard Time": "Europe/Budapest", "Romance Standard Time": "Europe/Paris",
    "Central European Standard Time": "Europe/Warsaw", "GMT Standard Time": "Europe/London", "E. Europe Standard Time": "Europe/Chisinau",
    "FLE Standard Time": "Europe/Kiev", "GTB Standard Time": "Europe/Bucharest", "Russian Standard Time": "Europe/Moscow",
    "Turkey Standard Time": "Europe/Istanbul", "Israel Standard Time": "Asia/Jerusalem", "Arabian Standard Time": "Asia/Dubai",
    "India Standard Time": "Asia/Kolkata", "China Standard Time": "Asia/Shanghai", "Singapore Standard Time": "Asia/Singapore",
    "Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul", "AUS Eastern Standard Time": "Australia/Sydney",
    "New Zealand Standard Time": "Pacific/Auckland", "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago", "Mountain Standard Time": "America/Denver", "Pacific Standard Time": "America/Los_Angeles",
    "E. South America Standard Time": "America/Sao_Paulo", "South Africa Standard Time": "Africa/Johannesburg", "UTC": "UTC",
}  # fmt: skip

_Properties = dict[str, tuple[str, str]]


def invitation(text: str, method: str = "") -> Invitation | None:
    """Return the first event of a calendar, None when there is none; `method` is what the Content-Type says.

    A time without a zone, and a whole day, is taken as UTC; one in a zone nobody knows is left out. Never raises.
    """
    if "BEGIN:VEVENT" not in text[:MAX_CALENDAR].upper():
        return None
    own, event, offsets = _read(text[:MAX_CALENDAR])
    begins = _moment(event.get("DTSTART"), offsets)
    ends = _moment(event.get("DTEND"), offsets)
    if begins is not None and ends is None and "DURATION" in event:
        ends = _later(begins, event["DURATION"][1])
    organizer = event.get("ORGANIZER", ("", ""))[1]
    return Invitation(
        method=(_words(own, "METHOD") or method).upper(),
        uid=_words(event, "UID"),
        summary=_words(event, "SUMMARY"),
        location=_words(event, "LOCATION"),
        organizer=(organizer[7:] if organizer.lower().startswith("mailto:") else organizer).strip().lower()[:MAX_VALUE],
        begins=begins,
        ends=ends,
    )


def _read(text: str) -> tuple[_Properties, _Properties, dict[str, timedelta]]:
    """Return the properties of the calendar and of its first event, and what its own zones say of their standard offset."""
    own: _Properties = {}
    event: _Properties = {}
    offsets: dict[str, timedelta] = {}
    inside: list[str] = []
    zone, done = "", False
    for line in _FOLD.sub("", text).splitlines()[:MAX_LINES]:
        match = _LINE.match(line)
        if match is None:
            continue
        name, value = match[1].upper(), match[3].strip()
        if name == "BEGIN":
            inside.append(value.upper())
        elif name == "END":
            done = done or value.upper() == "VEVENT"
            del inside[-1:]
        elif inside[-1:] == ["VEVENT"] and not done:
            event.setdefault(name, (match[2], value))
        elif name == "TZID":
            zone = value
        elif name == "TZOFFSETTO" and inside[-1:] == ["STANDARD"] and (offset := _OFFSET.match(value)):
            size = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
            offsets.setdefault(zone, -size if offset[1] == "-" else size)
        elif inside[-1:] == ["VCALENDAR"]:
            own.setdefault(name, (match[2], value))
    return own, event, offsets


def _words(properties: _Properties, name: str) -> str:
    value = properties.get(name, ("", ""))[1]
    return " ".join(_ESCAPE.sub(lambda match: " " if match[1] in "nN" else match[1], value).split())[:MAX_VALUE]


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    name = _WINDOWS.get(name, name.lstrip("/"))
    if "mozilla.org/" in name or "softwarestudio.org/" in name:  # the zone's name stands behind that of the program
        name = "/".join(name.split("/")[2:])
    try:
        return ZoneInfo(name) if _ZONE_NAME.match(name) else None
    except (KeyError, ValueError, OSError):
        return None


def _moment(said: tuple[str, str] | None, offsets: Mapping[str, timedelta]) -> datetime | None:
    match = _TIME.match(said[1]) if said else None
    if said is None or match is None:
        return None
    year, month, day, hour, minute, second = (int(piece or 0) for piece in match.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        named = _ZONE.search(said[0])
        if match[7] or named is None:
            return moment
        if zone := _zone(named[1].strip()[:80]):
            return moment.replace(tzinfo=zone).astimezone(UTC)
        return moment - offsets[named[1]] if named[1] in offsets else None
    except (ValueError, OverflowError):
        return None


def _later(begins: datetime, duration: str) -> datetime | None:
    match = _DURATION.match(duration)
    if match is None:
        return None
    weeks, days, hours, minutes, seconds = (int(piece or 0) for piece in match.groups())
    try:
        return begins + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return None
