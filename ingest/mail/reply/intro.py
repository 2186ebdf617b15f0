"""The line above a quotation: "On … wrote:", in one line or wrapped over several."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingest.mail.reply.words import OPENERS, WROTE, WROTE_GLUED

_MAX_LINES = 4
_MAX_LENGTH = 500
_MAX_NAME = 160
_DECORATION = " \t\r\xa0*_\u200e\u200f\u202a\u202b\u202c"
_LAST_WORDS = frozenset(word.rpartition(" ")[2] for word in WROTE)
_OPENER = re.compile(
    rf"^[-\s<\[(*_>\u200e\u200f]{{0,40}}(?:(?:{'|'.join(sorted(map(re.escape, OPENERS), key=len, reverse=True))})(?!\w)|[在于於])",
    re.IGNORECASE,
)
_DATE_FIRST = re.compile(
    r"^[-\s<*_\u200e\u200f]{0,40}(?:[^\W\d]{1,13}[.,]{0,2} ){0,2}\d{1,4}(?=[\s./年,:월日-]|\w{1,2}\b|\. )"
)
_INSIDE = re.compile(
    r"[\s.!?](?=(?:On (?:\w{3,9},? )?(?:\w{3,9}\.? )?\d|(?:Am|Le|El|Em|Op|Den|Il giorno|W dniu|Dnia|Dne) (?:\w{2,10}[.,]{0,2} )?\d))"
)
_TIME = re.compile(
    r"\d{1,2}(?:[:.h\uff1a]| h )\d\d|\d{1,2} ?(?:[ap]\.?m\.?|uhr|klo)\b|\d{1,2} ?[时点時시]", re.IGNORECASE
)
_DAY = re.compile(
    r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[年년]|\d[月월]|(?<!\d)(?:19|20)\d\d(?!\d)"
)
_ADDRESS = re.compile(r"[^\s<>@]@[^\s<>@]")
_ENDS_IN_ADDRESS = re.compile(r"@[^\s<>@]{1,200}[>)\]]{0,2}[\s*]{0,3}[:\uff1a]?[\s*]{0,3}$")
_SAYS = re.compile(r"\bsa(?:id|ys)\b", re.IGNORECASE)
_COLONS = (":", "\uff1a")


class Intro(NamedTuple):
    """Where such a line begins and ends, the column it begins at, and whether only a program can have written it."""

    begin: int
    end: int
    column: int
    dated: bool


def intro_at(lines: Sequence[str], end: int, first: int) -> Intro | None:
    """Return the intro whose last line is this one, None when it is no such line; never looks above line `first`."""
    line = lines[end]
    if not _may_end(line):
        return None
    begin = _begin(lines, end, first)
    text = _joined(lines, begin, end)
    dated = _evidence(text)
    if dated is not None:
        column = _column(lines[begin]) if begin == end else 0
        return Intro(begin, end, column, dated=dated)
    if begin < end and (dated := _evidence(_joined(lines, end, end))) is not None:
        return Intro(end, end, 0, dated=dated)
    for above in range(end - 1, max(end - 3, first - 1), -1):  # "X <x@y> wrote on" stands above the date
        if not lines[above].strip() or len(lines[above]) > _MAX_LENGTH:
            break
        if "@" in lines[above] and _evidence(_joined(lines, above, end)):
            return Intro(above, end, 0, dated=True)
    return None


def intro_before_text(line: str) -> int:
    """Return where an intro ends that has the older mail behind it on the same line (Yahoo's phones), 0 if none does."""
    end = line.find(":   ", 0, _MAX_LENGTH) + 1
    return end if end and _OPENER.match(line) and _evidence(line[:end].strip()) and line[end:].strip() else 0


def _may_end(line: str) -> bool:
    """Tell quickly whether this can be the last line: nearly all lines are not."""
    line = line.rstrip(_DECORATION)
    if not line or len(line) > _MAX_LENGTH:
        return False
    last = line[-1]
    if last in ":\uff1a":
        return True
    if last == ">":
        return "@" in line
    if last == "-":
        line = line.rstrip("- \t.*")
    elif last == ",":
        return False
    return ends_like_intro(line)


def ends_like_intro(line: str) -> bool:
    """Tell whether the last word is one for writing: some programs set no colon behind it."""
    return line.rpartition(" ")[2].lower() in _LAST_WORDS or (line[-1:] > "\u2fff" and line.endswith(WROTE_GLUED))


def _begin(lines: Sequence[str], end: int, first: int) -> int:
    """Return the line on which the intro begins: the next one upwards that begins like one."""
    dated = None
    length = 0
    for at in range(end, max(end - _MAX_LINES, first - 1), -1):
        line = lines[at]
        length += len(line)
        if at == end - 1 and not line.strip() and len(lines[end].split()) < 3:
            continue  # "wrote:" alone, below an empty line
        if length > _MAX_LENGTH or not line.strip() or (at < end and line.rstrip().endswith((*_COLONS, ".", "!", "?"))):
            break
        if at < end and line.lstrip().startswith(">"):
            break
        if _OPENER.match(line) and any(letter.isdigit() for letter in "".join(lines[at : end + 1])):
            return at
        if dated is None and _DATE_FIRST.match(line) and (_TIME.search(line) or _DAY.search(line)):
            dated = at
    return end if dated is None else dated


def _joined(lines: Sequence[str], begin: int, end: int) -> str:
    return " ".join(line.strip(_DECORATION) for line in lines[begin : end + 1])[-_MAX_LENGTH:]


def _evidence(text: str) -> bool | None:
    """Return whether a program wrote this line, False when a person may have, None when it is no intro at all.

    A person's "On Monday she wrote:" has the verb, but no year, no time of day and no address.
    """
    time, day = _TIME.search(text), _DAY.search(text)
    address = _ADDRESS.search(text)
    bare = text.rstrip(" -.\u202c")
    colon = bare.endswith(_COLONS)
    begins = _OPENER.match(text) is not None or _DATE_FIRST.match(text) is not None
    behind = _behind_verb(bare)
    if behind is None:
        if address is None or not _ENDS_IN_ADDRESS.search(bare):
            return False if address is not None and day is not None and colon else None
        whole = ((time is not None) and (day is not None or colon)) or (day is not None and begins)
        return "<" in bare if whole and (colon or begins) else False if colon else None
    if len(behind) > _MAX_NAME or (behind and not colon):
        return None
    when = (time is not None) + (day is not None)
    sure = (address is not None and when > 0) or (begins and when == 2)
    if not colon:
        return True if sure else False if address is not None else None
    return sure and not _SAYS.search(bare[-20:])


def _behind_verb(text: str) -> str | None:
    """Return what follows the last word for writing (names may be such a word), None when there is none."""
    words = text.split()
    for at in range(len(words) - 1, -1, -1):
        if (
            words[at].strip("-,.:;\uff1a*\u202c()").lower() in _LAST_WORDS
            or words[at].lower().rstrip(":") in _LAST_WORDS
        ):
            return " ".join(words[at + 1 :]).strip(" :\uff1a*-")
    for glued in WROTE_GLUED:
        if glued in text:
            return text.rpartition(glued)[2].strip(" :\uff1a*")
    return None


def _column(line: str) -> int:
    """Return where the intro begins when the answer stands on the same line before it."""
    if _OPENER.match(line) or _DATE_FIRST.match(line) or len(line) > 2 * _MAX_LENGTH:
        return 0
    return max((found.end() for found in _INSIDE.finditer(line)), default=0)
