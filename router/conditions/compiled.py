"""A condition as it stands in the desk file, compiled to a test; what is wrong with it is noted at its place."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from config.desk import Desk
from config.problems import Place
from router.conditions.condition import CONDITIONS, CannotUseError, Condition
from router.conditions.kinds import EQUAL
from router.conditions.operators import ONE, OPERATORS, WHOLE, Test, captured
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
    one, of = _Asked(found, word, desk, path), found.of
    if of is None or (not of.needed and not (isinstance(said, Mapping) and said.keys() - OPERATORS.keys())):
        return list(one.tests(said, place))
    if not isinstance(said, Mapping) or not said:
        place.note(f"must say which {of.noun}: {{{word}: {{{of.noun.upper()}: …}}}}")
        return []
    parts = list[Part]()
    for name, inner in said.items():
        here = place.at(str(name))
        if not of.needed and name in OPERATORS:
            parts += one.tests({name: inner}, place)
        elif (key := _key(found, str(name), desk, here)) is not None:
            parts += replace(one, key=key, path=f"{path}.{name}").tests(inner, here)
    return parts


def key_of(word: str, said: object) -> str:
    """Return the key of what a condition looks at first, as it stands in the desk file."""
    found = CONDITIONS.get(word)
    if found is None or found.of is None or not isinstance(said, Mapping):
        return word
    return next((f"{word}.{str(name).lower()}" for name in said if found.of.needed or name not in OPERATORS), word)


def _key(found: Condition, name: str, desk: Desk, place: Place) -> str | None:
    """Return the key of a condition about something of that name; none when there is nothing of that name."""
    of = found.of
    if of is None or (of.known is not None and name not in of.known(desk)):
        known = of.known(desk) if of and of.known else ()
        operators = () if of is None or of.needed else found.operators
        noun = of.noun if of else ""
        place.unknown(f"operator or {noun}" if operators else noun, name, (*operators, *known), on_key=True)
        return None
    if of.known is None and not HEADER.fullmatch(name):
        place.note(f"no {of.noun} can be called so; write it as x-priority", on_key=True)
        return None
    return f"{found.word}.{name.lower()}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A condition that is being asked: the key of what it looks at, and where it stands in its rule."""

    found: Condition
    key: str
    desk: Desk
    path: str

    def tests(self, said: object, place: Place) -> Iterable[Part]:
        """Yield the tests of what was said about it."""
        found = self.found
        if not isinstance(said, Mapping):
            plain = found.kind.many if isinstance(said, list) else found.kind.plain
            if plain:
                yield from self.test(plain, said, place)
            else:
                first = found.kind.operators[0]
                place.note(f"is {found.kind.noun} and says not how to compare; write {{{first}: …}}")
            return
        if not said:
            place.note("says nothing; write what it must be, or {contains: …}")
        for name, wanted in said.items():
            here = place.at(str(name))
            if name not in OPERATORS:
                here.unknown("operator", name, found.operators, on_key=True)
            elif name not in found.operators:
                here.note(f"{found.word} is {found.kind.noun} and takes {', '.join(found.operators)}")
            else:
                yield from self.test(str(name), wanted, here)

    def test(self, name: str, said: object, place: Place) -> Iterable[Part]:
        """Yield the test with one operator, if it can be made."""
        wanted = self.wanted(name, said, place)
        if wanted is None:
            return
        found, kind = self.found, self.found.kind
        miss = Miss(self.path, self.key, name, _shown(said))
        make = WHOLE.get(name, OPERATORS[name]) if kind.whole else OPERATORS[name]
        if name == "matches":
            try:
                yield self._matching(wanted, make(wanted), miss)
            except BadPatternError as error:
                place.note(str(error))
        elif name == "changed":
            yield Part(_asking(Seen.change, self.key, make(wanted), miss))
        elif kind.text:
            folded = wanted if name == "exists" else tuple(text.casefold() for text in wanted)
            yield Part(_asking(Seen.folded, self.key, make(folded), miss), _anchors(found, name, folded), missing=miss)
        else:
            yield Part(_asking(Seen.values, self.key, make(wanted), miss))

    def wanted(self, name: str, said: object, place: Place) -> tuple[Any, ...] | None:
        """Return the wanted values as they are compared, or None when they cannot be used."""
        if name == "changed" and isinstance(said, Mapping):
            return self._ends(said, place)
        if name in ("exists", "changed"):
            if isinstance(said, bool):
                return (said,)
            place.note("must be true or false" if name == "exists" else "must be true, or {from: …, to: …}")
            return None
        if isinstance(said, list) and name in ONE:
            several = "; for one of several write in: [one, two]" if name == "is" else ""
            place.note(f"must be one {'text' if self.found.kind.text else 'value'}{several}")
            return None
        items = said if isinstance(said, list) else [said]
        if not items:
            place.note("the list is empty; write at least one text")
            return None
        read = [self._read(name, one, place.at(i) if isinstance(said, list) else place) for i, one in enumerate(items)]
        return None if None in read else tuple(read)

    def _read(self, name: str, said: object, place: Place) -> Any:
        try:
            value = self.found.kind.read(said)
        except ValueError as error:
            place.note(str(error))
            return None
        if value == "" and name not in EQUAL:
            place.note("is empty and would always hold; write a text")
            return None
        if self.found.known and name in (*EQUAL, "changed", *(WHOLE if self.found.kind.whole else ())):
            return self._known(value, self.found.known, place)
        return value

    def _known(self, value: str, known: Callable[[Desk], Iterable[str]], place: Place) -> str | None:
        try:
            names = tuple(known(self.desk))
        except CannotUseError as error:
            place.note(str(error))
            return None
        if value.casefold() not in {name.casefold() for name in names}:
            place.unknown(NOUNS.get(self.found.word, self.found.word), value, names)
            return None
        return "" if value.casefold() == self.found.nothing else value

    def _ends(self, said: Mapping[str, object], place: Place) -> tuple[Any, ...] | None:
        """Return what a change must be from and to, of which one may be left out."""
        ends: list[tuple[str, ...] | None] = []
        for end in ("from", "to"):
            inner = said.get(end)
            here = place.at(end)
            items = inner if isinstance(inner, list) else [inner]
            read = [self._read("changed", one, here) for one in items] if inner is not None else None
            if read == []:
                here.note("the list is empty; write at least one text")
            if read is not None and (not read or None in read):
                return None
            ends.append(None if read is None else tuple(one.casefold() for one in read))
        for key in said.keys() - {"from", "to"}:
            place.at(str(key)).unknown("end of a change", key, ("from", "to"), on_key=True)
        if not any(ends):
            place.note("says neither from nor to; write changed: true")
            return None
        return tuple(ends)

    def _matching(self, wanted: Values, test: Test, miss: Miss) -> Part:
        grouped = (pattern(text, captures=True) for text in wanted if "(?" in text)
        named, key = [one for one in grouped if one.groupindex], self.key
        return Part(
            _asking(Seen.values, key, test, miss),
            _anchors(self.found, "matches", wanted),
            (lambda seen: captured(named, seen.values(key))) if named else None,
            miss,
        )


