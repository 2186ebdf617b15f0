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

_MAX_LABEL = 32
_BLOCK_LINES = 14
_KINDS = {label: kind for kind, labels in enumerate((OTHER_HEADERS, TO, SUBJECT, DATE, SENT, FROM)) for label in labels}
_OTHER, _TO, _SUBJECT, _DATE, _SENT, _FROM = range(6)
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212_=*#> \t\r\xa0"
_ORIGINAL, _FORWARDED = frozenset(ORIGINAL), frozenset(FORWARDED)
_LOTUS = re.compile(r"^.{2,80}?\s?-{2,3}\s?\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\s\d{1,2}:\d\d.{0,30}-{3}")
_LOTUS_DATE = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4} \d{1,2}:\d\d")
_ONE_LINE = re.compile(r"(?:^|\s)\*?([^\W\d]{2,12}) ?:\*? ")
_POSTED = re.compile(r"posted by .{2,60} on \d\d/\d\d/\d{4}", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>@\[]@[^\s<>@\]]")


def label_of(line: str) -> int | None:
    """Return which header a line is by its label, None when it is none."""
    label, colon, _ = line[:_MAX_LABEL].replace("\uff1a", ":").partition(":")
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
        elif line.strip() and place - last > 2:
            break
        elif place - last > 3:
            break
    if _FROM in kinds:
        dated = _SENT in kinds or _DATE in kinds
        if len(kinds - {_OTHER}) >= 3:
            return _SUBJECT in kinds or _SENT in kinds or addressed
        return len(kinds) >= 2 and addressed and (dated or _SUBJECT in kinds)
    return _SENT in kinds and _TO in kinds and _SUBJECT in kinds


def _in_one_line(line: str) -> bool:
    """Tell whether the whole block was run into one line, as some converters of HTML do."""
    found = {_KINDS.get(word.lower()) for word in _ONE_LINE.findall(line[:600])}
    return len(found & {_TO, _SUBJECT, _DATE, _SENT}) >= 2


def is_lotus(lines: Sequence[str], at: int) -> bool:
    """Tell whether Lotus Notes' heading begins here: the sender, the date, then To and Subject on lines of their own."""
    line = lines[at]
    if len(line) > 200:
        return False
    if "--" in line and _LOTUS.match(line):
        return True
    if not _LOTUS_DATE.search(line) and not (at + 1 < len(lines) and _LOTUS_DATE.match(lines[at + 1][:60].strip())):
        return False
    below = [words.strip().lower() for words in lines[at + 1 : at + 12] if len(words) < 40]
    return any(words in below for words in ("to", "an")) and any(words in below for words in ("subject", "betreff", "thema"))


def is_original(line: str) -> bool:
    """Tell whether this is "-----Original Message-----" in some language."""
    bare = line.strip(_DASHES)
    if bare.lower() not in _ORIGINAL:
        by = bare[:34].lower()
        if by.startswith("posted by "):
            return _POSTED.fullmatch(bare) is not None
        return by.startswith(("[original message processed by", "original message processed by"))
    return bare != line.strip() or bare.lower() == "original message"


def is_forward(line: str) -> bool:
    """Tell whether this is "---------- Forwarded message ---------" or Apple Mail's "Begin forwarded message:"."""
    stripped = line.strip()
    bare = stripped.strip(_DASHES).rstrip(" :\uff1a").lower()
    if bare in BEGIN_FORWARDED and stripped.rstrip().endswith((":", "\uff1a")):
        return True
    if bare.startswith("forwarded by ") or bare.startswith("weitergeleitet von "):
        return stripped.startswith("--")
    return bare in _FORWARDED and stripped.startswith(("-", "\u2010", "\u2014", "_"))


def is_reply_above(line: str) -> bool:
    """Tell whether this is the line a help desk asks to answer above."""
    lower = line.lower()
    return any(words in lower for words in REPLY_ABOVE)
