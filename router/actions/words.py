"""Texts in actions: Jinja2 in its sandbox, with what the rules' patterns have found and a few facts of the ticket.

Only what stands in the desk file, or beside it, is a template. What a customer wrote is a value, and never filled again.
"""

from collections.abc import Mapping
from typing import Final

from config.desk import Desk
from config.problems import Place
from notify.mime import MAX_NAME, MAX_SUBJECT
from notify.note import one_line
from notify.template import Letter, Words, fill, first_name
from router.actions.registry import Skipped
from router.state import State

FACTS: Final = ("customer", "subject", "number", "department", "agent", "desk")
BESIDES: Final = ("first_name", "agent_first_name", "language")
"""Facts that give way to a pattern's group of the same name."""
MOST_WORDS: Final = 20_000
"""Characters of a text in an action, and of what is made of it."""


def read_words(said: object, desk: Desk, place: Place) -> str:
    """Read a text that may have `{{ variables }}`; what it cannot be filled with is noted."""
    if not isinstance(said, str) or not said.strip():
        place.note("must be a text; put it in quotes")
        return ""
    if len(said) > MOST_WORDS:
        place.note(f"is longer than {MOST_WORDS} characters")
    elif (wrong := mistake(said, desk)) is not None:
        place.note(f"cannot be filled: {wrong}")
    return said


def mistake(source: str, desk: Desk) -> str | None:
    """Return what is wrong in a template, or nothing: it is filled with a sample."""
    try:
        _filled(source, sample(desk))
    except ValueError as error:
        return str(error)
    return None


def sample(desk: Desk) -> dict[str, str]:
    """Return what texts are tried with."""
    return dict.fromkeys((*desk.variables, *FACTS, *BESIDES), "1")


def values_of(
    ticket: State, number: int | None, desk: Desk, variables: Mapping[str, str], language: str | None = None
) -> dict[str, str]:
    """Return what a text is filled with; a pattern's group that has found nothing is an empty text."""
    department = desk.departments_by_id.get(ticket.department)
    agent = desk.agents_by_id.get(ticket.agent or "")
    return {
        "first_name": first_name(ticket.customer),
        "agent_first_name": first_name(agent.name) if agent else "",
        "language": language or "",
        **dict.fromkeys(desk.variables, ""),
        **variables,
        "customer": one_line(ticket.customer or ticket.contact)[:MAX_NAME],
        "subject": one_line(ticket.subject)[:MAX_SUBJECT],
        "number": "" if number is None else str(number),
        "department": department.name if department else ticket.department,
        "agent": agent.name if agent else "",
        "desk": desk.desk.name,
    }


def filled(source: str, values: Mapping[str, str]) -> str:
    """Return a text with its values, cut after `MOST_WORDS` characters; raises `Skipped` when it cannot be filled."""
    try:
        return _filled(source, values)[:MOST_WORDS].strip()
    except ValueError as error:
        raise Skipped(f"its text cannot be filled: {error}") from error


def written(words: Words, values: Mapping[str, str]) -> Letter:
    """Return a template with its values, its text cut like every text; raises `Skipped` when it cannot be filled."""
    try:
        made = words.filled(values)
    except ValueError as error:
        raise Skipped(f"its text cannot be filled: {error}") from error
    return Letter(made.subject, made.text[:MOST_WORDS].strip(), made.language)


def _filled(source: str, values: Mapping[str, str]) -> str:
    return fill(source, values) if "{" in source else source
