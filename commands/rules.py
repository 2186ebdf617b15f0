"""`rules test`: where a message would go, before it does; and the golden cases of the desk's folder."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from commands.mail import with_crlf
from commands.output import AsJson, documents, line, stop, table
from commands.parts import CHECKS, KINDS, settings
from config.cases import FOLDER, Expected, Golden, check_expected, load_cases, moment
from config.desk import ChannelConfig, Desk
from config.load import load
from config.plain import note
from config.problems import DeskError, Place, nearest, shown
from ingest import channel as channels
from router.book import book_of
from router.explain import explain
from router.trial.expect import Difference, differences, found
from router.trial.file import Result, Scene, Trials, is_mail
from router.trial.message import Tried
from router.trial.words import done

cli = typer.Typer(help="Trying rules before they hurt.", no_args_is_help=True)

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        help="mails or payloads; without one the golden cases in the folder `cases` beside the desk file",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
Name = Annotated[str | None, typer.Option("--channel", help="the channel's name; else the first mail channel")]
Config = Annotated[Path | None, typer.Option("--config", help="the desk file; else the one of the settings")]
Expect = Annotated[
    list[str] | None,
    typer.Option("--expect", help="WHAT=VALUE that must come of it: department=billing, tags=vip,invoice"),
]
At = Annotated[str | None, typer.Option("--at", help="when it comes: 2026-12-24T10:00, UTC unless it says; else now")]
Away = Annotated[list[str] | None, typer.Option("--away", help="an agent who is not at work, by the id")]
To = Annotated[list[str] | None, typer.Option("--to", help="a recipient of its envelope")]


@cli.command("test")
def try_rules(  # noqa: PLR0913  # its options
    files: Files = None,
    *,
    channel: Name = None,
    config: Config = None,
    expect: Expect = None,
    at: At = None,
    away: Away = None,
    to: To = None,
    as_json: AsJson = False,
) -> None:
    """Tell where mails or payloads would go, or run the golden cases; ends with 1 when something is not as expected.

    No database and no network is asked, and nothing is written.
    """
    desk = read_desk(config)
    trials = Trials(book_of(desk))
    if not files:
        if any((channel, expect, at, away, to)):
            stop("These options go with a FILE; a golden case says them in its own file", 2)
        _cases(desk, trials, as_json=as_json)
        return
    wanted, scene = _expected(desk, expect or []), _scene(desk, at, away or [], to or [])
    fine = True
    for file in files:
        results = _try(trials, file, _channel(desk, channel, file), scene)
        wrong = [differences(wanted, one) for one in results]
        fine &= bool(results or not expect) and not any(wrong)
        if as_json:
            documents(_document(desk, str(file), one, missed) for one, missed in zip(results, wrong, strict=True))
        else:
            _show(desk, str(file), results, wrong)
    raise typer.Exit(0 if fine else 1)


def read_desk(path: Path | None) -> Desk:
    """Return the desk of a file, else of the settings; ends with 2 and every problem in it when it is broken."""
    try:
        return load(path or settings().desk_file, KINDS, CHECKS).desk
    except DeskError as error:
        stop("\n".join((*map(str, error.problems), f"{len(error.problems)} problems; see: frontdesk check")), 2)


def _channel(desk: Desk, name: str | None, file: Path) -> ChannelConfig:
    """Return the channel a file is for; ends with 2 when there is none."""
    if name is not None:
        found = desk.channels_by_name.get(name)
        if found is None:
            near = nearest(name, desk.channels_by_name)
            hint = f"did you mean {near}?" if near else f"it has: {', '.join(desk.channels_by_name) or 'none'}"
            stop(f"The desk has no channel {shown(name)}; {hint}", 2)
        return found
    if file.suffix == ".json":
        stop(f"{file} is a payload; say with --channel NAME which channel it is for", 2)
    mail = next((one for one in desk.channels if channels.takes_mail(one.type)), None)
    if mail is None:
        stop("The desk has no mail channel; say with --channel NAME which channel the file is for", 2)
    return mail


def _scene(desk: Desk, at: str | None, away: Sequence[str], to: Sequence[str]) -> Scene:
    named = [one for several in away for one in several.split(",")]
    if wrong := [one for one in named if one not in desk.agents_by_id]:
        stop(f"No agent of this desk is called {shown(wrong[0])}; it has: {', '.join(desk.agents_by_id)}", 2)
    try:
        return Scene(time.time() if at is None else moment(at), frozenset(named), tuple(one.lower() for one in to))
    except ValueError as error:
        stop(f"--at {shown(at)}: {error}", 2)


def _expected(desk: Desk, said: Sequence[str]) -> Expected:
    """Return what `--expect` says; ends with 2 when that is no word of it, or names nothing of this desk."""
    raw: dict[str, Any] = {}
    for one in said:
        what, equals, value = one.partition("=")
        if not equals:
            stop(f"--expect {shown(one)}: write WHAT=VALUE, like department=billing", 2)
        if what.startswith("fields."):
            raw.setdefault("fields", {})[what.removeprefix("fields.")] = value
        else:
            raw[what] = [name for name in value.split(",") if name] if what in ("tags", "told", "rules") else value
    place = Place()
    try:
        expected = Expected.model_validate(raw)
    except ValidationError as error:
        expected = Expected()
        note(error, raw, Expected, place)
    check_expected(expected, desk, place)
    if place.found:
        stop("\n".join(f"--expect {problem}" for problem in place), 2)
    return expected


def _try(trials: Trials, file: Path, config: ChannelConfig, scene: Scene) -> list[Result]:
    raw = file.read_bytes()
    return trials.try_file(with_crlf(raw) if is_mail(config, file.name) else raw, file.name, config, scene)


def _cases(desk: Desk, trials: Trials, *, as_json: bool) -> None:
    """Run the golden cases and end with 1 when one of them fails."""
    folder = (desk.folder or Path()) / FOLDER
    try:
        golden = load_cases(desk, folder)
    except DeskError as error:
        stop("\n".join((*map(str, error.problems), f"{len(error.problems)} problems in the golden cases")), 2)
    if not golden:
        stop(f"There are no golden cases in {folder}. Name a FILE, or see docs/rules.md", 2)
    rows = [(one, _run(desk, trials, one)) for one in golden]
    if as_json:
        documents(
            {"case": one.name, "fine": not wrong, "differences": [_difference(each) for each in wrong]}
            for one, wrong in rows
        )
    else:
        cells = ((one.name, "differs" if wrong else "fine", "\n".join(map(_words, wrong))) for one, wrong in rows)
        table(("Case", "Result", "What differs"), cells, nothing="")
        failed = sum(bool(wrong) for _, wrong in rows)
        line(f"{len(rows)} cases, {failed} of them not as expected" if failed else f"{len(rows)} cases, all fine")
    raise typer.Exit(1 if any(wrong for _, wrong in rows) else 0)


def _run(desk: Desk, trials: Trials, one: Golden) -> list[Difference]:
    case = one.case
    scene = Scene(time.time() if case.at is None else case.at, frozenset(case.away), case.to)
    results = _try(trials, one.message, _channel(desk, case.channel, one.message), scene)
    if not results:
        return [Difference("outcome", case.expect.outcome or "routed", "nothing", "the file holds no message")]
    return [wrong for result in results for wrong in differences(case.expect, result)]


def _document(desk: Desk, file: str, result: Result, wrong: Iterable[Difference]) -> dict[str, Any]:
    message, tried = result.message, result.tried
    said: dict[str, Any] = {
        "file": file,
        "channel": tried.event.channel if tried else None,
        "from": message.sender.id if message else None,
        "subject": message.subject if message else None,
        "because": result.because,
        **found(result),
    }
    if tried is not None:
        said["unknown"] = list(tried.unknown)
        said["notices"] = [
            {"recipient": one.recipient, "notifier": one.notifier, "sent": not one.suppressed, "reason": one.reason}
            for one in tried.notices
        ]
        said["effects"] = [asdict(one) for one in done(tried, desk)]
        said["trace"] = tried.verdict.trace
    return {**said, "differences": [_difference(one) for one in wrong]}


def _difference(one: Difference) -> dict[str, Any]:
    return {"what": one.what, "expected": one.expected, "got": one.got, "by": one.by}


def _words(one: Difference) -> str:
    return f"{one.what}: expected {_plain(one.expected)}, got {_plain(one.got)} ({one.by})"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items()) or "nothing"
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value or "")) or "nothing"


def _show(desk: Desk, file: str, results: Sequence[Result], wrong: Sequence[Sequence[Difference]]) -> None:
    if not results:
        line(f"{file}: there is no message in it", "bold")
    for result, missed in zip(results, wrong, strict=True):
        message = result.message
        what = f"{message.kind} from {message.sender.id or 'nobody'}: {message.subject}" if message else "unreadable"
        line(f"{file}: {what}", "bold")
        if result.outcome != "routed":
            line(f"  {result.outcome}: {result.because}", "yellow")
        if result.tried is not None:
            _show_tried(desk, result.tried)
        for one in missed:
            line(f"  ✗ {_words(one)}", "red")


def _show_tried(desk: Desk, tried: Tried) -> None:
    line(f"  {tried.because}")
    for text in explain(tried.verdict.trace):
        line(f"  {text}", "green" if text.startswith("✓") else None)
    decision = tried.decision
    fields = ", ".join(f"{name}={value}" for name, value in decision.fields.items())
    for name, value in {"tags": ", ".join(decision.tags), "fields": fields, "SLA": decision.sla}.items():
        if value:
            line(f"  {name}: {value}")
    line(f"  {decision.status}, priority {decision.priority}")
    for one in tried.notices:
        line(f"  → {one.recipient} by {one.notifier}: {one.reason}", "dim" if one.suppressed else "cyan")
    for effect in done(tried, desk):
        what = f"not done, {effect.skipped}" if effect.skipped else effect.text
        line(f"  → {effect.word}, rule {effect.rule}: {what}", "dim" if effect.skipped else "cyan")
    if tried.unknown:
        line(f"  asked for, and not known of a file: {', '.join(tried.unknown)}", "yellow")
