"""The SLA level a ticket has: what its promises, and the rules that ask for them, go by."""

from config.desk import Desk
from config.sla import Sla
from router.state import State


def level_of(state: State, desk: Desk) -> tuple[Sla, str] | None:
    """Return the level a ticket has and why that one: given to it, its contact group's, its department's; or nothing."""
    group = desk.contact_group(state.contact)
    department = desk.departments_by_id.get(state.department)
    ways = (
        (state.sla, "it was given to the ticket"),
        (group.sla if group else None, f"the contact is in the group {group.id}" if group else ""),
        (department.sla if department else None, f"the department {state.department} has it"),
    )
    for level, because in ways:
        if level is not None and level in desk.slas_by_id:
            return desk.slas_by_id[level], because
    return None
