"""What stands above an older mail without quotation marks: header lines, "-----Original Message-----", "reply above"."""

import re
from collections.abc import Sequence

from ingest.mail.reply.words import (
    BEGIN_FORWARDED,
    DATE,
    FORWARDED,
    FROM,
    ORIGINAL,
    OTHER_HEADERS,
    REPLY_ABOVE,
    SENT,
    SUBJECT,
    TO,
)

MAX_LABEL = 32
_BLOCK_LINES = 14
_KINDS = {label: kind for kind, labels in enumerate((OTHER_HEADERS, TO, SUBJECT, DATE, SENT, FROM)) for label in labels}
_OTHER, _TO, _SUBJECT, _DATE, _SENT, _FROM = range(6)
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212_=*#> \t\r\xa0"
_ORIGINAL, _FORWARDED = frozenset(ORIGINAL), frozenset(FORWARDED)
_LOTUS = re.compile(r"^.{2,80}?\s?-{2,3}\s?\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\s\d{1,2}:\d\d.{0,30}-{3}")
_LOTUS_DATE = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4} \d{1,2}:\d\d")
_ONE_LINE = re.compile(r"(?:^|\s)\*?([^\W\d]{2,12}) ?:\*? ")
_TIME = re.compile(r"(?:19|20)\d\d.{0,20}\d:\d\d")
_BY = ("forwarded by ", "weitergeleitet von ")
_POSTED = re.compile(r"posted by .{2,60} on \d\d/\d\d/\d{4}", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>@\[]@[^\s<>@\]]")


def label_of(line: str) -> int | None:
    """Return which header a line is by its label, None when it is none."""
    label, colon, _ = line[:MAX_LABEL].replace("\uff1a", ":").partition(":")
    if not colon:
        return None
    return _KINDS.get(label.strip(" \t\r\xa0*_|\u200e\u200f").lower())


def is_block(lines: Sequence[str], at: int) -> bool:
    """Tell whether a block of header lines begins here that only a program writes.

    A person's "From: Berlin / To: Paris / Date: 3 May" has neither a subject, an address nor a word for "sent".
    """
    kind = label_of(lines[at])
    if kind is None or kind == _OTHER:
        return False
    if kind == _FROM and _in_one_line(lines[at]):
        return True
    kinds = {kind}
    last = at
    addressed = _ADDRESS.search(lines[at][:500]) is not None
    for place in range(at + 1, min(at + _BLOCK_LINES, len(lines))):
        line = lines[place]
        if (kind := label_of(line)) is not None:
            kinds.add(kind)
            addressed = addressed or _ADDRESS.search(line[:500]) is not None
            last = place
        elif (line.strip() and place - last > 2) or place - last > 3:
            break
    if _FROM in kinds:
        dated = _SENT in kinds or _DATE in kinds
        if len(kinds - {_OTHER}) >= 3:
            return _SUBJECT in kinds or _SENT in kinds or addressed
        return addressed and dated
    if _DATE in kinds and _TO in kinds and addressed and _TIME.search(lines[at][:200]):
        return True
    return _SENT in kinds and _TO in kinds and _SUBJECT in kinds


def _in_one_line(line: str) -> bool:
    """Tell whether the whole block was run into one line, as some converters of HTML do."""
    found = {_KINDS.get(word.lower()) for word in _ONE_LINE.findall(line[:600])}
    return len(found & {_TO, _SUBJECT, _DATE, _SENT}) >= 2


def lotus_begins(lines: Sequence[str], at: int) -> int | None:
    """Return where Lotus Notes' heading begins of which this is the line with only "To" (or "Peter ---05/03/2013 10:12---…").

    The sender and the date stand above that line, a line with only "Subject" below it.
    """
    if "--" in lines[at]:
        return at if _LOTUS.match(lines[at][:200]) else None
    below = [words.strip().lower() for words in lines[at + 1 : at + 12] if len(words) < 40]
    if not any(words in below for words in ("subject", "betreff", "thema")):
        return None
    for above in range(at - 1, max(at - 5, -1), -1):
        if _LOTUS_DATE.search(lines[above][:200]):
            named = above and _LOTUS_DATE.match(lines[above].strip()) is not None and lines[above - 1].strip()
            return above - 1 if named else above
    return None


def is_original(bare: str) -> bool:
    """Tell whether this is "-----Original Message-----" in some language; `bare` has no blanks around."""
    words = bare.strip(_DASHES).lower()
    if not bare[0].isalnum():
        words = words.partition("--")[0].strip(_DASHES)
    if words in _ORIGINAL:
        return words != bare.lower() or words == "original message"
    if words.startswith("posted by "):
        return _POSTED.fullmatch(words[:100]) is not None
    return words.startswith(("[original message processed by", "original message processed by"))


def is_forward(bare: str) -> bool:
    """Tell whether this is "---------- Forwarded message ---------" or Apple Mail's "Begin forwarded message:"."""
    if bare[0].isalnum() and bare[-1] not in ":\uff1a":
        return False
    words = bare.strip(_DASHES).rstrip(" :\uff1a").lower()
    if bare[0].isalnum():
        return words in BEGIN_FORWARDED and bare.endswith((":", "\uff1a"))
    return words in _FORWARDED or words in BEGIN_FORWARDED or (words.startswith(_BY) and bare.startswith("--"))


def is_reply_above(bare: str) -> bool:
    """Tell whether this is the line a help desk asks to answer above."""
    if bare[0].isalnum() and bare[-1] not in ":\uff1a" and "bove" not in bare:
        return False
    lower = bare[:300].lower()
    return any(words in lower for words in REPLY_ABOVE)
