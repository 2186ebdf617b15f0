"""Golden cases: what must become of a message, written beside it in the desk's folder as cases/NAME.yaml and cases/NAME.eml."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ValidationError

from config.check import NOBODY
from config.desk import Desk
from config.model import Address, Model, Name
from config.plain import note
from config.problems import DeskError, Place, Problem
from config.rule import Priority, Status
from config.source import Source, read

FOLDER: Final = "cases"


def moment(said: object) -> float:
    """Return the UTC seconds of a time as people write it, ISO 8601; UTC where it names no zone. Raises `ValueError`."""
    try:
        found = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        found = None
    if found is None:
        raise ValueError("not a time; write it as 2026-12-24T10:00, or 2026-12-24T10:00+01:00")
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _listed(said: object) -> object:
    return [said] if isinstance(said, str) else said


Moment = Annotated[float, BeforeValidator(moment)]
Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Expected(Model):
    """`expect:` what must become of the message; what is not said may be as it likes.

    `tags`, `told` and `rules` are all there are, in any order; `fields` are those that are looked at. `agent` may be
    nobody, `told` has ids of agents, Slack channels and addresses, `rules` the names of those that match.
    """

    outcome: Literal["routed", "ignored", "quarantined"] | None = None
    department: Name | None = None
    agent: Name | None = None
    priority: Priority | None = None
    status: Status | None = None
    tags: Listed | None = None
    fields: Mapping[str, str] | None = None
    sla: Name | None = None
    told: Listed | None = None
    rules: Listed | None = None


class Case(Model):
    """A golden case. `at` is when the message comes (else now), `to` its envelope's recipients, `away` who is not at work."""

    channel: Name | None = None
    at: Moment | None = None
    to: Annotated[tuple[Address, ...], BeforeValidator(_listed)] = ()
    away: Annotated[tuple[Name, ...], BeforeValidator(_listed)] = ()
    expect: Expected


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden case with its name, and the file with its message."""

    name: str
    message: Path
    case: Case


def load_cases(desk: Desk, folder: Path) -> list[Golden]:
    """Return the cases in a folder by their names, none when there is no such folder; raises `DeskError` with every problem."""
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    said = [path for path in files if path.suffix == ".yaml"]
    messages = [path for path in files if path.suffix != ".yaml" and not path.name.startswith(".")]
    problems: list[Problem] = []
    found = []
    for path in said:
        beside = [message for message in messages if message.stem == path.stem]
        case, wrong = _case(desk, read(path, str(path)))
        problems += wrong
        if len(beside) != 1:
            many = "two messages" if beside else f"no message; put {path.stem}.eml or {path.stem}.json beside it"
            problems.append(Problem((), f"the case has {many}", file=str(path)))
        elif case is not None:
            found.append(Golden(path.stem, beside[0], case))
    named = {path.stem for path in said}
    problems += [
        Problem((), f"nothing says what must become of it; write {message.stem}.yaml", file=str(message))
        for message in messages
        if message.stem not in named
    ]
    if problems:
        raise DeskError(sorted(problems, key=lambda one: (one.file, one.line, one.column)))
    return found


def _case(desk: Desk, source: Source) -> tuple[Case | None, list[Problem]]:
    if source.data is None or source.problems:
        return None, list(source.problems)
    place, case = Place(), None
    try:
        case = Case.model_validate(source.data)
    except ValidationError as error:
        note(error, source.data, Case, place)
    else:
        _check(case, desk, place)
    return case, [_placed(source, problem) for problem in place]


def _placed(source: Source, problem: Problem) -> Problem:
    line, column = source.position(problem.where, on_key=problem.on_key)
    return replace(problem, file=source.name, line=line, column=column)


def _check(case: Case, desk: Desk, place: Place) -> None:
    if case.channel is not None and case.channel not in desk.channels_by_name:
        place.at("channel").unknown("channel", case.channel, desk.channels_by_name)
    for index, agent in enumerate(case.away):
        if agent not in desk.agents_by_id:
            place.at("away", index).unknown("agent", agent, desk.agents_by_id)
    check_expected(case.expect, desk, place.at("expect"))


def check_expected(expected: Expected, desk: Desk, place: Place) -> None:
    """Note every name that is not of this desk: a misspelt one would be expected in vain."""
    known: Mapping[str, tuple[str, Iterable[str]]] = {
        "department": ("department", desk.departments_by_id),
        "agent": ("agent", (*desk.agents_by_id, NOBODY)),
        "sla": ("SLA level", [one.id for one in desk.slas]),
        "tags": ("tag", desk.tags),
        "rules": ("rule", [rule.name for rule in desk.rules]),
    }
    for key, (noun, words) in known.items():
        said: Any = getattr(expected, key)
        for index, word in enumerate(said if isinstance(said, tuple) else [said] if said is not None else []):
            if word not in words:
                (place.at(key, index) if isinstance(said, tuple) else place.at(key)).unknown(noun, word, words)
