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
    return tuple(group.id for group in view.desk.contact_groups if _is_in(view, group.members))


@condition(CHOICE, lambda _desk: ("yes", "no"))
def vip(view: View) -> str:
    """Whether one of these groups is `vip`."""
    groups = view.desk.contact_groups
    return "yes" if any(group.vip and _is_in(view, group.members) for group in groups) else "no"


def _is_in(view: View, members: Values) -> bool:
    address = view.event.ticket.contact.lower()
    return address in members or ("@" in address and f"@{address.rpartition('@')[2]}" in members)


@condition(NAMES, lambda desk: desk.tags, asks=True)
def contact_tags(view: View) -> Values | None:
    """Tags of the contact."""
    return view.event.lookups.contact_tags()


@condition(NUMBER, asks=True)
def earlier_tickets(view: View) -> float | None:
    """How many other tickets the contact has."""
    return view.event.lookups.earlier_tickets()
