"""A desk with everything a condition can name, and whether conditions hold on it."""

from typing import Any

from config.desk import Desk
from router.conditions import Miss, Seen
from router.event import Lookups, TicketEvent, Values
from router.rules import compile_rules
from router.staff import Staff
from tests.router_rules.desks import desk, event

MONDAY_10 = 1_764_579_600.0 + 3_600  # 2025-12-01 10:00 UTC, 11:00 in Bratislava
HOUR, DAY = 3_600.0, 86_400.0


def full(rules: Any = ()) -> Desk:
    """Make a desk with fields, promises, groups of contacts and calendars."""
    made = desk(
        rules,
        calendars=[{"id": "europe", "timezone": "Europe/Bratislava", "hours": {"mon-fri": ["08:00-17:00"]}}],
        fields=["order", "colour"],
        slas=[{"id": "standard", "first_response": "4h"}, {"id": "gold", "first_response": "1h"}],
        contact_groups=[
            {"id": "partners", "members": ["@partner.example"], "sla": "gold"},
            {"id": "board", "members": ["ceo@partner.example"], "vip": True},
        ],
    )
    departments = [
        one.model_copy(update={"calendar": "europe", "sla": "standard", "availability": {"chat": "never"}})
        if one.id == "billing"
        else one
        for one in made.departments
    ]
    return made.model_copy(update={"departments": tuple(departments)})


class Answers(Lookups):
    """Look-ups that know."""

    def __init__(
        self, headers: dict[str, Values] | None = None, earlier: int = 0, tags: Values = (), queues: Any = None
    ) -> None:
        self.headers, self.earlier, self.tags, self.queues = headers or {}, earlier, tags, queues or {}
        self.asked: list[str] = []

    def header(self, name: str) -> Values:
        """Answer."""
        self.asked.append(name)
        return self.headers.get(name, ())

    def earlier_tickets(self) -> int:
        """Answer."""
        return self.earlier

    def contact_name(self) -> str:
        """Answer."""
        return "Ann of the contacts"

    def contact_tags(self) -> Values:
        """Answer."""
        return self.tags

    def queue(self, department: str) -> int:
        """Answer."""
        return int(self.queues.get(department, 0))


def misses(when: Any, asked: TicketEvent | None = None, away: Values = ()) -> tuple[list[Miss] | None, Seen]:
    """Return what kept conditions from holding, and what they saw."""
    made = full([{"when": when if isinstance(when, list) else [when]}])
    (rule,) = compile_rules(made).rules
    asked = asked or event()
    seen = Seen(asked, made, Staff(made, asked.at, away))
    return rule.misses(seen), seen


def holds(when: Any, asked: TicketEvent | None = None, away: Values = ()) -> bool:
    """Tell whether conditions hold."""
    return misses(when, asked, away)[0] is None
