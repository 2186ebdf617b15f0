"""Telling an agent that their mail was refused: at their registered address, never at that of the mail, and seldom."""

from typing import Final

from config.desk import Agent
from router.by_mail.commands import help_text
from router.event import Change
from router.tell import Intent
from router.ticket import Pen
from tickets.once import first
from tickets.reply import REFUSED

MOST_AN_HOUR: Final = 3
"""Mails about refused mails that one agent gets in an hour of the clock: whoever holds a forwarded notice can cause them."""
LONGEST_QUOTE: Final = 4_000


def tell(  # whom, of what, why, and what they can do
    pen: Pen, agent: Agent, ticket: int, why: str, text: str, *, theirs: bool
) -> list[int]:
    """Owe the agent a mail about the refused one, with its `text`, and return the row to ring for; nothing when it is too many.

    The commands are listed where it is `theirs`: a mail that somebody else wrote had none of their mistakes in it. It stands in the ticket's history too, where the row belongs.
    """
    if not _may(pen, agent.id):
        return []
    [event] = pen.history(ticket, [Change(REFUSED, "desk", {"agent": agent.id, "why": why})])
    reason = f"a mail to the reply address of your notice of ticket {ticket} was refused"
    said = _body(ticket, why, text) + (
        f"\nCommands stand on the first lines, one on each:\n\n{help_text()}\n" if theirs else ""
    )
    return pen.owe(ticket, None, [Intent(event, REFUSED, agent.id, "email", agent.email, reason, payload=said)])


def _may(pen: Pen, agent: str) -> bool:
    """Take one of the places of this hour; false when none is left. Two workers never take the same one."""
    places = (f"refused:{agent}:{int(pen.now // 3600)}:{place}" for place in range(MOST_AN_HOUR))
    return any(first(pen.connection, place, pen.now) for place in places)


def _body(ticket: int, why: str, text: str) -> str:
    short = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
    quote = "\n".join(f"> {line}".rstrip() for line in short.strip().splitlines())
    wrote = f"\nIt says:\n\n{quote}\n" if quote else ""
    return (
        f"A mail to the reply address of your notice of ticket {ticket} was refused. "
        f"Nothing was done, and nothing went to the customer.\n\nWhy: {why}\n{wrote}"
    )
