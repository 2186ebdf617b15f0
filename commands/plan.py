"""`plan`: what another desk file would have made of history, before it is used."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from commands.output import AsJson, documents, line, stop, table
from commands.parts import EX_TEMPFAIL, settings
from commands.rules import read_desk
from config.desk import Desk
from config.model import Duration
from config.problems import shown
from config.settings import WrongSettingError
from router.rules import RuleSet, compile_rules
from router.trial.replay import Plan
from router.trial.tally import Idle, Tally, document, idle
from tickets.look import moment
from tickets.schema import HEAD
from tickets.store import Store
from tickets.trouble import Temporary

_DURATION = TypeAdapter[float](Duration)
STOPPED = 130
"""What a shell says of a program that was interrupted."""
FEW = 10
"""So many rules are named for one reason."""

New = Annotated[Path, typer.Option("--config", help="the new desk file", exists=True, dir_okay=False)]
Since = Annotated[str, typer.Option("--since", help="how far back: 12h, 30d")]
Most = Annotated[int, typer.Option("--most", help="examples of each kind of change", min=0, max=1000)]


def plan(*, config: New, since: Since = "30d", most: Most = 3, as_json: AsJson = False) -> None:
    """Replay history by a new desk file and tell what would change; ends with 1 when something would.

    Nothing is touched: the database is only read.
    """
    try:
        begin = time.time() - _DURATION.validate_python(since)
    except ValidationError:
        stop(f"--since {shown(since)}: write it as 12h or 30d", 2)
    found = settings()
    old, new = read_desk(found.desk_file), read_desk(config)
    try:
        _check_version(found.database)
        tally = _run(Plan(found, old, new, begin, most), show=not as_json)
    except WrongSettingError as error:
        stop(str(error), 2)
    except Temporary as error:
        stop(f"{error}. Nothing was changed; try again, or see: frontdesk doctor", EX_TEMPFAIL)
    except BrokenProcessPool:
        stop(
            "One of the processes was ended from outside, perhaps for want of memory. Nothing was changed", EX_TEMPFAIL
        )
    except KeyboardInterrupt:
        stop("Stopped. Nothing was changed", STOPPED)
    rules = compile_rules(new)
    if as_json:
        documents([{"since": moment(begin), "from": old.version, "to": new.version, **document(tally, rules)}])
    else:
        _show(old, new, begin, tally, rules)
    raise typer.Exit(1 if tally.changed else 0)


def _check_version(database: str) -> None:
    store = Store(database, read_only=True)
    try:
        version = store.version()
    finally:
        store.close()
    if version != HEAD:
        stop(f"The database is at version {version}, this program at {HEAD}. See: frontdesk migrate", 2)


def _run(asked: Plan, *, show: bool) -> Tally:
    tally = Tally()
    with contextlib.closing(asked.run()) as steps, _progress(show=show) as tell:
        for tally, done, rows in steps:  # noqa: B007  # the last one is the whole
            tell(done, rows)
    return tally


@contextlib.contextmanager
def _progress(*, show: bool) -> Iterator[Callable[[int, int], None]]:
    """Give what moves a bar on a terminal; nothing is drawn anywhere else."""
    console = Console(stderr=True)
    if not (show and console.is_terminal):
        yield lambda _done, _rows: None
        return
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, rows: bar.update(task, completed=done, total=rows)


def _by_reason(found: Iterable[Idle]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(one.why, []).append(one.rule)
    return names


def _show(old: Desk, new: Desk, since: float, tally: Tally, rules: RuleSet) -> None:
    line(f"{tally.replayed:,} messages since {moment(since)}, desk file {old.version} → {new.version}", "bold")
    if tally.changed:
        line(f"{tally.changed:,} would go another way:", "bold yellow")
        table(("What", "Messages"), tally.kinds.most_common(), nothing="")
        for kind, examples in tally.examples.items():
            for one in examples:
                said = one.changed
                line(f"  {kind} of #{one.ticket} {one.subject[:60]}: {said.was} → {said.now} ({said.by})")
    else:
        line("Nothing would change.", "bold green")
    for why, names in _by_reason(idle(rules, tally)).items():
        more = f" and {len(names) - FEW} more (--json has all)" if len(names) > FEW else ""
        line(f"  {'rule' if len(names) == 1 else 'rules'} {', '.join(names[:FEW])}{more}: {why}", "yellow")
    for why, count in tally.left_out.most_common():
        line(f"  not replayed, {count:,} messages: {why}", "yellow")
    for word, count in tally.unknown.most_common():
        line(
            f"  {word} was asked for {count:,} messages, and history does not know it: no condition on it held",
            "yellow",
        )
    if tally.given:
        words = "are given away by a strategy: compared is who could have them, not who would"
        line(f"  {tally.given:,} tickets {words}", "dim")
