"""The language a customer writes in: what the message says of itself, else what its words look like (the extra `language`)."""

import json
import re
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from tickets.message import clean

MAX_LOOKED_AT: Final = 2_000  # characters
SURE: Final = 0.5
NO_LANGUAGE: Final = "zxx"  # ISO 639-2: no linguistic content

_TAG: Final = re.compile(r"([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{1,8}){0,4})")


def tag_of(value: str) -> str | None:
    """Return the first language of a header or a platform's field as BCP 47 writes it (`pt-BR`), or nothing."""
    found = _TAG.fullmatch(value[:200].partition(",")[0].partition(";")[0].strip())
    if found is None:
        return None
    pieces = found[2].replace("_", "-").split("-")[1:]
    rest = (one.upper() if len(one) == 2 else one.title() if len(one) == 4 else one.lower() for one in pieces)
    return "-".join((found[1].lower(), *rest))


def with_bases(tag: str | None) -> tuple[str, ...]:
    """Return the languages that serve who speaks one, the nearest first: `pt-BR`, then `pt` (RFC 4647, 3.4)."""
    pieces = tag.split("-") if tag else []
    return tuple("-".join(pieces[:many]) for many in range(len(pieces), 0, -1))


def can_tell() -> bool:
    """Tell whether the extra for languages is installed."""
    return find_spec("py3langid") is not None


@lru_cache(maxsize=1)
def identifier() -> Any:
    """Return what tells languages apart; reading it takes half a second. Needs the extra."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415  # an extra

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def told_by(text: str) -> str:
    """Return the ISO 639-1 code of the language a text is written in; empty when it is too short to tell. Needs the extra."""
    text = clean(text[:MAX_LOOKED_AT])
    found, probability = identifier().classify(text) if text.strip() else ("", 0.0)
    return str(found) if probability >= SURE and found != NO_LANGUAGE else ""


def language_of(facts: str | None, text: str) -> str | None:
    """Return the language of a customer's entry, by its facts (JSON) and what was newly written in it, or nothing."""
    said: str | None = json.loads(facts or "{}").get("language")
    return said or ((told_by(text) or None) if can_tell() else None)
