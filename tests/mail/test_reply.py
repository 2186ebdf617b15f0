"""What a sender newly wrote, told by mails written in many programs, languages and manners.

Each file in `replies/` holds cases: a line `## name`, then the mail. A line that begins with `+` is newly written, one that
begins with a space is not, an empty line is neither; `‖` ends what is new within a line.
"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mail.reply.written import new_text

_FOLDER = Path(__file__).parent / "replies"


def _cases() -> Iterator[tuple[str, str, list[str]]]:
    """Yield every case: its name, the mail's text, and the new lines that are not empty."""
    for file in sorted(_FOLDER.glob("*.txt")):
        for case in file.read_text("utf-8").split("## ")[1:]:
            name, _, body = case.partition("\n")
            lines, new = [], []
            for line in body.rstrip("\n").split("\n"):
                kept, _, dropped = line[1:].partition("‖")
                lines.append(kept + dropped)
                if line.startswith("+"):
                    new.append(kept)
            yield name, "\n".join(lines), [line.rstrip() for line in new if line.strip()]


def held_back(name: str) -> bool:
    """Tell whether a case belongs to the third that is not looked at while the rules are changed."""
    return hashlib.sha256(name.encode()).digest()[0] % 3 == 0
