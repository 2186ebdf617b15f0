"""Cutting a long answer into messages a platform takes, where a person would begin a new one."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Literal

Unit = Literal["characters", "bytes", "utf16"]
"""What a platform counts: Unicode characters, bytes of UTF-8, or UTF-16 code units (two for most emoji)."""

SMALLEST = 4
"""The least limit: one character may be four bytes."""

_SENTENCE = re.compile(r"""[.!?…]["'”\u2019»)\]]*(?=\s)|[。\uff01\uff1f]""")
_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def pieces(text: str, limit: int, unit: Unit = "characters") -> list[str]:
    """Return the text in pieces of at most `limit` units (at least 4), in linear time; a text of blanks has none.

    A piece ends after a paragraph, else a line, else a sentence, where one ends in its second half; else after a word, and
    in the middle of a word only when that is longer than a piece. Nothing is lost but the blanks at the ends of pieces, and a
    letter is not parted from its accents nor an emoji from its joiners.
    """
    found, start, text = [], 0, text.strip()
    while start < len(text):
        end = _reach(text, start, limit, unit)
        if end < len(text):
            end = _cut(text, start, end)
        found.append(text[start:end].rstrip())
        start = end
        while start < len(text) and text[start].isspace():
            start += 1
    return found


def weighed(text: str, limit: int, weigh: Callable[[str], int], size: int | None = None) -> Iterator[str]:
    """Yield the text in pieces that weigh at most `limit`, where a platform has scales of its own; the same for the same text.

    A character should weigh one or more; what weighs too much is cut again, in pieces of at most `size` characters.
    """
    size = size or limit
    for piece in pieces(text, size):
        if weigh(piece) <= limit or size <= SMALLEST:
            yield piece
        else:
            yield from weighed(piece, limit, weigh, max(size * 4 // 5, SMALLEST))


def _reach(text: str, start: int, limit: int, unit: Unit) -> int:
    """Return how far a piece can go."""
    end = min(len(text), start + limit)
    if unit == "characters":
        return end
    for at in range(start, end):
        code = ord(text[at])
        if unit == "utf16":
            limit -= 1 + (code > 0xFFFF)
        else:
            limit -= 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
        if limit < 0:
            return max(at, start + 1)
    return end


def _cut(text: str, start: int, end: int) -> int:
    """Return the best place for a cut behind `start` and not behind `end`."""
    half = start + (end - start + 1) // 2
    for mark in ("\n\n", "\n"):
        if (place := text.rfind(mark, half, end + len(mark))) > 0:
            return place
    sentences = [place for found in _SENTENCE.finditer(text, half, end + 1) if (place := found.end()) <= end]
    if sentences:
        return sentences[-1]
    words = (at for at in range(end, start, -1) if text[at].isspace())
    whole = (at for at in range(end, max(start, end - 64), -1) if not _joined(text, at))
    return next(words, 0) or next(whole, end)


def _joined(text: str, at: int) -> bool:
    """Tell whether a character belongs to the one before it."""
    sign = text[at]
    marks = unicodedata.category(sign).startswith("M") or sign == _JOINER or ord(sign) in _SKIN_TONES
    return marks or text[at - 1] == _JOINER
