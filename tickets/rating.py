"""Links by which customers rate a resolved ticket: each names a row of `ratings` and carries a proof, and nothing else."""

import hmac
import re
from typing import Final, Literal

from tickets.reply_address import signed

Score = Literal["positive", "negative"]

LASTS_SECONDS: Final = 60 * 86_400.0
"""So long after the resolve a link is good for a first rating."""
CHANGEABLE_SECONDS: Final = 7 * 86_400.0
"""So long after the first rating it may be changed."""

_TOKEN: Final = re.compile(r"r\.([1-9][0-9]{0,17})\.[a-z2-7]{16}")


def rating_link(key: bytes, url: str, rating: int, score: Score) -> str:
    """Return the link of a rating with a score chosen; `url` is where the desk's HTTP side is reached."""
    return f"{url}/rate/{signed(key, f'r.{rating}')}?score={score}"


def rating_named(key: bytes, token: str) -> int | None:
    """Return the rating that a link's token names, or nothing when it is not one of ours."""
    found = _TOKEN.fullmatch(token)
    if found is None or not hmac.compare_digest(token, signed(key, f"r.{found[1]}")):
        return None
    return int(found[1])
