"""The patterns people write: RE2's, so that no text makes them slow."""

from typing import Any, Final

import re2

from config.problems import shown
from tickets.message import clean

MAX_PATTERN: Final = 500  # characters
MAX_PROGRAM: Final = 3_000  # RE2 instructions; its time is at worst this times the text
MAX_MATCHED: Final = 100_000  # characters of a text that `matches` looks at


class BadPatternError(ValueError):
    """A pattern that RE2 does not take, or that would be slow."""


def pattern(text: str, *, captures: bool = False) -> Any:
    """Return the compiled RE2 pattern, which leaves case out of account; raises `BadPatternError` in plain words.

    Its groups can be read only with `captures`: without, whether it is found is quicker to tell.
    """
    if len(text) > MAX_PATTERN:
        raise BadPatternError(f"the pattern is longer than {MAX_PATTERN} characters; use contains with a list")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = not captures
    try:
        compiled = re2.compile(clean(text), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise BadPatternError(f"not a pattern RE2 understands: {shown(why)}") from error
    if compiled.programsize > MAX_PROGRAM:
        raise BadPatternError("the pattern repeats too much and would be slow; make it simpler")
    return compiled
