"""What rules would do besides, with the words that would be written or sent."""

from dataclasses import dataclass

from config.desk import Desk
from notify.template import words_of
from router.actions import Skipped
from router.actions.words import filled, values_of, written
from router.effects.reply import PERSONAL
from router.event import Effect, at_next
from router.trial.message import Tried


@dataclass(frozen=True, slots=True)
class Done:
    """An effect a rule asks for: its word, the rule, the text with it, if any; `skipped` is why it would not be done."""

    word: str
    rule: str
    text: str = ""
    skipped: str | None = None


def done(tried: Tried, desk: Desk) -> list[Done]:
    """Return the effects of a trial, in their order. What only the database knows (how often, to whom) is not asked."""
    return [_done(tried, desk, one) for one in tried.decision.effects]


def _done(tried: Tried, desk: Desk, one: Effect) -> Done:
    message = tried.event.message
    if one.word == "reply" and message is not None and message.kind not in PERSONAL:
        return Done(one.word, one.rule, skipped=f"no person wrote it ({message.kind})")
    try:
        return Done(one.word, one.rule, _text(tried, desk, one))
    except (Skipped, OSError, ValueError) as error:
        return Done(one.word, one.rule, skipped=str(error))


def _text(tried: Tried, desk: Desk, one: Effect) -> str:
    ticket = at_next(tried.event, tried.decision, ()).ticket
    language = tried.event.message.language if tried.event.message else None
    values = values_of(ticket, ticket.number, desk, tried.decision.variables, language)
    if one.word == "note":
        return filled(one.value, values)
    if one.word == "reply":
        if (text := one.value.get("text")) is not None:
            return filled(text, values)
        department, name = desk.departments_by_id[ticket.department], one.value["template"]
        return written(words_of(desk, department, name, [language] if language else ()), values).text
    return ", ".join(map(str, one.value)) if isinstance(one.value, list | tuple) else _name(one)


def _name(one: Effect) -> str:
    return str(one.value.get("hook", "")) if isinstance(one.value, dict) else str(one.value)
