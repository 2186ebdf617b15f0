"""What rules cannot do together: found in the desk file, before it hurts.

Only what is certain is told. A condition whose value a rule above may change (department, status, tags, …) says nothing
about another rule's, and neither does an event that rules themselves bring about, for that may happen twice in a turn.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise, product
from typing import Any, Final

from config.desk import ChannelConfig, Desk, MailConfig
from config.problems import Place, Problem
from config.rule import Rule
from router.conditions import CONDITIONS
from router.conditions.kinds import CHOICE, NAME, TEXT

Group = Mapping[str, Any]

ONCE: Final = frozenset(
    {"message.received", "ticket.created", "ticket.rated", "delivery.failed", "sla.warning", "sla.breached"}
)
"""The events that begin a turn and that no rule brings about."""
SETS: Final = frozenset({"transfer", "priority", "status", "sla"})
"""The actions after which a ticket has one value, whatever it had."""
CAUSES: Final = {"transfer": ("department", "ticket.transferred"), "priority": ("priority", "ticket.priority_changed")}
"""The actions that may go in a circle: the condition that sees what they set, and the event they bring about."""
SEVERAL: Final = frozenset({"to", "cc", "reply_to", "attachment_name", "attachment_type"})
"""The words that may have several values at once."""
MOST: Final = 50
"""So many rules above that stop are compared with each, and those without conditions: 10,000 rules take a second or two."""


def check_together(desk: Desk) -> list[Problem]:
    """Return what is odd about the desk's rules beside each other; `load` takes it as one of its checks."""
    place = Place()
    active = [(index, rule) for index, rule in enumerate(desk.rules) if rule.active]
    for index, rule in enumerate(desk.rules):
        for at, group in enumerate(rule.when):
            _contradictions(group, place.at("rules", index, "when", at))
    _unreached(active, place)
    _overwritten(active, place)
    _circles(desk, active, place)
    _nowhere(desk, active, place)
    return place.found


def _stops(rule: Rule) -> bool:
    return rule.stop or any(actions.get("stop") is True for actions in rule.then)


def _events(rule: Rule) -> frozenset[str]:
    return frozenset(on.event for on in rule.on)


def _unreached(active: Sequence[tuple[int, Rule]], place: Place) -> None:
    """Warn of rules that are asked only where a rule above has stopped."""
    above, always = list[tuple[int, Rule]](), list[tuple[int, Rule]]()
    for index, rule in active:
        events = _events(rule)
        if events <= ONCE:
            for other, stopping in (*always[:MOST], *above[-MOST:]):
                if events <= _events(stopping) and _implies(rule.when, stopping.when):
                    place.at("rules", index).warn(
                        f"can never be reached: rules.{other} ({stopping.name}) holds whenever this one would, and stops"
                    )
                    break
        if _stops(rule):
            (above if rule.when else always).append((index, rule))


def _overwritten(active: Sequence[tuple[int, Rule]], place: Place) -> None:
    """Warn of rules whose every action a rule right below does otherwise."""
    for (index, rule), (other, below) in pairwise(active):
        mine, theirs = _set_by(rule), _set_by(below)
        if mine and mine.keys() <= theirs.keys() and not _stops(rule) and _events(rule) <= _events(below) & ONCE:
            same = [word for word in mine if mine[word] == theirs[word]]
            if not same and _implies(rule.when, below.when):
                place.at("rules", index).warn(
                    f"does nothing that lasts: rules.{other} ({below.name}) holds whenever this one does, and sets the same"
                )


def _set_by(rule: Rule) -> dict[str, Any]:
    """Return what a rule sets, or nothing when it does anything else."""
    done = {word: value for actions in rule.then for word, value in actions.items()}
    return done if done.keys() <= SETS else {}


def _implies(narrow: Sequence[Group], wide: Sequence[Group]) -> bool:
    """Tell whether the wide groups certainly hold where the narrow ones do."""
    if not wide:
        return True
    return bool(narrow) and all(any(_within(group, one) for one in wide) for group in narrow)


def _within(narrow: Group, wide: Group) -> bool:
    return all(
        word in narrow and word in CONDITIONS and not CONDITIONS[word].fresh and _covers(narrow[word], said)
        for word, said in wide.items()
    )


def _covers(narrow: object, wide: object) -> bool:
    """Tell whether what is said of a word in one place implies what is said of it in another."""
    if narrow == wide:
        return True
    one, other = _tests(narrow), _tests(wide)
    return all(
        any(
            name == there and name in ("in", "contains", "starts_with", "ends_with") and texts <= wanted
            for there, texts in one.items()
        )
        for name, wanted in other.items()
    )


