"""Conditions about what filters and scanners say of a message."""

from router.conditions.condition import View, condition
from router.conditions.kinds import CHOICE, NUMBER, TEXT


@condition(CHOICE, lambda _desk: ("yes", "no", "unknown"))
def spam(view: View) -> str:
    """Verdict that spam filters in front wrote into a mail: yes, no, or unknown where none gave one."""
    verdict = view.event.message.spam if view.event.message else None
    if verdict is None or verdict.spam is None:
        return "unknown"
    return "yes" if verdict.spam else "no"


@condition(TEXT)
def spam_level(view: View) -> str:
    """Score of such a filter in stars, one for each whole point and at most 50, as SpamAssassin writes it."""
    verdict = view.event.message.spam if view.event.message else None
    return "*" * min(max(int(verdict.score), 0), 50) if verdict and verdict.score is not None else ""


@condition(NUMBER)
def spam_score(view: View) -> tuple[float, ...]:
    """Score of such a filter, on its own scale."""
    verdict = view.event.message.spam if view.event.message else None
    return (verdict.score,) if verdict and verdict.score is not None else ()


@condition(CHOICE, lambda _desk: ("found", "clean", "unknown"))
def virus(view: View) -> str:
    """Word for what the scanner says about the attachments: found, clean, unknown; empty when nothing was to be scanned."""
    message = view.event.message
    return message.virus.verdict if message and message.virus else ""
