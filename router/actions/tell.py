"""Actions that tell somebody something: colleagues, the customer, a program."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from config.desk import Department, Desk
from config.model import Address
from config.problems import Place, nearest, shown
from notify.template import replies, versions
from notify.webhook import Config as Webhooks
from router.actions.registry import Given, action, each, to_do
from router.actions.words import read_words, sample
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
    return decision._replace(notify=(*decision.notify, *((one, given.rule) for one in targets if one not in told)))


@action(read_words)
def note(_event: TicketEvent, decision: Decision, text: str, given: Given) -> Decision:
    """Write a note for colleagues into the ticket."""
    return to_do(decision, "note", text, given, "ticket.noted")


def _reply(said: object, desk: Desk, place: Place) -> dict[str, str]:
    if isinstance(said, Mapping) and list(said) == ["text"]:
        return {"text": read_words(said["text"], desk, place.at("text"))}
    if not isinstance(said, str):
        place.note('must be the name of a template, or {text: "…"}')
        return {}
    names = dict.fromkeys(name for one in desk.departments for name in replies(desk, one))
    if said not in names:
        place.unknown("template", said, names)
    for department in desk.departments:
        if said in replies(desk, department):
            wrong = _mistake(desk, department, said)
            if wrong is not None:
                place.note(f"the template {said} of {department.id} {wrong}")
    return {"template": said}


def _mistake(desk: Desk, department: Department, name: str) -> str | None:
    try:
        for words in versions(desk, department, name):
            words.filled(sample(desk))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError as error:
        return f"cannot be filled: {error}"
    return None


@action(_reply)
def reply(_event: TicketEvent, decision: Decision, what: Mapping[str, str], given: Given) -> Decision:
    """Answer the customer automatically: with a template of the department's folder, or a text."""
    return to_do(decision, "reply", what, given)


def _webhook(said: object, desk: Desk, place: Place) -> dict[str, Any]:
    known = desk.notifiers.get("webhook")
    hooks = known.hooks if isinstance(known, Webhooks) else {}
    name: object = said
    values: object = {}
    if isinstance(said, Mapping):
        for key in said:
            if key not in ("hook", "values"):
                place.at(str(key)).unknown("key of webhook", key, ("hook", "values"), on_key=True)
        name, values = said.get("hook"), said.get("values") or {}
    if not isinstance(values, Mapping):
        place.at("values").note('must be names with texts: {order: "{{ order }}"}')
        values = {}
    if name not in hooks:
        place.unknown("webhook", name, hooks)
    made = {str(key): read_words(text, desk, place.at("values", str(key))) for key, text in values.items()}
    return {"hook": str(name), "values": made}


@action(_webhook)
def webhook(_event: TicketEvent, decision: Decision, what: Mapping[str, Any], given: Given) -> Decision:
    """Call a program of yours, signed."""
    return to_do(decision, "webhook", what, given)
