"""Which rules can hold at all: the anchors of all rules are looked for together, so that a message costs little more.

It only leaves rules out whose conditions cannot hold; those that are left are asked one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from router.conditions import Anchor, Seen
from router.literals import Clauses, literals
from tickets.message import clean

SHORTEST: Final = 3  # characters of a text that is looked for; shorter ones stand nearly everywhere
LONGEST: Final = 32  # of longer ones the beginning is looked for, so that few end at one place
PIECE: Final = 16_384  # characters of a text that are looked through at once, so that what is found stays small

Places = tuple[int, ...]
"""Places of rules in their order."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index knows of a rule: the events that ask it, and its anchors."""

    on: frozenset[str]
    anchors: tuple[Anchor, ...] | None


@dataclass(frozen=True, slots=True)
class Texts:
    """What is looked for in the values of one word: the rules of each text, and those with patterns."""

    engine: BytesAhoCorasick
    places: tuple[Places, ...]
    patterns: Places

    def within(self, texts: Iterable[str]) -> Iterable[Places]:
        """Yield the rules of each text that stands in one of these, which have case left out of account."""
        numbers = set[int]()
        for text in texts:
            for start in range(0, len(text), PIECE):
                piece = text[start : start + PIECE + LONGEST - 1].encode("utf-8", "surrogatepass")
                numbers.update(found[0] for found in self.engine.find_matches_as_indexes(piece, overlapping=True))
        return map(self.places.__getitem__, numbers)


@dataclass(frozen=True, slots=True)
class Index:
    """The anchors of a rule set.

    `always` are the rules of each event that are asked whatever it says, `words` those that are looked at for it.
    """

    always: Mapping[str, Places]
    words: Mapping[str, tuple[str, ...]]
    equal: Mapping[str, Mapping[str, Places]]
    within: Mapping[str, Texts]

    def words_of(self, names: Iterable[str]) -> Iterable[str]:
        """Return the words that are looked at for these events."""
        return dict.fromkeys(chain.from_iterable(self.words.get(name, ()) for name in names))

    def candidates(self, names: Iterable[str], seen: Seen) -> list[int]:
        """Return the places of the rules to ask about an event of these names, in their order; a few others may be among them."""
        found = set[int]().union(*(self.always[name] for name in names if name in self.always))
        for word in self.words_of(names):
            values = seen.folded(word)
            if (equal := self.equal.get(word)) is not None:
                for value in values:
                    found.update(equal.get(value, ()))
            if (texts := self.within.get(word)) is not None:
                found.update(*texts.within(values))
                if texts.patterns and any(clean(value) != value for value in seen.values(word)):
                    found.update(texts.patterns)  # patterns see a text without what no database keeps
        return sorted(found)


@dataclass(slots=True)
class _Draft:
    """An index that is being made."""

    equal: dict[str, dict[str, list[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    within: dict[str, dict[str, list[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    patterns: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, place: int, needed: Iterable[tuple[Anchor, Clauses]], common: Mapping[str, int]) -> None:
        """Note what a rule is found by: of each anchor the clause whose texts the fewest rules have."""
        for anchor, clauses in needed:
            table = self.equal if anchor.how == "equal" else self.within
            for text in min(clauses, key=lambda texts: (max(common[text] for text in texts), -min(map(len, texts)))):
                table[anchor.word][text].append(place)
            if anchor.how == "found":
                self.patterns[anchor.word].append(place)


def _needed(entry: Entry) -> list[tuple[Anchor, Clauses]] | None:
    """Return by what a rule may be found: of each clause one text; nothing when it would be found nearly everywhere."""
    needed = list[tuple[Anchor, Clauses]]()
    for anchor in entry.anchors or ():
        if anchor.how == "equal":
            needed.append((anchor, (anchor.texts,)))
            continue
        either = [(anchor.texts,)] if anchor.how == "within" else [literals(clean(text)) for text in anchor.texts]
        for clauses in either:
            long = tuple(tuple(text[:LONGEST] for text in one) for one in clauses if min(map(len, one)) >= SHORTEST)
            if not long:
                return None
            needed.append((anchor, long))
    return needed or None


def index_of(entries: Sequence[Entry | None]) -> Index:
    """Return the index of rules in their order; in the place of one that is never asked stands nothing."""
    draft = _Draft()
    always, words = defaultdict[str, list[int]](list), defaultdict[str, dict[str, None]](dict)
    every = [None if entry is None else _needed(entry) for entry in entries]
    common = Counter(text for needed in every for _, clauses in needed or () for one in clauses for text in one)
    for place, (entry, needed) in enumerate(zip(entries, every, strict=True)):
        for name in entry.on if entry else ():
            if needed is None:
                always[name].append(place)
            else:
                words[name].update(dict.fromkeys(anchor.word for anchor, _ in needed))
        draft.take(place, needed or (), common)
    return Index(
        {name: tuple(places) for name, places in always.items()},
        {name: tuple(some) for name, some in words.items()},
        {word: {text: tuple(places) for text, places in table.items()} for word, table in draft.equal.items()},
        {
            word: Texts(
                BytesAhoCorasick([text.encode("utf-8", "surrogatepass") for text in table]),
                tuple(map(tuple, table.values())),
                tuple(draft.patterns.get(word, ())),
            )
            for word, table in draft.within.items()
        },
    )


NO_INDEX: Final = index_of(())
