"""`to-solve AGENT`: what an agent should do next."""

import time
from typing import Annotated, Any

import typer

from commands.output import AsJson, documents, line, stop
from commands.parts import open_desk, open_store, settings
from router.book import Shelf
from router.hand import CannotActError
from router.state import State
from router.to_solve import to_solve as next_of
from tickets.look import moment

Id = Annotated[str, typer.Argument(metavar="AGENT", help="the agent who asks, by the id of the desk file")]
Look = Annotated[bool, typer.Option("--look", help="only tell which it would be; take nothing")]


def to_solve(agent: Id, *, look: Look = False, as_json: AsJson = False) -> None:
    """Give an agent the most urgent ticket they may take; their own that wait come first."""
    desk = open_desk(settings().desk_file)
    with open_store() as store:
        try:
            found = next_of(store, Shelf(desk.current, store).book(), agent, time.time(), look=look)
        except CannotActError as error:
            stop(str(error), 1)
    if found is None:
        stop("Nothing waits that you may take.", 1)
    ticket, taken = found.ticket, not (found.own or look)
    if as_json:
        documents([{**_said(ticket), "own": found.own, "taken": taken}])
        return
    whose = "it is yours already" if found.own else "it is yours now" if taken else "nobody has it yet"
    line(f"Ticket {ticket.number} in {ticket.department}, {ticket.priority}: {ticket.subject}")
    line(f"From {ticket.contact or 'somebody unnamed'}; {whose}. See: frontdesk ticket {ticket.number}")


def _said(ticket: State) -> dict[str, Any]:
    known = {
        name: getattr(ticket, name) for name in ("subject", "contact", "channel", "department", "status", "priority")
    }
    times = {name: moment(getattr(ticket, name)) for name in ("waiting_since", "sla_due_at")}
    return {"ticket": ticket.number, **known, **times}
