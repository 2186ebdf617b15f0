"""The conditions a rule can name, and the operators they are asked with.

A condition is a pure function that gives what it looks at; its name is its word in the desk file (`from_` is `from`).
All comparisons leave case out of account. A condition with several values (`to`, `cc`, `tags`) holds when one of them
does; `not_contains` holds when none does.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import re2

import ingest.channel
from config.desk import Desk
from config.problems import Place, shown
from router.event import PRIORITIES, TicketEvent, Values
from tickets.message import Kind, clean

Known = Callable[[Desk], Collection[str]]
Test = Callable[[Values], bool]

MAX_PATTERN: Final = 500  # characters
MAX_PROGRAM: Final = 3_000  # RE2 instructions; its time is at worst this times the text
MAX_MATCHED: Final = 100_000  # characters of a text that `matches` looks at


@dataclass(frozen=True, slots=True)
class Condition:
    """A word for something of the event: how to look at it, and the only values there are where they are listed.

    `whole` says that its values are names which are compared as a whole, not searched for a part.
    """

    word: str
    look: Callable[[TicketEvent], str | Values]
    known: Known | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Miss:
    """A condition that did not hold: where it stands in its rule, and what was wanted of which word, for the trace."""

    path: str
    word: str
    operator: str
    wanted: str | list[str]


CONDITIONS: Final[dict[str, Condition]] = {}


def condition(
    known: Known | None = None, *, whole: bool = False
) -> Callable[[Callable[[TicketEvent], str | Values]], Callable[[TicketEvent], str | Values]]:
    """Make the function's name a word of the desk file."""

    def register(look: Callable[[TicketEvent], str | Values]) -> Callable[[TicketEvent], str | Values]:
        word = look.__name__.rstrip("_")
        CONDITIONS[word] = Condition(word, look, known, whole)
        return look

    return register


@condition(lambda desk: sorted({*ingest.channel.words(), *(channel.type for channel in desk.channels)}))
def channel_type(event: TicketEvent) -> str:
    """Type of the channel: smtp, chat, telegram."""
    return event.channel_type


@condition(lambda desk: tuple(desk.channels_by_name))
def channel(event: TicketEvent) -> str:
    """Name of the channel."""
    return event.channel


@condition()
def from_(event: TicketEvent) -> str:
    """Sender's address, or the platform's id of the sender."""
    return event.message.sender.id if event.message else event.ticket.contact


@condition()
def from_domain(event: TicketEvent) -> str:
    """Domain of the sender's address, after the @; empty for a platform's id."""
    sender = event.message.sender.id if event.message else event.ticket.contact
    return sender.rpartition("@")[2] if "@" in sender else ""


@condition()
def to(event: TicketEvent) -> Values:
    """Addresses the message was sent to: of the envelope and of its To."""
    return tuple(dict.fromkeys((*event.recipients, *event.message.to))) if event.message else ()


@condition()
def cc(event: TicketEvent) -> Values:
    """Addresses of its Cc."""
    return event.message.cc if event.message else ()


@condition()
def subject(event: TicketEvent) -> str:
    """Subject of the message, else of the ticket."""
    return event.message.subject if event.message else event.ticket.subject


@condition()
def body(event: TicketEvent) -> str:
    """Whole text of the message, with what it quotes; of an answer or a note its words."""
    return event.message.text if event.message else event.text


@condition(lambda _desk: get_args(Kind))
def kind(event: TicketEvent) -> str:
    """Kind of the message: message, auto_reply, bounce, list …."""
    return event.message.kind if event.message else ""


@condition(lambda _desk: ("yes", "no", "unknown"))
def spam(event: TicketEvent) -> str:
    """Verdict that spam filters in front wrote into a mail: yes, no, or unknown where none gave one."""
    verdict = event.message.spam if event.message else None
    if verdict is None or verdict.spam is None:
        return "unknown"
    return "yes" if verdict.spam else "no"


