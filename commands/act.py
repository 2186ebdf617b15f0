"""`act …`: what an agent does to a ticket besides answering it."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from commands.output import AsJson, documents, line, stop
from commands.parts import open_desk, open_store, settings
from router.act import Acted, Acts
from router.hand import CannotActError, TakenError
from router.moment import moment

cli = typer.Typer(help="Act on a ticket as an agent: take, assign, transfer, note …", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="the ticket's number", min=1)]
As = Annotated[str, typer.Option("--as", help="the agent who acts, by the id of the desk file")]


@cli.command()
def take(number: Number, *, as_: As, as_json: AsJson = False) -> None:
    """Take a ticket that nobody has."""
    _act(number, lambda acts: acts.take(number, as_), "taken", as_json=as_json)


@cli.command()
def assign(number: Number, to: str, *, as_: As, as_json: AsJson = False) -> None:
    """Give a ticket to an agent of its department, or back to it: nobody."""
    _act(number, lambda acts: acts.assign(number, as_, to), f"assigned to {to}", as_json=as_json)


@cli.command()
def transfer(number: Number, department: str, *, as_: As, as_json: AsJson = False) -> None:
    """Give a ticket to another department."""
    _act(number, lambda acts: acts.transfer(number, as_, department), f"in {department}", as_json=as_json)


@cli.command()
def status(number: Number, to: str, *, as_: As, as_json: AsJson = False) -> None:
    """Set the status: open, answered, resolved, closed or spam."""
    _act(number, lambda acts: acts.status(number, as_, to), to, as_json=as_json)


@cli.command()
def postpone(
    number: Number,
    until: Annotated[str, typer.Argument(help="2h, 3d, or 2026-12-24T09:00 on the agent's clock")],
    *,
    as_: As,
    as_json: AsJson = False,
) -> None:
    """Put a ticket off: it opens by itself then, or when the customer writes."""
    agent = open_desk(settings().desk_file).current().agents_by_id.get(as_)
    when = _moment(until, agent.timezone if agent else "UTC")
    _act(number, lambda acts: acts.postpone(number, as_, when), f"postponed until {until}", as_json=as_json)


@cli.command()
def priority(number: Number, to: str, *, as_: As, as_json: AsJson = False) -> None:
    """Set the priority: low, normal, high or urgent."""
    _act(number, lambda acts: acts.priority(number, as_, to), f"of {to} priority", as_json=as_json)


@cli.command()
def tag(
    number: Number,
    *,
    add: Annotated[list[str] | None, typer.Option("--add", help="a tag of the desk file")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="a tag to take off")] = None,
    as_: As,
    as_json: AsJson = False,
) -> None:
    """Add tags, and take others off."""
    _act(number, lambda acts: acts.tag(number, as_, add or (), remove or ()), "tagged", as_json=as_json)


@cli.command()
def acknowledge(number: Number, *, as_: As, as_json: AsJson = False) -> None:
    """Stop a ticket's escalation: you see to it."""
    _act(number, lambda acts: acts.acknowledge(number, as_), "acknowledged", as_json=as_json)


Other = Annotated[int, typer.Argument(help="the other ticket's number", min=1)]


@cli.command()
def merge(number: Number, into: Other, *, as_: As, as_json: AsJson = False) -> None:
    """Merge a ticket into another one; its messages stand there then."""
    _act(into, lambda acts: acts.merge(number, as_, into), f"the one that took in {number}", as_json=as_json)


@cli.command()
def link(number: Number, other: Other, *, as_: As, as_json: AsJson = False) -> None:
    """Link a ticket with another one; each names the other."""
    _act(number, lambda acts: acts.link(number, as_, other), f"linked with {other}", as_json=as_json)


@cli.command()
def note(number: Number, text: str, *, as_: As, as_json: AsJson = False) -> None:
    """Write a note for colleagues; the customer never sees it."""
    _act(number, lambda acts: acts.note(number, as_, text), "noted", as_json=as_json)


@cli.command()
def follow(number: Number, *, as_: As, as_json: AsJson = False) -> None:
    """Hear of a ticket that is not yours."""
    _act(number, lambda acts: acts.follow(number, as_), "followed", as_json=as_json)


@cli.command()
def unfollow(number: Number, *, as_: As, as_json: AsJson = False) -> None:
    """Follow a ticket no longer."""
    _act(number, lambda acts: acts.unfollow(number, as_), "not followed", as_json=as_json)


def _act(number: int, act: Callable[[Acts], Acted], words: str, *, as_json: bool) -> None:
    desk = open_desk(settings().desk_file)
    with open_store() as store:
        try:
            acted = act(Acts(store, desk.current))
        except TakenError as error:
            stop(f"{error}. To have it all the same: frontdesk act assign {number} ID --as ID", 1)
        except CannotActError as error:
            stop(str(error), 1)
    if as_json:
        documents([{"ticket": acted.ticket, "changed": acted.changed, "entry": acted.entry}])
    else:
        where = (
            f"Ticket {acted.ticket}" if acted.ticket == number else f"Ticket {acted.ticket}, which took in {number},"
        )
        line(f"{where} is {words}." if acted.changed else f"{where} is {words} already; nothing was changed.")


def _moment(said: str, zone: str) -> float:
    """Return a moment in UTC seconds from a duration, or from a date and time on the clock of a zone."""
    found = moment(said, zone, time.time())
    if found is None:
        stop(f"{said!r} is no moment; write 2h, 3d or 2026-12-24T09:00", 2)
    return found
