"""The condition about the language a message is written in, told by the extra `language` (py3langid)."""

from router.conditions.condition import CannotUseError, View, condition
from router.conditions.kinds import CHOICE
from router.conditions.message import reply_text
from tickets.language import NO_LANGUAGE, can_tell, identifier, told_by


def _languages(_desk: object) -> tuple[str, ...]:
    if not can_tell():
        raise CannotUseError("needs the extra for languages: pip install 'frontdesk[language]'")
    return tuple(sorted({str(label) for label in identifier().nb_classes} - {NO_LANGUAGE}))


@condition(CHOICE, _languages, asks=True)
def language(view: View) -> str:
    """Language of what was newly written, by its ISO 639-1 code: en, sk; empty when a text is too short to tell."""
    message = view.event.message
    return told_by(reply_text(view) or (message.text if message else ""))
