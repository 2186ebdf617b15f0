"""Actions on what the ticket is: its priority, its tags."""

from dataclasses import replace

from config.desk import Desk
from config.problems import Place
from router.actions.registry import Given, action, each, one_of
from router.event import PRIORITIES, Decision, TicketEvent


def _priority(said: object, _desk: Desk, place: Place) -> str:
    return one_of("priority", said, PRIORITIES, place)


def _tags(said: object, desk: Desk, place: Place) -> tuple[str, ...]:
    return each(said, place, lambda item, here: _tag(item, desk, here))


def _tag(said: str, desk: Desk, place: Place) -> str:
    if said not in desk.tags:
        place.unknown("tag", said, desk.tags)
    return said


@action(_priority)
def priority(_event: TicketEvent, decision: Decision, level: str, _given: Given) -> Decision:
    """Set the priority."""
    return replace(decision, priority=level)


@action(_tags)
def tag(_event: TicketEvent, decision: Decision, names: tuple[str, ...], _given: Given) -> Decision:
    """Add tags; those it has stay."""
    return replace(decision, tags=tuple(dict.fromkeys((*decision.tags, *names))))
