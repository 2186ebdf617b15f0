"""The condition about the language a message is written in, told by the extra `language` (py3langid)."""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from router.conditions.condition import CannotUseError, View, condition
from router.conditions.kinds import CHOICE
from router.conditions.message import reply_text
from tickets.message import clean

MAX_LOOKED_AT: Final = 2_000  # characters
SURE: Final = 0.5


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """Return what tells languages apart; reading it takes half a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415  # an extra

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _languages(_desk: object) -> tuple[str, ...]:
    if find_spec("py3langid") is None:
        raise CannotUseError("needs the extra for languages: pip install 'frontdesk[language]'")
    return tuple(sorted({str(label) for label in _identifier().nb_classes} - {NO_LANGUAGE}))


NO_LANGUAGE: Final = "zxx"  # ISO 639-2: no linguistic content


@condition(CHOICE, _languages, asks=True)
def language(view: View) -> str:
    """Language of what was newly written, by its ISO 639-1 code: en, sk; empty when a text is too short to tell."""
    message = view.event.message
    text = clean((reply_text(view) or (message.text if message else ""))[:MAX_LOOKED_AT])
    found, probability = _identifier().classify(text) if text.strip() else ("", 0.0)
    return str(found) if probability >= SURE and found != NO_LANGUAGE else ""
