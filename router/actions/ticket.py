"""Actions on what the ticket is: its priority, status, tags, fields, the skills it needs, its SLA level."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from config.desk import Desk
from config.model import Duration
from config.problems import Place
from router.actions.registry import Given, Skipped, action, each, one_of
from router.actions.words import filled, read_words, values_of
from router.event import PRIORITIES, Decision, TicketEvent, at_next
from router.state import OVER, SETTABLE
from tickets.calendar import is_open, opens_at

STEPS: Final = {"raise": 1, "lower": -1}
ELSEWHERE: Final = {"postponed": "postpone: 4h", "merged": "merge: newest", "new": "status: open"}
"""Statuses that an action cannot just set, and what to write instead."""
MOST_FIELD: Final = 1_000
"""Characters of a field that an action sets."""
_DURATION: Final[TypeAdapter[float]] = TypeAdapter(Duration)


def _priority(said: object, _desk: Desk, place: Place) -> str:
    return one_of("priority", said, (*PRIORITIES, *STEPS), place)


@action(_priority)
def priority(_event: TicketEvent, decision: Decision, level: str, _given: Given) -> Decision:
    """Set the priority, or raise or lower it by a step; there is nothing beyond the ends."""
    if level in STEPS:
        place = PRIORITIES.index(decision.priority) + STEPS[level]
        level = PRIORITIES[min(max(place, 0), len(PRIORITIES) - 1)]
    return decision._replace(priority=level)


def _status(said: object, _desk: Desk, place: Place) -> str:
    if isinstance(said, str) and said in ELSEWHERE:
        place.note(f"no rule sets a ticket to {said} like this; write {ELSEWHERE[said]}")
        return said
    return one_of("status", said, SETTABLE, place)


@action(_status)
def status(_event: TicketEvent, decision: Decision, to: str, _given: Given) -> Decision:
    """Set the status."""
    _not_merged(decision)
    return decision._replace(status=to)


def _not_merged(decision: Decision) -> None:
    if decision.status == "merged":
        raise Skipped("it is merged into another ticket")


@dataclass(frozen=True, slots=True)
class Until:
    """How long something is put off: so many seconds, or until a calendar opens."""

    seconds: float = 0.0
    calendar: str | None = None


def _until(said: object, desk: Desk, place: Place) -> Until:
    if isinstance(said, Mapping) and list(said) == ["until"]:
        return Until(calendar=one_of("calendar", said["until"], desk.calendars_by_id, place.at("until")))
    return Until(_seconds(said, place, "; or until a calendar opens: {until: CALENDAR}"))


def _seconds(said: object, place: Place, more: str = "") -> float:
    try:
        return _DURATION.validate_python(said)
    except ValidationError:
        place.note(f"must be a duration like 90s, 30m, 4h or 2d{more}")
        return 0.0


@action(_until)
def postpone(event: TicketEvent, decision: Decision, until: Until, given: Given) -> Decision:
    """Put the ticket off: it opens by itself then, or when the customer writes."""
    if decision.status in OVER:
        raise Skipped(f"it is {decision.status}; there is nothing to postpone")
    at: float | None = event.at + until.seconds
    if until.calendar is not None:
        calendar = given.desk.calendars_by_id[until.calendar]
        if is_open(calendar, event.at):
            raise Skipped(f"{until.calendar} is open")
        if (at := opens_at(calendar, event.at)) is None:
            raise Skipped(f"{until.calendar} does not open any more")
    return decision._replace(status="postponed", postponed_until=at)


def read_tags(said: object, desk: Desk, place: Place) -> tuple[str, ...]:
    """Read a tag of the desk file, or a list of them."""
    return each(said, place, lambda item, here: one_of("tag", item, desk.tags, here))


def _tag_list(said: object, desk: Desk, place: Place) -> tuple[str, ...]:
    return () if said == [] else read_tags(said, desk, place)


@action(read_tags)
def tag(_event: TicketEvent, decision: Decision, names: tuple[str, ...], _given: Given) -> Decision:
    """Add tags; those it has stay."""
    return decision._replace(tags=tuple(dict.fromkeys((*decision.tags, *names))))


@action(read_tags)
def untag(_event: TicketEvent, decision: Decision, names: tuple[str, ...], _given: Given) -> Decision:
    """Take tags off."""
    return decision._replace(tags=tuple(one for one in decision.tags if one not in names))


@action(_tag_list)
def tags(_event: TicketEvent, decision: Decision, names: tuple[str, ...], _given: Given) -> Decision:
    """Make these its tags, and no others."""
    kept = tuple(one for one in decision.tags if one in names)
    return decision._replace(tags=(*kept, *(one for one in names if one not in kept)))


def _fields(said: object, desk: Desk, place: Place) -> dict[str, str | None]:
    if not isinstance(said, Mapping) or not said:
        place.note('must be fields with their texts: {order: "{{ order }}"}; null takes one off')
        return {}
    made: dict[str, str | None] = {}
    for name, text in said.items():
        here = place.at(str(name))
        if name not in desk.fields:
            here.unknown("field", name, desk.fields, on_key=True)
        made[str(name)] = None if text is None else read_words(str(text) if _plain(text) else text, desk, here)
    return made


def _plain(said: object) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool)


@action(_fields)
def fields(event: TicketEvent, decision: Decision, texts: Mapping[str, str | None], given: Given) -> Decision:
    """Set fields, and take others off; one whose text comes to nothing stays as it is."""
    ticket = at_next(event, decision, ()).ticket
    values = values_of(ticket, ticket.number, given.desk, decision.variables)
    made = {name: text and filled(text, values)[:MOST_FIELD] for name, text in texts.items()}
    kept = {name: text for name, text in decision.fields.items() if made.get(name, "") is not None}
    return decision._replace(fields={**kept, **{name: text for name, text in made.items() if text}})


def _skills(said: object, desk: Desk, place: Place) -> dict[str, Any]:
    known = dict.fromkeys(skill for agent in desk.agents for skill in agent.skills)
    if not isinstance(said, Mapping):
        return dict.fromkeys(each(said, place, lambda item, here: one_of("skill", item, known, here)), True)
    made: dict[str, Any] = {}
    for name, how in said.items():
        here = place.at(str(name))
        if name not in known:
            here.unknown("skill", name, known, on_key=True)
        made[str(name)] = how if isinstance(how, bool) else _seconds(how, here, ", or true or false")
    return made


@action(_skills)
def skills(event: TicketEvent, decision: Decision, wanted: Mapping[str, Any], _given: Given) -> Decision:
    """Say what an agent must be good at to be given the ticket: for good, or only for a while; `false` takes it off."""
    kept = {name: until for name, until in decision.skills.items() if wanted.get(name) is not False}
    new = {
        name: None if how is True else kept[name] if kept.get(name, event.at) is None else event.at + how
        for name, how in wanted.items()
        if how is not False
    }
    return decision._replace(skills={**kept, **new})


def _sla(said: object, desk: Desk, place: Place) -> str:
    return one_of("SLA level", said, desk.slas_by_id, place)


@action(_sla)
def sla(_event: TicketEvent, decision: Decision, level: str, _given: Given) -> Decision:
    """Give the ticket a level of promises of its own."""
    return decision._replace(sla=level)
