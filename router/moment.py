"""A moment as a person writes it: after a while, or a date and time on their clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from config.model import seconds


def moment(said: str, zone: str, now: float) -> float | None:
    """Return UTC seconds of `2h`, `3d`, `2026-12-24` or `2026-12-24T09:00` (ISO 8601), or nothing when it is none of them.

    `zone` is the writer's (an IANA name), `now` UTC seconds.
    """
    try:
        return now + seconds(said)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(said)
        whole = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
        return whole.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):  # the year 1 is before the year 1 in another zone
        return None
