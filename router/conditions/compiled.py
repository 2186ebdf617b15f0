"""A condition as it stands in the desk file, compiled to a test; what is wrong with it is noted at its place."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Literal

from config.desk import Desk
from config.problems import Place
from router.conditions.condition import CONDITIONS, Condition
from router.conditions.operators import OPERATORS, WHOLE, Test, captured
from router.conditions.parts import Anchor, Miss, Part
from router.conditions.patterns import BadPatternError, pattern
from router.conditions.seen import UNKNOWN, Seen
from router.event import Values


def compile_condition(word: str, said: object, desk: Desk, place: Place, path: str) -> list[Part]:
    """Return the tests of one condition as it stands in the desk file; what is wrong is noted at its `place`."""
    found = CONDITIONS.get(word)
    if found is None:
        place.unknown("condition", word, (*CONDITIONS, "not", "any", "all"), on_key=True)
        return []
    if not isinstance(said, Mapping):
        part = _compile(found, "in" if isinstance(said, list) else "is", said, desk, place, path)
        return [part] if part else []
    if not said:
        place.note("says nothing; write what it must be, or {contains: …}")
    parts = []
    for name, wanted in said.items():
        here = place.at(str(name))
        if name not in OPERATORS:
            here.unknown("operator", name, OPERATORS, on_key=True)
        elif part := _compile(found, str(name), wanted, desk, here, path):
            parts.append(part)
    return parts


def _compile(found: Condition, name: str, said: object, desk: Desk, place: Place, path: str) -> Part | None:
    wanted = _wanted(name, said, place)
    if wanted is None:
        return None
    if found.known and (name in {"is", "in"} or (found.whole and name in WHOLE)):
        _listed(found, wanted, said, desk, place)
    table = OPERATORS | WHOLE if found.whole else OPERATORS
    miss = Miss(path, found.word, name, list(wanted) if isinstance(said, list) else wanted[0])
    if name == "matches":
        try:
            return _matching(found, wanted, table[name](wanted), miss)
        except BadPatternError as error:
            place.note(str(error))
            return None
    folded = tuple(text.casefold() for text in wanted)
    return Part(_asked(Seen.folded, found.word, table[name](folded), miss), _anchors(found, name, folded))


def _matching(found: Condition, wanted: Values, test: Test, miss: Miss) -> Part:
    named = [one for one in (pattern(text, captures=True) for text in wanted) if one.groupindex]
    word = found.word
    return Part(
        _asked(Seen.values, word, test, miss),
        _anchors(found, "matches", wanted),
        (lambda seen: captured(named, seen.values(word))) if named else None,
    )


def _asked(values_of: Callable[[Seen, str], Values], key: str, test: Test, miss: Miss) -> Callable[[Seen], Miss | None]:
    """Return a test of the values; where they are not known the condition does not hold, whatever it asks."""
    unknown = replace(miss, unknown=True)

    def ask(seen: Seen) -> Miss | None:
        values = values_of(seen, key)
        if values is UNKNOWN:
            return unknown
        return None if test(values) else miss

    return ask


HOW: Final[Mapping[str, Literal["equal", "within", "found"]]] = {
    "is": "equal", "in": "equal", "contains": "within", "contains_all": "within", "starts_with": "within",
    "ends_with": "within", "matches": "found",
}  # fmt: skip
"""What a condition with an operator cannot hold without; the other operators hold without anything."""


def _anchors(found: Condition, name: str, wanted: Values) -> tuple[Anchor, ...] | None:
    how = "equal" if found.whole and name in WHOLE and name != "not_contains" else HOW.get(name)
    if how is None or found.fresh or (how == "equal" and "" in wanted):
        return None
    texts = (max(wanted, key=len),) if name == "contains_all" else wanted
    return (Anchor(found.word, how, texts),)


def _wanted(name: str, said: object, place: Place) -> Values | None:
    """Return the wanted values as texts, or None when they cannot be used."""
    if isinstance(said, list) and name == "is":
        place.note("must be one text; for one of several write in: [one, two]")
        return None
    items = said if isinstance(said, list) else [said]
    if not items:
        place.note("the list is empty; write at least one text")
        return None
    usable = True
    for index, item in enumerate(items):
        here = place.at(index) if isinstance(said, list) else place
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            here.note("must be text; put it in quotes")
            usable = False
        elif item == "" and name not in {"is", "in"}:
            here.note("is empty and would always hold; write a text")
            usable = False
    return tuple(str(item) for item in items) if usable else None


def _listed(found: Condition, wanted: Values, said: object, desk: Desk, place: Place) -> None:
    known = found.known(desk) if found.known else ()
    folded = {name.casefold() for name in known}
    noun = {"channel_type": "channel type", "tags": "tag"}.get(found.word, found.word)
    for index, text in enumerate(wanted):
        if text.casefold() not in folded:
            (place.at(index) if isinstance(said, list) else place).unknown(noun, text, known)
