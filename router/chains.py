"""What must hold of escalations, and of the departments that escalate to others."""

from config.desk import Desk
from config.problems import Place, Problem
from config.sla import ESCALATES_TO, Step
from router.actions.tell import read_targets


def check_escalations(desk: Desk) -> list[Problem]:
    """Return everything that is wrong or odd in them; `load` takes it as one of its checks."""
    place = Place()
    first: dict[str, int] = {}
    for i, chain in enumerate(desk.escalations):
        here = place.at("escalations", i)
        if first.setdefault(chain.id, i) != i:
            here.at("id").twice("escalation id", chain.id, ("escalations", first[chain.id], "id"))
        for j, step in enumerate(chain.steps):
            _step(step, desk, here.at("steps", j), last=j == len(chain.steps) - 1)
    for i, department in enumerate(desk.departments):
        here = place.at("departments", i, "escalates_to")
        if department.escalates_to is not None and department.escalates_to not in desk.departments_by_id:
            here.unknown("department", department.escalates_to, desk.departments_by_id)
        elif circle := _circle(desk, department.id):
            here.note(f"escalates in a circle: {' → '.join(circle)}; the last one must escalate to nobody")
    return place.found


def _step(step: Step, desk: Desk, here: Place, *, last: bool) -> None:
    if step.notify:
        read_targets(list(step.notify), desk, here.at("notify"))
    if step.transfer == ESCALATES_TO and ESCALATES_TO not in desk.departments_by_id:
        if not any(department.escalates_to for department in desk.departments):
            here.at("transfer").note("no department has escalates_to; write a department, or escalates_to in one")
    elif step.transfer is not None and step.transfer not in desk.departments_by_id:
        here.at("transfer").unknown("department", step.transfer, (*desk.departments_by_id, ESCALATES_TO))
    if not step.notify and step.transfer is None and (last or step.wait is None):
        here.note("does nothing; write notify or transfer")
    elif step.wait is None and not last:
        here.note("says not when the next step comes; write wait: 10m")
    elif step.wait is not None and last:
        here.at("wait").warn("nothing follows the last step, so nobody waits for it")


def _circle(desk: Desk, begin: str) -> list[str]:
    """Return the way from a department back to itself; nothing when there is none."""
    way, to = [begin], desk.departments_by_id[begin].escalates_to
    while to is not None and to not in way and (department := desk.departments_by_id.get(to)) is not None:
        way.append(to)
        to = department.escalates_to
    return [*way, begin] if to == begin else []
