"""Looking into the JSON of a stranger: every field may be missing or of any type, and nothing here raises but `opened`."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ingest.channel import Unreadable

Fields = Mapping[str, Any]


def opened(raw: bytes) -> Fields:
    """Return the JSON object a payload is; raises `Unreadable`."""
    try:
        said: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {type(error).__name__}") from None
    if not isinstance(said, dict):
        raise Unreadable("not a JSON object")
    return said


def part(holder: Any, *names: str) -> Fields:
    """Return the object below these names; empty where there is none."""
    for name in names:
        holder = holder.get(name) if isinstance(holder, dict) else None
    return holder if isinstance(holder, dict) else {}


def parts(holder: Any, name: str) -> list[Fields]:
    """Return the objects of a list; empty where there is none, and what is no object left out.

    Where one object stands instead of a list of one, it is that list: nothing of it may be lost.
    """
    value = holder.get(name) if isinstance(holder, dict) else None
    every = [value] if isinstance(value, dict) else value
    return [one for one in every if isinstance(one, dict)] if isinstance(every, list) else []


def word(holder: Fields, *names: str) -> str:
    """Return the first of the named fields that is a string with something in it; "" where there is none."""
    return next((value for name in names if isinstance(value := holder.get(name), str) and value), "")


def ident(holder: Fields, *names: str) -> str:
    """Return the first of the named fields that is an id, written as a string or a number; "" where there is none."""
    for name in names:
        value = holder.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40:
            return str(value)
    return ""


def count(holder: Fields, name: str) -> int:
    """Return a field that is a number of things or bytes; 0 where it is none."""
    value = holder.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53 else 0


def moment(value: Any) -> datetime | None:
    """Return a Unix time, a number or one in a string, as UTC; 0 means not known.

    It may be in seconds, milliseconds or smaller units: platforms mix them up, and no time between 1974 and 5138 can be two.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 10**20:
        return None
    while value >= 10**11:
        value /= 1000
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def iso_moment(value: Any) -> datetime | None:
    """Return an ISO 8601 time with its zone as UTC, whatever the number of its fractional digits; else nothing."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) < 64 else None
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def geo(holder: Fields, latitude: str, longitude: str) -> str | None:
    """Return the place that two fields name, in degrees, as a `geo:` URL (RFC 5870); nothing where they name none."""
    said = [value for name in (latitude, longitude) if not isinstance(value := holder.get(name), bool)]
    try:
        degrees = [float(one) for one in said if isinstance(one, int | float | str)]
    except (ValueError, OverflowError):
        return None
    if len(degrees) < 2 or not (-90 <= degrees[0] <= 90 and -180 <= degrees[1] <= 180):
        return None
    return "geo:" + ",".join(f"{round(one, 7) + 0.0:.7f}".rstrip("0").rstrip(".") for one in degrees)


def digest(*pieces: object) -> str:
    """Return an id for what has none: the same for the same pieces."""
    return hashlib.sha256("\n".join(map(str, pieces)).encode("utf-8", "replace")).hexdigest()[:32]
