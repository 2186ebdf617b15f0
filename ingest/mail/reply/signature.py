"""What stands below somebody's own words: the signature, the line of a phone, the lawyers' and the list's paragraphs."""

import re
from collections.abc import Iterator, Sequence

from ingest.mail.reply.words import (
    DEVICES,
    DISCLAIMER_SPEAKS_OF,
    DISCLAIMERS,
    REGARDS,
    SENT_FROM,
    SENT_FROM_ENDS,
    THANKS,
)

_MAX_ROUNDS = 6
_MAX_BELOW_DASHES = 20
_MAX_BELOW_RFC_DASHES = 60
_MAX_BELOW_RULE = 12
_MAX_CARD = 10
_MAX_CARD_LINE = 90
_MAX_DISCLAIMERS = 6
_MAX_PARAGRAPH = 60
_MAX_READ = 1500
_RULE_CHARACTERS = "-_=*~#+\u2010\u2013\u2014\u2015\u1427"
_SIGNATURE_DASHES = frozenset({"--", "\u2013", "\u2014", "\u2013\u2013", "\u2014\u2014", "__"})
_SAYS_DEVICE_BY = 48
_REGARDS, _THANKS = frozenset(REGARDS), frozenset(THANKS)
_CLOSING_BEGINS = frozenset(closing.partition(" ")[0] for closing in REGARDS)
_LONGEST_CLOSING = max(map(len, REGARDS)) + 40
_DEVICE = re.compile(rf"(?<![a-z])(?:{'|'.join(map(re.escape, DEVICES))})|https?://", re.IGNORECASE)
_SENT_FROM_MY = re.compile(r"sent from my(?: [^\s.]+){1,3}", re.IGNORECASE)
_MINE = re.compile(r"\b(?:my|mon|mi|min|mijn|meu|mein\w{0,4}|wirelessly|fil)\b")
_SPEAKS_OF = re.compile("|".join(map(re.escape, DISCLAIMER_SPEAKS_OF)), re.IGNORECASE)
_INITIALS = re.compile(r"[-\u2013\u2014~/]{1,3}\s?[^\W\d_][\w.'\u2019-]{0,20}(?:\s[^\W\d_][\w.'\u2019-]{0,20}){0,3}")
_CARD = re.compile(r"\+?\(?\d[\d ()./-]{6,20}\d|[^\s@]@[^\s@]|www\.|https?://|\b(?:tel|fax|phone|mob)\b", re.IGNORECASE)
_BANNER = re.compile(
    r"\W{0,8}(?:caution|warning|external|attention|achtung|vorsicht|externe|externer|extern|you don['\u2019]t often get email|this (?:e-?mail|message) "
    r"(?:originated|was sent|came|is) from (?:an |the )?(?:outside|external))",
    re.IGNORECASE,
)
_OUTSIDE = re.compile(
    r"originat\w{0,3} (?:from )?(?:an )?(?:outside|external)|(?:from|an) (?:an )?external|outside (?:of )?(?:the|your|our) organi[sz]ation"
    r"|learn why this is important|extern\w{0,3} (?:absender|e-?mail|mail|quelle|expéditeur|afzender)|expéditeur externe",
    re.IGNORECASE,
)
_POSTSCRIPT = re.compile(r"\W{0,3}(?:p\.? ?s\.?|pps|nb|n\.b\.|edit)\b\W", re.IGNORECASE)


_DISCLAIMERS_BEGIN = frozenset(words[:3] for words in DISCLAIMERS)


def without_signature(lines: Sequence[str], *, all_of_it: bool = False) -> list[str]:
    """Return the lines without what a signature, a phone, a lawyer or a list program put below them.

    Looks at the last lines only, so the work does not grow with the text; something stays unless `all_of_it` may go.
    """
    end = _trimmed(lines, len(lines))
    cuts = [_below_rule, _device, _disclaimers, _below_closing, _initials]
    for _ in range(_MAX_ROUNDS):
        for cut in cuts:
            at = cut(lines, end)
            if at is not None and ((at := _trimmed(lines, at)) or (all_of_it and cut is not _below_closing)):
                end = at
                break
        else:
            break
        if cut is _below_closing:  # lawyers write below a closing, never above it
            cuts = [_below_rule, _device, _below_closing, _initials]
    return list(lines[:end])


