"""`agent ID away|back`, `agents`: who is at work."""

import time
from typing import Annotated, Any, Literal

import typer

from commands.output import AsJson, documents, line, stop, table
from commands.parts import open_desk, open_store, settings
from config.problems import nearest, shown
from tickets.look import moment
from tickets.presence import away_since, set_away

Id = Annotated[str, typer.Argument(metavar="ID", help="the agent, by the id of the desk file")]
State = Annotated[Literal["away", "back"], typer.Argument(help="not at work, or at work again")]


def agent(name: Id, state: State, *, as_json: AsJson = False) -> None:
    """Say that an agent is not at work, or is back."""
    known = open_desk(settings().desk_file).current().agents_by_id
    if name not in known:
        near = nearest(name, known)
        hint = f"; did you mean {near}?" if near else ". See: frontdesk agents"
        stop(f'No agent of this desk is called "{shown(name)}"{hint}', 1)
    with open_store() as store:
        changed = set_away(store, name, state == "away", time.time())
    if as_json:
        documents([{"agent": name, "state": state, "changed": changed}])
    else:
        line(f"{known[name].name} {'is' if changed else 'was already'} {state}.")


def agents(*, as_json: AsJson = False) -> None:
    """List the agents, their departments, and who is away."""
    desk = open_desk(settings().desk_file).current()
    with open_store() as store:
        absent = away_since(store)
    rows: list[dict[str, Any]] = [
        {
            "agent": one.id,
            "name": one.name,
            "departments": [found.id for found in desk.departments if one.id in desk.members(found.id)],
            "state": "away" if one.id in absent else "there",
            "since": moment(absent.get(one.id)),
        }
        for one in desk.agents
    ]
    if as_json:
        documents(rows)
        return
    cells = ((row["agent"], row["name"], ", ".join(row["departments"]), row["state"], row["since"]) for row in rows)
    table(("Agent", "Name", "Departments", "State", "Since"), cells, nothing="")