def _tests(said: object) -> dict[str, frozenset[str]]:
    """Return what is said of a word by operator, each with its texts without case; `is` is an `in`."""
    operators = said if isinstance(said, Mapping) else {"in": said}
    found = {}
    for name, wanted in operators.items():
        texts = frozenset(str(one).casefold() for one in (wanted if isinstance(wanted, list) else [wanted]))
        found["in" if name == "is" else "not_in" if name == "is_not" else str(name)] = texts
    return found


def _contradictions(group: Group, place: Place) -> None:
    """Note what in a group can never hold together."""
    for word, said in group.items():
        if word in CONDITIONS and isinstance(said, Mapping) and CONDITIONS[word].kind in (TEXT, NAME, CHOICE):
            if word not in SEVERAL and _excludes(said):
                place.at(word).note("can never hold: what is said here contradicts itself")
        elif word in ("any", "all") and isinstance(said, list):
            for index, inner in enumerate(said):
                if isinstance(inner, Mapping):
                    _contradictions(inner, place.at(word, index))
    denied = group.get("not")
    if isinstance(denied, Mapping) and denied and all(word in group and group[word] == denied[word] for word in denied):
        place.at("not").note("can never hold: it denies what the same group asks for")


def _excludes(said: Mapping[str, Any]) -> bool:
    tests = _tests(said)
    one_of, is_, in_ = tests.get("in"), said.get("is"), said.get("in")
    if one_of is not None:
        both = is_ is not None and isinstance(in_, list) and str(is_).casefold() not in {str(x).casefold() for x in in_}
        none = one_of <= tests.get("not_in", frozenset())
        parts = tests.get("not_contains", frozenset())
        return both or none or (bool(parts) and all(any(part in text for part in parts) for text in one_of))
    wanted, unwanted = tests.get("contains"), tests.get("not_contains")
    return bool(wanted and unwanted) and all(any(part in text for part in unwanted or ()) for text in wanted or ())


def _circles(desk: Desk, active: Sequence[tuple[int, Rule]], place: Place) -> None:
    """Warn of rules whose actions bring about what the others are asked at, back to where it began."""
    values: dict[str, Callable[[], Collection[str]]] = {
        "department": lambda: desk.departments_by_id,
        "priority": lambda: ("low", "normal", "high", "urgent"),
    }
    for word, (noun, event) in CAUSES.items():
        steps: dict[tuple[str, str], int] = {}
        for index, rule in active:
            for actions in rule.then if event in _events(rule) else ():
                to = actions.get(word)
                if isinstance(to, str):
                    for begin in _may_be(rule, noun, values[noun]()):
                        if begin != to:
                            steps.setdefault((begin, to), index)
        graph: dict[str, list[str]] = {}
        for begin, to in steps:
            graph.setdefault(to, []).append(begin)
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as circle:
            ring: list[str] = circle.args[1][:-1]
            first = min(range(len(ring)), key=lambda one: steps[ring[one], ring[(one + 1) % len(ring)]])
            found = [*ring[first:], *ring[:first], ring[first]]
            at = sorted({steps[pair] for pair in pairwise(found)})
            if len(at) > 1:
                names = ", ".join(f"rules.{one} ({desk.rules[one].name})" for one in at[:-1])
                place.at("rules", at[-1]).warn(
                    f"may go in a circle with {names}: {' → '.join(found)}; each is done once, so where it ends is chance"
                )


def _may_be(rule: Rule, noun: str, values: Iterable[str]) -> Iterator[str]:
    """Yield the values of a word at which a rule may hold."""
    for value in values:
        groups = [group.get(noun) for group in rule.when] or [None]
        if any(said is None or value in _tests(said).get("in", {value}) for said in groups):
            yield value


def _nowhere(desk: Desk, active: Sequence[tuple[int, Rule]], place: Place) -> None:
    """Warn of sources that are asked for and not there, and of sources that fall through to the first department."""
    types = {channel.type for channel in desk.channels}
    asked = set[str]()
    for (index, rule), noun in product(active, ("channel_type", "channel")):
        for at, group in enumerate(rule.when):
            if (said := group.get(noun)) is None or isinstance(said, Mapping):
                continue
            wanted = _tests(said)["in"]
            asked |= wanted
            if noun == "channel_type" and types.isdisjoint(wanted):
                place.at("rules", index, "when", at, noun).warn(f"no channel is of type {' or '.join(sorted(wanted))}")
    if len(desk.departments) > 1:
        for i, channel in enumerate(desk.channels):
            if not _says(channel) and channel.department is None and not asked & {channel.name, channel.type}:
                place.at("channels", i).warn(
                    f"names no department and no rule asks for it; its tickets begin in {desk.departments[0].id}"
                )


def _says(channel: ChannelConfig) -> bool:
    """Tell whether an address, or the customer, says the department of what comes through a channel."""
    return isinstance(channel, MailConfig) or channel.type == "chat"
