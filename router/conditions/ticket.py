"""Conditions about the ticket, each as the rules above have decided it."""

from router.conditions.condition import View, condition
from router.event import PRIORITIES, Values


@condition(lambda desk: tuple(desk.departments_by_id), fresh=True)
def department(view: View) -> str:
    """Department the ticket is in."""
    return view.event.ticket.department


@condition(lambda _desk: PRIORITIES, fresh=True)
def priority(view: View) -> str:
    """Priority of the ticket."""
    return view.event.ticket.priority


@condition(lambda desk: desk.tags, whole=True, fresh=True)
def tags(view: View) -> Values:
    """Tags of the ticket."""
    return view.event.ticket.tags
