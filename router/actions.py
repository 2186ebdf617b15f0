"""The actions a rule can name. An action returns another decision and does nothing itself.

An action's function is `(event, decision, value, given) -> Decision`, its name its word in the desk file; the reader it
is registered with turns what the desk file says into the value, and notes what is wrong with it.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from config.check import NOBODY
from config.desk import Desk
from config.model import Address
from config.problems import Place, nearest, shown
from router.event import PRIORITIES, Decision, TicketEvent

SLACK: Final = re.compile(r"#[^\s#@,A-Z]{1,80}|[CGD][A-Z0-9]{2,20}")
SCHEMES: Final = ("agent", "department", "slack", "email")
_ADDRESS: Final[TypeAdapter[str]] = TypeAdapter(Address)


@dataclass(frozen=True, slots=True)
class Given:
    """What an action knows besides the ticket: the desk, and the name of its rule."""

    desk: Desk
    rule: str


class Skipped(Exception):  # noqa: N818  # a word of the trace: the action was skipped, for this reason
    """The action cannot be done to this ticket; the message says why."""


Act = Callable[[TicketEvent, Decision], Decision]
"""An action with its value: returns the new decision, or raises `Skipped`."""

Do = Callable[[TicketEvent, Decision, Any, Given], Decision]
Read = Callable[[object, Desk, Place], Any]


@dataclass(frozen=True, slots=True)
class Action:
    """A word for something a rule does."""

    word: str
    do: Do
    read: Read


ACTIONS: Final[dict[str, Action]] = {}


def action(read: Read) -> Callable[[Do], Do]:
    """Make the function's name a word of the desk file, with the reader of its value."""

    def register(do: Do) -> Do:
        ACTIONS[do.__name__] = Action(do.__name__, do, read)
        return do

    return register


def _department(said: object, desk: Desk, place: Place) -> str:
    return _one("department", said, desk.departments_by_id, place)


def _agent(said: object, desk: Desk, place: Place) -> str:
    return _one("agent", said, (*desk.agents_by_id, NOBODY), place)


def _priority(said: object, _desk: Desk, place: Place) -> str:
    return _one("priority", said, PRIORITIES, place)


def _one(noun: str, said: object, known: Collection[str], place: Place) -> str:
    if isinstance(said, list):
        place.note(f"must be one {noun}, not a list")
    elif said not in known:
        place.unknown(noun, said, known)
    return str(said)


def _tags(said: object, desk: Desk, place: Place) -> tuple[str, ...]:
    return _each(said, place, lambda item, here: _tag(item, desk, here))


def _tag(said: str, desk: Desk, place: Place) -> str:
    if said not in desk.tags:
        place.unknown("tag", said, desk.tags)
    return said


def _targets(said: object, desk: Desk, place: Place) -> tuple[str, ...]:
    return _each(said, place, lambda item, here: _target(item, desk, here))


def _target(said: str, desk: Desk, place: Place) -> str:
    scheme, colon, name = said.partition(":")
    if not colon or scheme not in SCHEMES:
        ways = 'agent:ID, department:ID, "slack:#channel" or email:ADDRESS'
        place.note(f'"{shown(said)}" is nobody to notify; write {ways}', suggestion=_scheme(scheme, name, colon))
    elif scheme == "agent" and name not in desk.agents_by_id:
        place.unknown("agent", name, desk.agents_by_id)
    elif scheme == "department" and name not in desk.departments_by_id:
        place.unknown("department", name, desk.departments_by_id)
    elif scheme == "slack" and not SLACK.fullmatch(name):
        place.note(f'"{shown(name)}" is no Slack channel; write "slack:#support" or slack:C0123ABCD')
    elif scheme == "email":
        try:
            return f"email:{_ADDRESS.validate_python(name)}"
        except ValidationError:
            place.note(f'"{shown(name)}" is no email address; write email:name@example.com')
    return said


def _scheme(scheme: str, name: str, colon: str) -> str | None:
    close = nearest(scheme, SCHEMES)
    return f"{close}:{shown(name)}" if colon and close else None


def _true(said: object, _desk: Desk, place: Place) -> bool:
    if not isinstance(said, bool):
        place.note("must be true or false")
    return said is True


def _each(said: object, place: Place, read: Callable[[str, Place], str]) -> tuple[str, ...]:
    """Read one text or a list of them."""
    if said == [] or said is None:
        place.note("the list is empty; write at least one name")
        return ()
    made = []
    for index, item in enumerate(said if isinstance(said, list) else [said]):
        here = place.at(index) if isinstance(said, list) else place
        if isinstance(item, str):
            made.append(read(item, here))
        else:
            here.note("must be text; put it in quotes")
    return tuple(dict.fromkeys(made))


@action(_department)
def transfer(_event: TicketEvent, decision: Decision, department: str, _given: Given) -> Decision:
    """Give the ticket to a department. Another department's agent is taken off; nobody is assigned."""
    if department == decision.department:
        return decision
    return replace(decision, department=department, agent=None, unassigned_reason="transferred")


@action(_agent)
def assign(_event: TicketEvent, decision: Decision, agent: str, given: Given) -> Decision:
    """Make an agent of the ticket's department responsible, or nobody."""
    if agent == NOBODY:
        return replace(decision, agent=None, unassigned_reason="rule_unassigned")
    if agent not in given.desk.members(decision.department):
        raise Skipped(f"{agent} is not in {decision.department}")
    return replace(decision, agent=agent, unassigned_reason=None)


@action(_priority)
def priority(_event: TicketEvent, decision: Decision, level: str, _given: Given) -> Decision:
    """Set the priority."""
    return replace(decision, priority=level)


@action(_tags)
def tag(_event: TicketEvent, decision: Decision, names: tuple[str, ...], _given: Given) -> Decision:
    """Add tags; those it has stay."""
    return replace(decision, tags=tuple(dict.fromkeys((*decision.tags, *names))))


@action(_targets)
def notify(_event: TicketEvent, decision: Decision, targets: tuple[str, ...], given: Given) -> Decision:
    """Tell somebody: an agent, the agents of a department, a Slack channel, an address. Each is told once."""
    told = {target for target, _ in decision.notify}
    return replace(decision, notify=(*decision.notify, *((one, given.rule) for one in targets if one not in told)))


@action(_true)
def stop(_event: TicketEvent, decision: Decision, _value: bool, _given: Given) -> Decision:
    """Ask no rule below this one; the compiled rule knows."""
    return decision
