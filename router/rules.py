"""The rules of a desk, compiled once: words become functions, and every mistake in them is found here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.check import NOBODY
from config.desk import Desk
from config.problems import DeskError, Place, Problem
from config.rule import Rule
from router.actions import ACTIONS, Act, Do, Given
from router.conditions import Anchor, Miss, Part, Seen, compile_group
from router.event import TicketEvent
from router.index import NO_INDEX, Entry, Index, index_of
from router.timers import Timers, compile_timers


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a rule: its word, its value as the trace shows it, and what it does."""

    word: str
    value: Any
    act: Act


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule that is ready to be asked. One of the `groups` must hold; no groups means always."""

    name: str
    active: bool
    on: frozenset[str]
    groups: tuple[Part, ...]
    steps: tuple[Step, ...]
    stop: bool

    @property
    def anchors(self) -> tuple[Anchor, ...] | None:
        """What the rule cannot match without: one of these must hold; nothing when it has to be asked always."""
        if not self.groups or any(group.anchors is None for group in self.groups):
            return None
        return tuple(anchor for group in self.groups for anchor in group.anchors or ())

    @property
    def missing(self) -> tuple[Miss, ...]:
        """What does not hold when none of the anchors does, of each group."""
        return tuple(group.missing for group in self.groups if group.missing is not None)

    def misses(self, seen: Seen) -> list[Miss] | None:
        """Return None when the rule's conditions hold, else the first that did not, of each group."""
        found = []
        for group in self.groups:
            miss = group(seen)
            if miss is None:
                return None
            found.append(miss)
        return found or None

    def captures(self, seen: Seen) -> Mapping[str, str]:
        """Return what the named groups of its patterns have found, when it has matched."""
        if all(group.captures is None for group in self.groups):
            return {}
        held = next(group for group in self.groups if group(seen) is None)
        return held.captures(seen) if held.captures else {}


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The compiled rules of one version of the desk, in their order, by event and by what they need; and what they wait for."""

    version: str
    rules: tuple[CompiledRule, ...]
    by_event: Mapping[str, tuple[CompiledRule, ...]]
    index: Index = NO_INDEX
    timed: tuple[Timers, ...] = ()

    def asked(self, event: TicketEvent, seen: Seen) -> Iterable[CompiledRule]:
        """Return the rules to ask about an event, in their order: every rule whose conditions may hold is among them."""
        if event.only is not None:
            return [rule for rule in self.rules if rule.active and rule.name in event.only]
        return [self.rules[place] for place in self.index.candidates(event.names, seen)]


def compile_rules(desk: Desk) -> RuleSet:
    """Return the desk's rules, ready for `decide`; raises `DeskError` when `check_rules` would find something."""
    place = Place()
    rules = tuple(_rule(rule, desk, place.at("rules", index)) for index, rule in enumerate(desk.rules))
    if place.found:
        raise DeskError(place)
    names = dict.fromkeys(name for rule in rules for name in sorted(rule.on))
    by_event = {name: tuple(rule for rule in rules if rule.active and name in rule.on) for name in names}
    index = index_of([Entry(rule.on, rule.anchors) if rule.active else None for rule in rules])
    return RuleSet(desk.version, rules, by_event, index, compile_timers(desk.rules))


def check_rules(desk: Desk) -> list[Problem]:
    """Return everything that is wrong in the desk's rules; `load` takes it as one of its checks."""
    place = Place()
    for index, rule in enumerate(desk.rules):
        _rule(rule, desk, place.at("rules", index))
    return place.found


def _rule(rule: Rule, desk: Desk, place: Place) -> CompiledRule:
    groups = tuple(
        compile_group(group, desk, place.at("when", index), f"when.{index}", 1) for index, group in enumerate(rule.when)
    )
    if not rule.then:
        place.at("then").note("says nothing to do; write at least one action")
    steps = tuple(
        step
        for index, actions in enumerate(rule.then)
        for step in _steps(actions, desk, rule.name, place.at("then", index))
    )
    _check_membership(rule, desk, place)
    stop = rule.stop or any(step.word == "stop" and step.value for step in steps)
    return CompiledRule(rule.name, rule.active, frozenset(on.event for on in rule.on), groups, steps, stop)


def _steps(said: Mapping[str, Any], desk: Desk, rule: str, place: Place) -> Iterable[Step]:
    if not said:
        place.note("says nothing to do; write an action, like transfer: billing")
    for word, value in said.items():
        here = place.at(word)
        found = ACTIONS.get(word)
        if found is None:
            here.unknown("action", word, ACTIONS, on_key=True)
        elif value is None:
            here.note("says nothing; write a value behind it")
        else:
            read = found.read(value, desk, here)
            yield Step(
                word, _shown(list(read) if isinstance(read, tuple) else value), _bound(found.do, read, desk, rule)
            )


def _bound(do: Do, value: Any, desk: Desk, rule: str) -> Act:
    return lambda event, decision, staff: do(event, decision, value, Given(desk, rule, staff))


MOST_SHOWN: Final = 120


def _shown(value: Any) -> Any:
    """Return an action's value for the trace: long texts are cut."""
    if isinstance(value, Mapping):
        return {str(key): _shown(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if isinstance(value, str) and len(value) > MOST_SHOWN:
        return f"{value[: MOST_SHOWN - 1]}…"
    return value


def _check_membership(rule: Rule, desk: Desk, place: Place) -> None:
    """Note an agent who could never be assigned, because the rule has just given the ticket to others."""
    department = None
    for index, actions in enumerate(rule.then):
        for word, value in actions.items():
            if word == "transfer":
                department = value
            elif (
                word == "assign"
                and value != NOBODY
                and isinstance(value, str)
                and value in desk.agents_by_id
                and isinstance(department, str)
                and department in desk.departments_by_id
                and value not in (members := desk.members(department))
                and members <= desk.agents_by_id.keys()  # else the misspelt member is the mistake
            ):
                place.at("then", index, word).note(
                    f"{value} is not in {department}, where this rule transfers the ticket; "
                    f"assign one of its agents, or add {value} to departments.{department}.agents"
                )
