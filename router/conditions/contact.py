"""Conditions about the customer."""

from router.conditions.condition import View, condition
from router.conditions.kinds import CHOICE, NAMES, NUMBER, TEXT
from router.event import Values


@condition(TEXT, asks=True)
def contact_name(view: View) -> str | None:
    """Name of the contact, as they call themselves."""
    message, ticket = view.event.message, view.event.ticket
    if message and message.sender.id == ticket.contact:
        return message.sender.name
    return view.event.lookups.contact_name()


@condition(NAMES, lambda desk: tuple(group.id for group in desk.contact_groups))
def contact_group(view: View) -> Values:
    """Each group of the desk file that the contact is in, by their address or its domain."""
    return tuple(group.id for group in view.desk.contact_groups_of(view.event.ticket.contact))


@condition(CHOICE, lambda _desk: ("yes", "no"))
def vip(view: View) -> str:
    """Whether one of these groups is `vip`."""
    return "yes" if any(group.vip for group in view.desk.contact_groups_of(view.event.ticket.contact)) else "no"


@condition(NAMES, lambda desk: desk.tags, asks=True)
def contact_tags(view: View) -> Values | None:
    """Tags of the contact."""
    return view.event.lookups.contact_tags()


@condition(NUMBER, asks=True)
def earlier_tickets(view: View) -> float | None:
    """How many other tickets the contact has."""
    return view.event.lookups.earlier_tickets()
