"""Actions that tell somebody."""

import re
from dataclasses import replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from config.desk import Desk
from config.model import Address
from config.problems import Place, nearest, shown
from router.actions.registry import Given, action, each
from router.event import Decision, TicketEvent

SLACK: Final = re.compile(r"#[^\s#@,A-Z]{1,80}|[CGD][A-Z0-9]{2,20}")
SCHEMES: Final = ("agent", "department", "slack", "email")
_ADDRESS: Final[TypeAdapter[str]] = TypeAdapter(Address)


def read_targets(said: object, desk: Desk, place: Place) -> tuple[str, ...]:
    """Read whom to tell: one of `agent:ID`, `department:ID`, `slack:#channel` and `email:ADDRESS`, or a list of them."""
    return each(said, place, lambda item, here: _target(item, desk, here))


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


@action(read_targets)
def notify(_event: TicketEvent, decision: Decision, targets: tuple[str, ...], given: Given) -> Decision:
    """Tell somebody: an agent, the agents of a department, a Slack channel, an address. Each is told once."""
    told = {target for target, _ in decision.notify}
    return replace(decision, notify=(*decision.notify, *((one, given.rule) for one in targets if one not in told)))