def without_banner(lines: list[str]) -> list[str]:
    """Return the lines without the warning that one's own gateway puts above a mail from outside."""
    begin = next((at for at, line in enumerate(lines[:20]) if line.strip()), None)
    if begin is None or not _BANNER.match(lines[begin][:200]):
        return lines
    end = next((at for at in range(begin, min(begin + 8, len(lines))) if not lines[at].strip()), None)
    if end is None or not _OUTSIDE.search(" ".join(line[:300] for line in lines[begin:end])):
        return lines
    return lines[end:] if any(line.strip() for line in lines[end:]) else lines


def is_rule(line: str) -> bool:
    """Tell whether a line is only a rule: `-- ` (RFC 3676, 4.3), `___`, `=====`, a dash alone."""
    bare = line.strip()
    if not bare or bare[0] not in _RULE_CHARACTERS or bare.strip(bare[0]):
        return False
    return len(bare) > (2 if bare[0] in "*~#+" else 1) or bare in "\u2013\u2014\u2015\u1427"


def is_device(line: str) -> bool:
    """Tell whether a phone or a web mailer wrote this line about itself."""
    if not 5 < len(line) < 200:
        return False
    lower = line.strip(" \t\r\xa0<>()[]*_-\u2013\u2014\u2022").lower().replace("[", "")
    if lower.rstrip(" .!").endswith(SENT_FROM_ENDS):
        return lower.count(" ") < 15 and _DEVICE.search(lower) is not None
    if not lower.startswith(SENT_FROM) or lower.endswith("?"):
        return False
    if lower.count(" ") > (14 if _MINE.search(lower, 0, 30) else 8) and "http" not in lower:
        return False
    return _DEVICE.search(lower[:_SAYS_DEVICE_BY]) is not None or _SENT_FROM_MY.fullmatch(lower) is not None


