"""`token AGENT`: what a program acts with for an agent."""

import time
from typing import Annotated

import typer

from commands.agent import Id
from commands.output import AsJson, documents, line
from commands.parts import known_agent, open_desk, open_store, settings
from tickets.tokens import make, revoke

Revoke = Annotated[
    bool,
    typer.Option(
        "--revoke", help="make all tokens of the agent, and the reply addresses of their notices, worthless instead"
    ),
]


def token(name: Id, *, revoked: Revoke = False, as_json: AsJson = False) -> None:
    """Make a token for an agent, with which a program acts; it is shown once."""
    agent = known_agent(open_desk(settings().desk_file).current(), name)
    now = time.time()
    with open_store() as store:
        said = {"revoked": revoke(store, agent.id, now)} if revoked else {"token": make(store, agent.id, now)}
    if as_json:
        documents([{"agent": agent.id, **said}])
    elif revoked:
        line(
            f"Tokens of {agent.name} that are worthless now: {said['revoked']}; and the reply addresses of all notices so far"
        )
    else:
        line(str(said["token"]))
        line(f"It acts as {agent.name} and is shown only now. To end it: frontdesk token {agent.id} --revoke", "dim")
