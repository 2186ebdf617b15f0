"""What one message comes to by two desk files, compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.check import NOBODY
from router.staff import Staff
from router.state import State
from router.trial.expect import maker, rule_of
from router.trial.message import Tried

CHOSEN: Final = "whoever is chosen"
"""Who is told of a ticket that a strategy gives away: history does not say what the agents had then."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing that another desk file makes of a message: before and after, and who does it, in words."""

    kind: str
    was: str
    now: str
    by: str


def compare(old: tuple[Tried, Staff], new: tuple[Tried, Staff]) -> list[Changed]:
    """Return what changes from the old desk file to the new one; each trial comes with its staff."""
    was, now = values(*old), values(*new)
    if "quarantined" in (was["outcome"], now["outcome"]):  # then nothing else of it is done
        was, now = ({"outcome": each["outcome"]} for each in (was, now))
    return [
        Changed(kind, _plain(was[kind]), _plain(now[kind]), _by(old[0], new[0], kind))
        for kind in was
        if was[kind] != now[kind]
    ]


def values(tried: Tried, staff: Staff) -> dict[str, Any]:
    """Return what is compared, by its kind. Of a ticket that a strategy gives away: the strategy, and among whom."""
    decision = tried.decision
    chosen = decision.picks[-1].agent if decision.picks else None
    told = {CHOSEN if one == chosen and one == decision.agent else one for one in tried.told}
    return {
        "outcome": "routed" if decision.quarantine is None else "quarantined",
        "department": decision.department,
        "agent": _agent(tried, staff),
        "priority": decision.priority,
        "status": decision.status,
        "tags": frozenset(decision.tags),
        "fields": decision.fields,
        "skills": frozenset(decision.skills),
        "sla": decision.sla,
        "postponed": decision.postponed_until,
        "escalation": decision.escalation,
        "told": frozenset(told),
        "effects": tuple((one.word, one.value) for one in decision.effects),
    }


def _agent(tried: Tried, staff: Staff) -> str:
    decision = tried.decision
    pick = decision.picks[-1] if decision.picks else None
    if pick is None or pick.agent != decision.agent or (pick.agent is None and not pick.rung):
        return decision.agent or NOBODY
    ticket = State(decision.department, tried.event.ticket.channel, skills=decision.skills)
    return f"{pick.strategy} of {', '.join(_pool(staff, ticket))}"


def _pool(staff: Staff, ticket: State) -> list[str]:
    """Return who could have the ticket, whatever they have: at work, with its skills, taking its way in."""
    members = staff.desk.members(ticket.department)
    there = (one for one in staff.desk.agents if one.id in members and staff.absent(one.id) is None)
    return sorted(one.id for one in there if staff.may_take(one, ticket) is None)


def _by(old: Tried, new: Tried, kind: str) -> str:
    if kind == "effects":
        was, now = ({one.rule for one in tried.decision.effects} for tried in (old, new))
        return ", ".join([*(f"rule {one}" for one in sorted(now)), *(f"no longer {one}" for one in sorted(was - now))])
    lost = rule_of(old, kind)
    if rule_of(new, kind) is None and lost is not None:
        return f"no longer rule {lost}"
    return maker(new, kind)


def _plain(value: Any) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={one}" for name, one in sorted(value.items())) or "nothing"
    if isinstance(value, tuple):
        return ", ".join(word for word, _ in value) or "nothing"
    return "nothing" if value is None else str(value)