HEADER: Final = re.compile("[!-9;-~]{1,100}")
"""How headers are called (RFC 5322, 3.6.8)."""
NOUNS: Final = {
    "channel_type": "channel type", "tags": "tag", "contact_tags": "tag", "contact_group": "contact group",
    "sla": "SLA level", "unassigned_reason": "reason", "calendar": "state of a calendar",
}  # fmt: skip
"""What an error calls a word's values where they are not called like the word."""


def _asking(
    values_of: Callable[[Seen, str], tuple[Any, ...]], key: str, test: Test, miss: Miss
) -> Callable[[Seen], Miss | None]:
    """Return a test of the values; where they are not known the condition does not hold, whatever it asks."""
    unknown = replace(miss, unknown=True)

    def ask(seen: Seen) -> Miss | None:
        values = values_of(seen, key)
        if values is UNKNOWN:
            return unknown
        return None if test(values) else miss

    return ask


def _shown(said: object) -> str | list[str]:
    """Return what was wanted as it stands in the trace."""
    if isinstance(said, list):
        return [str(one) for one in said]
    if isinstance(said, Mapping):
        return ", ".join(f"{end} {' or '.join(map(str, v if isinstance(v, list) else [v]))}" for end, v in said.items())
    return str(said).lower() if isinstance(said, bool) else str(said)


HOW: Final[Mapping[str, Literal["equal", "within", "found"]]] = {
    "is": "equal", "in": "equal", "contains": "within", "contains_all": "within", "starts_with": "within",
    "ends_with": "within", "matches": "found",
}  # fmt: skip
"""What a condition with an operator cannot hold without; the other operators hold without anything."""


def _anchors(found: Condition, name: str, wanted: Values) -> tuple[Anchor, ...] | None:
    how = "equal" if found.kind.whole and name in ("contains", "contains_all") else HOW.get(name)
    if how is None or found.fresh or found.asks or (how == "equal" and "" in wanted):
        return None
    texts = (max(wanted, key=len),) if name == "contains_all" else wanted
    return (Anchor(found.word, how, texts),)
