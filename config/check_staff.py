"""What must hold between agents and departments, so that somebody can be given what there is."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from config.calendar import ALWAYS, NEVER
from config.desk import Agent, Department, Desk
from config.problems import Place
from config.rule import Priority


def check_staff(desk: Desk, place: Place) -> None:
    """Note what is wrong with shifts, vacations, substitutes, skills and capacities."""
    for i, agent in enumerate(desk.agents):
        here = place.at("agents", i)
        known = (*desk.calendars_by_id, ALWAYS, NEVER)
        if agent.calendar is not None and agent.calendar not in known:
            here.at("calendar").unknown("calendar", agent.calendar, known)
        for j, vacation in enumerate(agent.vacations):
            if vacation.to < vacation.from_:
                here.at("vacations", j, "to").note(f"ends before it begins, on {vacation.from_}")
        _substitutes(desk, agent, here)
        _capacity(desk, agent, here)
    _skills(desk, place)


def _departments(desk: Desk, agent: Agent) -> list[Department]:
    return [one for one in desk.departments if agent.id in desk.members(one.id)]


def _substitutes(desk: Desk, agent: Agent, place: Place) -> None:
    asked = [one for one in _departments(desk, agent) if one.when_away == "substitute"]
    for where, substitute in _named(agent, place):
        if substitute not in desk.agents_by_id:
            where.unknown("agent", substitute, desk.agents_by_id)
        elif substitute == agent.id:
            where.note("an agent is no substitute for themselves")
        elif not asked:
            where.warn(f"no department of {agent.id} has when_away: substitute, so nobody stands in")
        for one in asked:
            if substitute in desk.agents_by_id and substitute not in desk.members(one.id):
                where.warn(f"{substitute} is not in {one.id} and stands in for nobody there")


def _named(agent: Agent, place: Place) -> Iterator[tuple[Place, str]]:
    if agent.substitute is not None:
        yield place.at("substitute"), agent.substitute
    for j, vacation in enumerate(agent.vacations):
        if vacation.substitute is not None:
            yield place.at("vacations", j, "substitute"), vacation.substitute


def _capacity(desk: Desk, agent: Agent, place: Place) -> None:
    if agent.capacity is None:
        return
    if not any(one.chooses for one in _departments(desk, agent)):
        place.at("capacity").warn(f"no department of {agent.id} has an assignment, so nobody asks for it")
        return
    weights: Mapping[Any, float] = desk.desk.weights
    heaviest, what = max(
        (weights.get(way, 1.0) * weights.get(priority, 1.0), f"{priority} priority by {way}")
        for way in agent.ways or ("mail",)
        for priority in get_args(Priority)
    )
    if heaviest > agent.capacity:
        place.at("capacity").warn(
            f"a ticket of {what} weighs {heaviest:g}, so no strategy ever gives {agent.id} one; see desk.weights"
        )


def _skills(desk: Desk, place: Place) -> None:
    known = list(dict.fromkeys(skill for agent in desk.agents for skill in agent.skills))
    for i, department in enumerate(desk.departments):
        members = [desk.agents_by_id[one] for one in desk.members(department.id) if one in desk.agents_by_id]
        for j, skill in enumerate(department.skills):
            here = place.at("departments", i, "skills", j)
            if skill not in known:
                here.unknown("skill", skill, known)
            elif not any(skill in agent.skills for agent in members):
                here.warn(f"no agent of {department.id} has it, so no strategy ever gives a ticket to one")