@condition()
def spam_level(event: TicketEvent) -> str:
    """Score of such a filter in stars, one for each whole point and at most 50, as SpamAssassin writes it."""
    verdict = event.message.spam if event.message else None
    return "*" * min(max(int(verdict.score), 0), 50) if verdict and verdict.score is not None else ""


@condition(lambda _desk: ("found", "clean", "unknown"))
def virus(event: TicketEvent) -> str:
    """Word for what the scanner says about the attachments: found, clean, unknown; empty when nothing was to be scanned."""
    return event.message.virus.verdict if event.message and event.message.virus else ""


@condition(lambda desk: tuple(desk.departments_by_id))
def department(event: TicketEvent) -> str:
    """Department the ticket is in, after the rules above."""
    return event.ticket.department


@condition(lambda _desk: PRIORITIES)
def priority(event: TicketEvent) -> str:
    """Priority of the ticket, after the rules above."""
    return event.ticket.priority


@condition(lambda desk: desk.tags, whole=True)
def tags(event: TicketEvent) -> Values:
    """Tags of the ticket, after the rules above."""
    return event.ticket.tags


@condition(lambda _desk: ("yes", "no", "unknown"))
def authentic(event: TicketEvent) -> str:
    """Whether the mail is from the domain its From names: yes, no, unknown."""
    known = event.trust.authentic if event.trust else None
    return "unknown" if known is None else "yes" if known else "no"


@condition()
def spf(event: TicketEvent) -> str:
    """Word for what SPF came to (RFC 8601): pass, fail, softfail, none …; empty when nobody looked."""
    return event.trust.spf if event.trust else ""


@condition()
def dkim(event: TicketEvent) -> str:
    """Word for what DKIM came to: pass, fail, none …; empty when nobody looked."""
    return event.trust.dkim if event.trust else ""


@condition()
def dmarc(event: TicketEvent) -> str:
    """Word for what DMARC came to: pass, fail, none …; empty when nobody looked."""
    return event.trust.dmarc if event.trust else ""


DECIDED: Final = frozenset({"department", "priority", "tags"})
"""The conditions whose values a rule above may have changed."""


class Seen:
    """The values of one event, looked up when they are first asked for."""

    __slots__ = ("_event", "_folded", "_values")

    def __init__(self, event: TicketEvent) -> None:
        self._event = event
        self._values: dict[str, Values] = {}
        self._folded: dict[str, Values] = {}

    def values(self, word: str) -> Values:
        """Return a condition's values as they are."""
        found = self._values.get(word)
        if found is None:
            looked = CONDITIONS[word].look(self._event)
            found = self._values[word] = (looked,) if isinstance(looked, str) else looked
        return found

    def folded(self, word: str) -> Values:
        """Return a condition's values with case left out of account."""
        found = self._folded.get(word)
        if found is None:
            found = self._folded[word] = tuple(value.casefold() for value in self.values(word))
        return found

    def decided(self, event: TicketEvent) -> None:
        """Go on with the ticket as the rules have decided it so far."""
        self._event = event
        for word in DECIDED:
            self._values.pop(word, None)
            self._folded.pop(word, None)


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a condition cannot hold without: one of the texts is a value of its word, stands within one, or is found in one.

    Texts have case left out of account; those to be `found` are RE2 patterns as they are written.
    """

    word: str
    how: Literal["equal", "within", "found"]
    texts: Values


@dataclass(frozen=True, slots=True)
class Part:
    """A compiled condition or group: called, it returns None when it holds, else the first condition that did not.

    One of its `anchors` must hold for it to hold; without any it may always, and has to be asked.
    """

    test: Callable[[Seen], Miss | None]
    anchors: tuple[Anchor, ...] | None = None

    def __call__(self, seen: Seen) -> Miss | None:
        """Ask."""
        return self.test(seen)


OPERATORS: Final[dict[str, Callable[[Values], Test]]] = {}
WHOLE: Final[dict[str, Callable[[Values], Test]]] = {}


def operator(make: Callable[[Values], Test]) -> Callable[[Values], Test]:
    """Make the function's name an operator; it is given the wanted values and returns the test."""
    OPERATORS[make.__name__.rstrip("_")] = make
    return make


