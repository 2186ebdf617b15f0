"""What a pydantic model refused, in plain words: a place in the file, what is wrong and what to write instead."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from config.model import Name
from config.problems import Place, Where, nearest, shown

WORDS: Final = {
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "tuple_type": "must be a list; write it as [one, two]",
    "list_type": "must be a list; write it as [one, two]",
    "set_type": "must be a list; write it as [one, two]",
    "frozen_set_type": "must be a list; write it as [one, two]",
    "dict_type": "must be keys with values; write it as {key: value}",
    "mapping_type": "must be keys with values; write it as {key: value}",
    "model_type": "must be keys with values; write it as {key: value}",
    "none_required": "must be left out",
    "url_parsing": "must be a URL like https://acme.example",
    "url_scheme": "must be a URL like https://acme.example",
}
LIMITS: Final = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}
_PATTERNS: Final = {
    next(part.pattern for part in get_args(Name)[1:]): (
        "must be a short name: lower-case letters, digits, - and _, beginning with a letter or digit, at most 63"
    ),
}


def note(error: ValidationError, raw: Any, model: type[BaseModel], place: Place) -> None:
    """Note at `place` everything the model refused in `raw`; no value of the file is repeated, it may be a secret."""
    unions: defaultdict[Where, list[tuple[Where, str, str | None]]] = defaultdict(list)
    for one in error.errors(include_url=False):
        loc, kind = one["loc"], one["type"]
        if kind == "missing":
            where, _ = _found(raw, loc[:-1])
            place.at(*where).note(f'the key "{loc[-1]}" is missing; add it')
            continue
        where, union = _found(raw, loc)
        if kind == "extra_forbidden":
            place.at(*where).unknown("key", where[-1], known_words(model, where[:-1]), on_key=True)
            continue
        message, suggestion = _said(one)
        if union is None:
            place.at(*where).note(message, suggestion=suggestion)
        else:
            unions[union].append((where, message, suggestion))
    for branches in unions.values():
        _note_best(branches, place)


def _note_best(branches: list[tuple[Where, str, str | None]], place: Place) -> None:
    """Of the ways a value may be written, speak of the one that went furthest, else of all of them."""
    furthest = max(len(where) for where, _, _ in branches)
    by_place: defaultdict[Where, list[tuple[str, str | None]]] = defaultdict(list)
    for where, message, suggestion in branches:
        if len(where) == furthest:
            by_place[where].append((message, suggestion))
    for where, said in by_place.items():
        words = ", or ".join(dict.fromkeys(message for message, _ in said))
        place.at(*where).note(words, suggestion=next((hint for _, hint in said if hint), None))


def known_words(model: type[BaseModel], where: Where) -> list[str]:
    """Return the keys that may stand at a place inside a model."""
    models = [model]
    for step in where:
        if isinstance(step, str):
            models = [inner for outer in models for inner in _inner(outer, step)]
    return [name.alias or word for one in models for word, name in one.model_fields.items()]


def _inner(model: type[BaseModel], word: str) -> Iterator[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if word == (field.alias or name):
            yield from _models(field.annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _found(raw: Any, loc: Iterable[str | int]) -> tuple[Where, Where | None]:
    """Return the steps of a pydantic location that stand in the file, and where a union's label stood between them."""
    where: list[str | int] = []
    union: Where | None = None
    for step in loc:
        in_list = isinstance(raw, list) and isinstance(step, int) and step < len(raw)
        if in_list or (isinstance(raw, dict) and step in raw):
            raw = raw[step]
            where.append(step)
        elif union is None:
            union = tuple(where)
    return tuple(where), union


def _said(error: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the plain words for one refusal, and the nearest right word where there is a list of them."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        expected = str(context["expected"])
        suggestion = nearest(error["input"], re.findall(r"'([^']*)'", expected))
        return f"must be {expected.replace(chr(39), chr(34))}", suggestion
    if kind == "value_error":  # our own validators speak plainly already
        return str(context["error"]), None
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return _PATTERNS.get(pattern, f"has the wrong form; it must match {shown(pattern)}"), None
    if kind in LIMITS:
        return LIMITS[kind].format(**context), None
    return WORDS.get(kind, str(error["msg"]).replace("Input should be", "must be")), None
