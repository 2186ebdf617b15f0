"""Actions that bring tickets of one contact together."""

from typing import Final

from config.desk import Desk
from config.problems import Place
from router.actions.registry import Given, Skipped, action, one_of, to_do
from router.event import Decision, TicketEvent

NEWEST: Final = "newest"
LINKED: Final = "linked"


def _into(said: object, _desk: Desk, place: Place) -> str:
    return one_of("ticket", said, (NEWEST, LINKED), place)


def _newest(said: object, _desk: Desk, place: Place) -> str:
    return one_of("ticket", said, (NEWEST,), place)


@action(_into)
def merge(event: TicketEvent, decision: Decision, into: str, given: Given) -> Decision:
    """Merge the ticket into the contact's newest open one of its department, or into the one it is linked with."""
    if decision.status == "merged":
        raise Skipped("it is merged already")
    if event.follows:
        raise Skipped("another ticket was merged into it just now")
    lookups = event.lookups
    found = lookups.linked(event.linked_to) if into == LINKED else lookups.newest_open(decision.department)
    if found is None:
        where = "linked with it" if into == LINKED else f"in {decision.department}"
        raise Skipped(f"the contact has no other open ticket {where}")
    return to_do(decision._replace(status="merged"), "merge", found, given, "ticket.merged")


@action(_newest)
def link(event: TicketEvent, decision: Decision, _to: str, given: Given) -> Decision:
    """Link the ticket with the contact's newest open one of its department."""
    found = event.lookups.newest_open(decision.department)
    if found is None:
        raise Skipped(f"the contact has no other open ticket in {decision.department}")
    if found in (event.linked_to, event.lookups.linked(None)):
        raise Skipped(f"it is linked with ticket {found} already")
    return to_do(decision, "link", found, given, "ticket.linked")
