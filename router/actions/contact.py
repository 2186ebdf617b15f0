"""Actions on the contact."""

from router.actions.registry import Given, action, to_do
from router.actions.ticket import read_tags
from router.event import Decision, TicketEvent


@action(read_tags)
def contact_tag(_event: TicketEvent, decision: Decision, names: tuple[str, ...], given: Given) -> Decision:
    """Add tags to the contact."""
    return to_do(decision, "contact_tag", {"added": list(names)}, given)


@action(read_tags)
def contact_untag(_event: TicketEvent, decision: Decision, names: tuple[str, ...], given: Given) -> Decision:
    """Take tags off the contact."""
    return to_do(decision, "contact_tag", {"removed": list(names)}, given)