@operator
def is_(wanted: Values) -> Test:
    """Equal to the one wanted value."""
    return lambda values: wanted[0] in values


@operator
def in_(wanted: Values) -> Test:
    """Equal to one of the wanted values."""
    one_of = frozenset(wanted)
    return lambda values: not one_of.isdisjoint(values)


@operator
def contains(wanted: Values) -> Test:
    """One of the wanted texts stands somewhere in it."""
    return lambda values: any(text in value for value in values for text in wanted)


@operator
def contains_all(wanted: Values) -> Test:
    """Each of the wanted texts stands somewhere in it."""
    return lambda values: all(any(text in value for value in values) for text in wanted)


@operator
def not_contains(wanted: Values) -> Test:
    """None of the wanted texts stands anywhere in it."""
    return lambda values: not any(text in value for value in values for text in wanted)


@operator
def starts_with(wanted: Values) -> Test:
    """Text that begins with one of the wanted texts."""
    return lambda values: any(value.startswith(wanted) for value in values)


@operator
def ends_with(wanted: Values) -> Test:
    """Text that ends with one of the wanted texts."""
    return lambda values: any(value.endswith(wanted) for value in values)


@operator
def matches(wanted: Values) -> Test:
    """One of the RE2 patterns is found in it; of a very long text only the beginning is looked at."""
    patterns = [pattern(text) for text in wanted]
    return lambda values: any(p.search(clean(value[:MAX_MATCHED])) is not None for value in values for p in patterns)


WHOLE["contains"] = in_
WHOLE["contains_all"] = lambda wanted: frozenset(wanted).issubset
WHOLE["not_contains"] = lambda wanted: frozenset(wanted).isdisjoint


class BadPatternError(ValueError):
    """A pattern that RE2 does not take, or that would be slow."""


def pattern(text: str, *, captures: bool = False) -> Any:
    """Return the compiled RE2 pattern, which leaves case out of account; raises `BadPatternError` in plain words.

    Its groups can be read only with `captures`: without, whether it is found is quicker to tell.
    """
    if len(text) > MAX_PATTERN:
        raise BadPatternError(f"the pattern is longer than {MAX_PATTERN} characters; use contains with a list")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = not captures
    try:
        compiled = re2.compile(clean(text), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise BadPatternError(f"not a pattern RE2 understands: {shown(why)}") from error
    if compiled.programsize > MAX_PROGRAM:
        raise BadPatternError("the pattern repeats too much and would be slow; make it simpler")
    return compiled


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
    word, miss = found.word, Miss(path, found.word, name, list(wanted) if isinstance(said, list) else wanted[0])
    if name == "matches":
        try:
            search = table[name](wanted)
        except BadPatternError as error:
            place.note(str(error))
            return None
        return Part(lambda seen: None if search(seen.values(word)) else miss, _anchors(found, name, wanted))
    folded = tuple(text.casefold() for text in wanted)
    test = table[name](folded)
    return Part(lambda seen: None if test(seen.folded(word)) else miss, _anchors(found, name, folded))


HOW: Final[Mapping[str, Literal["equal", "within", "found"]]] = {
    "is": "equal", "in": "equal", "contains": "within", "contains_all": "within", "starts_with": "within",
    "ends_with": "within", "matches": "found",
}  # fmt: skip
"""What a condition with an operator cannot hold without; the other operators hold without anything."""


def _anchors(found: Condition, name: str, wanted: Values) -> tuple[Anchor, ...] | None:
    how = "equal" if found.whole and name in WHOLE and name != "not_contains" else HOW.get(name)
    if how is None or found.word in DECIDED or (how == "equal" and "" in wanted):
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
