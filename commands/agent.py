"""`agent ID away|back`, `agents`: who is at work; `agent ID resume WAY`: who can be told again."""

import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import func, select

from commands.notices import notices
from commands.output import AsJson, documents, line, stop, table
from commands.parts import known_agent, open_desk, open_store, settings
from config.desk import Desk
from config.notices import WAYS
from router.absent import gone
from router.staff import Staff
from router.strategies import has
from router.workload import load
from tickets.look import moment
from tickets.pauses import EVERYBODY, is_place, paused, resume
from tickets.presence import away_since, set_away
from tickets.schema import tickets, working
from tickets.store import Store

Id = Annotated[str, typer.Argument(metavar="ID", help="the agent, by the id of the desk file")]
State = Annotated[
    Literal["away", "back", "notices", "resume"],
    typer.Argument(help="not at work, at work again, what they are told, or that a paused way to them works again"),
]
Paused = Annotated[
    str | None,
    typer.Argument(metavar="[WAY]", help="with resume: the way; ID may be a place, such as '#billing', or '*' for all"),
]


def agent(name: Id, state: State, way: Paused = None, *, as_json: AsJson = False) -> None:
    """Say that an agent is not at work, or is back (a running desk sees to their tickets within a second), or show what they are told."""
    if state == "notices":
        notices(name, as_json=as_json)
        return
    if state == "resume":
        _resume(name, way, as_json=as_json)
        return
    desk, now = open_desk(settings().desk_file).current(), time.time()
    who = known_agent(desk, name)
    with open_store() as store:
        changed = set_away(store, name, state == "away", now)
        going = list(_going(store, desk, name, now)) if state == "away" else []
    if as_json:
        documents([{"agent": name, "state": state, "changed": changed, "tickets": going}])
        return
    line(f"{who.name} {'is' if changed else 'was already'} {state}.")
    for one in going:
        line(f"  {_words(desk, name, one)}")


def _resume(name: str, way: str | None, *, as_json: bool) -> None:
    desk = open_desk(settings().desk_file).current()
    if way not in WAYS:
        stop(f"Say which way works again: frontdesk agent {name} resume {'|'.join(WAYS)}", 2)
    with open_store() as store, store.write() as connection:
        ended = resume(connection, name, way)
    if not ended and name != EVERYBODY:
        known_agent(desk, name)
    if as_json:
        documents([{"agent": name, "way": way, "ended": ended}])
        return
    who = "everybody" if name == EVERYBODY else known.name if (known := desk.agents_by_id.get(name)) else name
    line(f"{who} is told by {way} again." if ended else f"{way} to {who} was not paused.")


def _going(store: Store, desk: Desk, name: str, now: float) -> Iterator[dict[str, Any]]:
    """Yield how many open tickets an agent who is away has in each department, whereto they go, and after how many seconds."""
    staff = Staff(desk, now, {**away_since(store), name: 0.0})
    held = select(tickets.c.department, func.count()).where(working, tickets.c.agent == name)
    with store.read() as connection:
        rows = connection.execute(held.group_by(tickets.c.department).order_by(tickets.c.department)).all()
    for department, many in rows:
        found, known = gone(staff, department, name), desk.departments_by_id.get(department)
        goes = None if found is None else f"agent:{found.to}" if found.to else "queue"
        yield {"department": department, "tickets": many, "go": goes, "after": (known and known.away_after) or 0.0}


def _words(desk: Desk, name: str, going: Mapping[str, Any]) -> str:
    many = "1 ticket" if going["tickets"] == 1 else f"{going['tickets']} tickets"
    verb = "s" if going["tickets"] == 1 else ""
    known = desk.departments_by_id.get(going["department"])
    where, who = known.name if known else going["department"], desk.agents_by_id[name].name
    if going["go"] is None:
        return f"{many} of {where} stay{verb} with {who}."
    whereto = "goes" if verb else "go"
    if going["go"] == "queue":
        said = f"{many} {whereto} back to the queue of {where}"
    else:
        said = f"{many} of {where} {whereto} to {desk.agents_by_id[going['go'].removeprefix('agent:')].name}"
    return f"{said}, unless {who} is back within {going['after'] / 60:g} min." if going["after"] else f"{said}."


def agents(*, as_json: AsJson = False) -> None:
    """List the agents, their departments, what they have, and who is not at work and why."""
    desk = open_desk(settings().desk_file).current()
    with open_store() as store:
        since = away_since(store)
        with store.read() as connection:
            held = load(connection, desk, desk.agents_by_id)
            stopped = paused(connection)
    staff = Staff(desk, time.time(), since)
    rows: list[dict[str, Any]] = [
        {
            "agent": one.id,
            "name": one.name,
            "departments": [found.id for found in desk.departments if one.id in desk.members(found.id)],
            "state": "away" if (why := staff.absent(one.id)) else "there",
            "why": why,
            "since": moment(since.get(one.id)),
            "load": held[one.id],
            "capacity": one.capacity,
            "paused": {pause.way: pause.why for pause in stopped if pause.agent == one.id},
        }
        for one in desk.agents
    ]
    if as_json:
        documents(rows)
        return
    cells = (
        (
            *(row["agent"], row["name"], ", ".join(row["departments"])),
            has(desk.agents_by_id[row["agent"]], held),
            *(row["state"], row["why"], row["since"]),
            ", ".join(row["paused"]),
        )
        for row in rows
    )
    table(("Agent", "Name", "Departments", "Has", "State", "Why", "Since", "Not told by"), cells, nothing="")
    for pause in stopped:
        if is_place(pause.agent, pause.way, pause.address):
            line(f"{pause.way} to {pause.agent} is paused: {pause.why}", "red")
