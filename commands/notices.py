"""`agent ID notices`: by which ways an agent is told of what, and who says so."""

from collections.abc import Mapping
from typing import Any, Final

from commands.output import documents, line, table
from commands.parts import known_agent, open_desk, open_store, settings
from config.notices import WHOSE
from tickets.matrix import Matrix, Source, matrix
from tickets.preferences import chosen, written

MARKS: Final[Mapping[Source, str]] = {"own": "*", "desk file": "°", "usual": ""}


def notices(name: str, *, as_json: bool) -> None:
    """Print what an agent is told."""
    desk = open_desk(settings().desk_file).current()
    who = known_agent(desk, name)
    with open_store() as store:
        known = chosen(store)
        with store.write() as connection:
            own = written(connection, name)
    found = matrix(desk, known, name)
    paused = {way: why for (agent, way), why in known.paused.items() if agent == name}
    if as_json:
        documents([{"agent": name, "own": own, "counts": found.as_json(), "paused": paused}])
        return
    line(f"{who.name} is told", "bold")
    table(("Of", *WHOSE), _rows(found), nothing="")
    for key, (value, source) in found.rest.items():
        if value is not None:
            line(f"{key}: {_words(value)}{MARKS[source]}")
    for way, why in paused.items():
        line(f"{way} is paused: {why}", "red")
    line("* the agent's own choice, ° the desk file", "dim")


def _rows(found: Matrix) -> list[tuple[str, ...]]:
    return [
        (word, *(f"{' '.join(ways)}{MARKS[source]}" for ways, source in (by_whose[one] for one in WHOSE)))
        for word, by_whose in found.ways.items()
    ]


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(one)}" for key, one in value.items())
    return " ".join(value) if isinstance(value, list) else str(value)
