"""Groups of conditions: all inside one must hold; `not`, `any` and `all` nest them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from config.desk import Desk
from config.problems import Place
from router.conditions.compiled import compile_condition, key_of
from router.conditions.parts import Miss, Part
from router.conditions.seen import Seen

NESTS: Final = ("not", "any", "all")
MAX_DEPTH: Final = 10


def compile_group(said: Mapping[str, Any], desk: Desk, place: Place, path: str, depth: int) -> Part:
    """Return the test that all conditions of a group hold."""
    if not said:
        place.note("an empty group always holds; write a condition, or leave `when` out")
    if depth > MAX_DEPTH:
        place.note(f"nested too deeply (more than {MAX_DEPTH} levels); make two rules of it")
        return _all(())
    parts: list[Part] = []
    for word, value in said.items():
        here, inner = place.at(word), f"{path}.{word}"
        if word == "not":
            if isinstance(value, Mapping):
                parts.append(_not(compile_group(value, desk, here, inner, depth + 1), value, inner))
            else:
                here.note("must be one group: {subject: …}")
        elif word in NESTS:
            groups = _groups(value, desk, here, inner, depth + 1)
            parts.append(_any(groups) if word == "any" else _all(groups))
        else:
            parts.extend(compile_condition(word, value, desk, here, inner))
    return _all(tuple(parts))


def _groups(said: object, desk: Desk, place: Place, path: str, depth: int) -> tuple[Part, ...]:
    if not isinstance(said, list) or not said:
        place.note("must be a list of groups: [{subject: …}, {body: …}]")
        return ()
    parts = []
    for index, group in enumerate(said):
        if isinstance(group, Mapping):
            parts.append(compile_group(group, desk, place.at(index), f"{path}.{index}", depth))
        else:
            place.at(index).note("must be a group: {subject: …}")
    return tuple(parts)


def _all(parts: tuple[Part, ...]) -> Part:
    """Return the test that all hold; it cannot without what the most selective of them needs.

    What is known to fail counts before what is not known.
    """
    if len(parts) == 1:
        return parts[0]

    def test(seen: Seen) -> Miss | None:
        unknown = None
        for part in parts:
            miss = part(seen)
            if miss is not None:
                if not miss.unknown:
                    return miss
                unknown = unknown or miss
        return unknown

    best = max((part for part in parts if part.anchors is not None), key=_selective, default=None)
    naming = [part.captures for part in parts if part.captures is not None]

    def captures(seen: Seen) -> dict[str, str]:
        return {name: text for found in naming for name, text in found(seen).items()}

    anchors, missing = (best.anchors, best.missing) if best else (None, None)
    return Part(test, anchors, captures if naming else None, missing)


def _selective(part: Part) -> tuple[bool, bool, int, int]:
    """Return how much its anchors keep out: names before parts of a text before patterns, few before many, long before short."""
    anchors = part.anchors or ()
    texts = [text for anchor in anchors for text in anchor.texts]
    rare = all(anchor.how != "equal" or anchor.word not in COMMON for anchor in anchors)
    equal = all(anchor.how == "equal" for anchor in anchors)
    return rare, equal, -sum(anchor.how == "found" for anchor in anchors), min(map(len, texts)) - len(texts)


COMMON: Final = frozenset(
    {
        "channel",
        "channel_type",
        "kind",
        "spam",
        "virus",
        "authentic",
        "spf",
        "dkim",
        "dmarc",
        "vip",
        "attachment_dangerous",
    }
)
"""Words with so few values that they keep hardly any message out."""


def _any(parts: tuple[Part, ...]) -> Part:
    def test(seen: Seen) -> Miss | None:
        first = None
        for part in parts:
            miss = part(seen)
            if miss is None:
                return None
            if first is None or (miss.unknown and not first.unknown):
                first = miss
        return first

    def captures(seen: Seen) -> Mapping[str, str]:
        held = next(part for part in parts if part(seen) is None)
        return held.captures(seen) if held.captures else {}

    naming = captures if any(part.captures for part in parts) else None
    if not parts or any(part.anchors is None for part in parts):
        return Part(test, None, naming)
    return Part(test, tuple(anchor for part in parts for anchor in part.anchors or ()), naming, parts[0].missing)


def _not(part: Part, said: Mapping[str, Any], path: str) -> Part:
    """Return the test that a group does not hold. What is not known is not known to be otherwise either."""
    key = next((key_of(word, value) for word, value in said.items() if word not in NESTS), "")
    miss = Miss(path, key, "not", ", ".join(_phrase(said)))

    def test(seen: Seen) -> Miss | None:
        inner = part(seen)
        if inner is None:
            return miss
        return inner if inner.unknown else None

    return Part(test)


def _phrase(said: object) -> Iterable[str]:
    """Return the words of a group as they stand in the file, for the trace of a `not`."""
    if isinstance(said, Mapping):
        for word, value in said.items():
            yield f"{word} {' '.join(_phrase(value))}"
    elif isinstance(said, list):
        yield " or ".join(", ".join(_phrase(item)) for item in said)
    else:
        yield str(said)
