"""What a pattern cannot be found without: texts one of which stands in whatever it finds.

Only what is certain is taken; nothing is said of a pattern with anything this module does not know.
"""

import re
from typing import Final

_REPEAT: Final = re.compile(r"\{(\d+)(?:,\d*)?\}")
_HEAD: Final = re.compile(r"\?(?:P?<\w+>|[imsU-]*:)")
_FLAGS: Final = re.compile(r"\?[imsU-]+\)")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]", re.DOTALL)
_SETS: Final = frozenset("dDsSwWbBAzafnrtvC")
"""What stands behind a backslash for one of many characters, for a control character, or for a place."""
_DEEPEST: Final = 20


Clauses = tuple[tuple[str, ...], ...]
"""Of each one text is needed."""


class _UnsureError(Exception):
    """Something this module does not know."""


def literals(pattern: str) -> Clauses:
    """Return what stands in every text that an RE2 pattern is found in: of each clause one of its texts.

    The texts have case left out of account. They are ASCII, where RE2 and `str.casefold` agree about case.
    """
    reader = _Reader(pattern)
    try:
        found = reader.branches(0)
    except _UnsureError:
        return ()
    return found if reader.at == len(pattern) else ()


class _Reader:
    """Reads a pattern from the left; `at` is where it stands."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0

    def branches(self, depth: int) -> Clauses:
        """Read up to the group's end and return the clauses that hold for each alternative."""
        if depth > _DEEPEST:
            raise _UnsureError
        needed = [self._branch(depth)]
        while self._next() == "|":
            self.at += 1
            needed.append(self._branch(depth))
        if len(needed) == 1:
            return needed[0]
        if not all(needed):
            return ()
        return (tuple(text for clauses in needed for text in max(clauses, key=_worth)),)

    def _branch(self, depth: int) -> Clauses:
        """Read one alternative and return what it cannot be found without."""
        found, run = list[tuple[str, ...]](), ""
        while (char := self._next()) not in ("", "|", ")"):
            atom, needed = self._atom(char, depth)
            least = self._least()
            if atom and least != 0:
                run += atom
            if not atom or least is not None:  # "ab+c": it is there once at least, and others may follow
                found += [(run,)] if run else []
                found += needed if least != 0 else ()
                run = ""
        return (*found, (run,)) if run else tuple(found)

    def _atom(self, char: str, depth: int) -> tuple[str, Clauses]:
        """Read one thing; return it when it is a character that stands for itself, or what it cannot be found without."""
        self.at += 1
        if char == "(":
            return "", self._group(depth)
        if char == "[":
            found = _CLASS.match(self.pattern, self.at - 1)
            if found is None:
                raise _UnsureError
            self.at = found.end()
            return "", ()
        if char == "\\":
            char = self._next()
            self.at += 1
            if char.isalnum():
                if char not in _SETS:
                    raise _UnsureError
                return "", ()
            return _itself(char), ()
        if char in "^$.":
            return "", ()
        if char in "*+?{":  # a repeat that is none, whatever RE2 takes it for
            raise _UnsureError
        return _itself(char), ()

    def _group(self, depth: int) -> Clauses:
        if flags := _FLAGS.match(self.pattern, self.at):
            self.at = flags.end()
            if self._next() in ("*", "+", "?", "{"):  # of what stands before the flags
                raise _UnsureError
            return ()
        if self._next() == "?":
            head = _HEAD.match(self.pattern, self.at)
            if head is None:
                raise _UnsureError
            self.at = head.end()
        needed = self.branches(depth + 1)
        if self._next() != ")":
            raise _UnsureError
        self.at += 1
        return needed

    def _least(self) -> int | None:
        """Read a repeat, if one stands here, and return how often there must be at least; nothing when it is no repeat."""
        char = self._next()
        if char not in ("*", "+", "?", "{"):
            return None
        if char == "{":
            found = _REPEAT.match(self.pattern, self.at)
            if found is None:
                raise _UnsureError
            self.at, least = found.end(), int(found[1])
        else:
            self.at, least = self.at + 1, int(char == "+")
        if self._next() == "?":
            self.at += 1
        return least

    def _next(self) -> str:
        return self.pattern[self.at : self.at + 1]


def _itself(char: str) -> str:
    return char.casefold() if char.isascii() else ""


def _worth(texts: tuple[str, ...]) -> int:
    return min(map(len, texts), default=0)