def _trimmed(lines: Sequence[str], end: int) -> int:
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def _upwards(lines: Sequence[str], end: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield the last lines that are not empty, last first, with the number of such lines below each."""
    below = 0
    for at in range(end - 1, max(end - 3 * most, 0) - 1, -1):
        if lines[at].strip():
            yield at, below
            below += 1
            if below > most:
                return


def _below_rule(lines: Sequence[str], end: int) -> int | None:
    for at, below in _upwards(lines, end, _MAX_BELOW_RFC_DASHES):
        line = lines[at]
        if line[0].isalnum():  # most lines
            continue
        if line.lstrip().startswith((">", "```")):
            return None
        if not is_rule(line):
            continue
        if line.strip() in _SIGNATURE_DASHES:
            return at if below <= _MAX_BELOW_DASHES or line.rstrip("\r").endswith(" ") else None
        return at if below <= _MAX_BELOW_RULE and _looks_signed(lines, at, end) else None
    return None


def _looks_signed(lines: Sequence[str], at: int, end: int) -> bool:
    """Tell whether below a rule stands a card or a list's footer, not the next section of a text."""
    above = lines[at - 1].strip() if at else ""
    rule = lines[at].strip()
    if above and at + 1 < end and lines[at + 1].strip() and abs(len(above) - len(rule)) < 4:
        return False  # the rule underlines a heading
    if any(line.strip() == rule for line in lines[max(at - 40, 0) : at]):
        return False  # one of several sections
    return all(
        len(line) <= _MAX_CARD_LINE and not line.rstrip().endswith((".", "?", "!")) for line in lines[at + 1 : end]
    )


def _device(lines: Sequence[str], end: int) -> int | None:
    if end and is_device(lines[end - 1]):
        return end - 1
    if end > 1 and lines[end - 2].strip() and (end == 2 or not lines[end - 3].strip()):
        wrapped = f"{lines[end - 2].strip()} {lines[end - 1].strip()}"
        return end - 2 if is_device(wrapped) else None
    return None


def _paragraphs(lines: Sequence[str], end: int) -> Iterator[tuple[int, int]]:
    """Yield where each of the last paragraphs begins and ends, last first."""
    for _ in range(_MAX_DISCLAIMERS):
        end = _trimmed(lines, end)
        begin = end
        while begin and end - begin < _MAX_PARAGRAPH and lines[begin - 1].strip():
            begin -= 1
        if begin == end:
            return
        yield begin, end
        end = begin


def _disclaimers(lines: Sequence[str], end: int) -> int | None:
    found = None
    unsure: list[tuple[int, int]] = []
    for begin, stop in _paragraphs(lines, end):
        unsure.append((begin, stop))
        for at in range(begin, min(begin + 3, stop)):
            begins = lines[at][:60].lower().lstrip(" \t*_-[(<!#:|")
            if begins[:3] in _DISCLAIMERS_BEGIN and begins.startswith(DISCLAIMERS):
                if not all(_SPEAKS_OF.search(_paragraph(lines, *one)) for one in unsure):
                    return found
                unsure.clear()
                found = begin if at == begin or _linked(lines[begin]) else at
                break
    return found


def _paragraph(lines: Sequence[str], begin: int, stop: int) -> str:
    return " ".join(line[:_MAX_READ] for line in lines[begin:stop])[:_MAX_READ]


def _linked(line: str) -> bool:
    return line.lstrip(" <[(").startswith(("http://", "https://"))


def _below_closing(lines: Sequence[str], end: int) -> int | None:
    """Return the line of a "Best regards" with nothing below it but a name or a card."""
    card = False
    for at, _below in _upwards(lines, end, _MAX_CARD):
        line = lines[at]
        if len(line) < _LONGEST_CLOSING and (closing := _closing(line)):
            return at if closing == "regards" or card else None
        if len(line) > _MAX_CARD_LINE or "?" in line or line.lstrip().startswith(">") or _POSTSCRIPT.match(line):
            return None
        if line.rstrip().endswith((".", "!")) and line.count(" ") > 4:
            return None  # a sentence: something was left to say below the name
        card = card or _CARD.search(line) is not None
    return None


def _closing(line: str) -> str:
    """Return "regards" or "thanks" when the line is such a closing, alone or with a name behind it."""
    bare = line.strip(" \t\r\xa0,.!;:*_\u3002\uff0c\uff01-\u2013").lower()
    if bare in _REGARDS:
        return "regards"
    if bare in _THANKS:
        return "thanks"
    words = line.partition("/")[0].split()
    if len(words) > 10 or not words or words[0].strip(",.").lower() not in _CLOSING_BEGINS:
        return ""
    for count in range(min(6, len(words)), 0, -1):
        closing = " ".join(words[:count]).strip(",.!;:*_").lower()
        rest = words[count:]
        if len(closing) > 5 and closing in _REGARDS and len(rest) <= 4:
            return "regards" if len(closing) > 11 or all(_is_name(word) for word in rest) else ""
    return ""


def _is_name(word: str) -> bool:
    return word[:1].isupper() or not word[:1].isalpha()


def _initials(lines: Sequence[str], end: int) -> int | None:
    """Return the last line when it is a "-Ann" below a text, and not the last item of a list."""
    if end < 2:
        return None
    line = lines[end - 1].strip()
    above = _trimmed(lines, end - 1)
    if len(line) > 40 or not above or not _INITIALS.fullmatch(line):
        return None
    first = line.lstrip("-\u2013\u2014~/ ")[:1]
    return (
        end - 1
        if first.isupper() and not lines[above - 1].lstrip().startswith(("-", "*", "\u2022", "/", "\u2013"))
        else None
    )
