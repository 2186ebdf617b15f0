"""Run the benchmarks and print their figures: `python -m benchmarks [--json] [--quick]`.

Each figure is the median ratio of runs that were made in pairs, one after the other, so that a busy machine slows both.
It is quoted, not tested: the exit code is 0 unless a benchmark itself breaks.
"""

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import acceptance, noticing, parsing, path, plan, rules, sockets, telling, ticking
from benchmarks.figures import BrokenBenchmarkError, Figure, Progress
from config.settings import Settings

ROUNDS: Final = 7
QUICK_ROUNDS: Final = 3
BENCHMARKS: Final[dict[str, Callable[[int, Path, Progress], Figure]]] = {
    "acceptance": acceptance.measure,
    "busy": partial(acceptance.measure, senders=acceptance.MANY),
    "noticing": noticing.measure,
    "parsing": parsing.measure,
    "path": path.measure,
    "plan": plan.measure,
    "rules": rules.measure,
    "rules-re": rules.against_re,
    "sockets": sockets.measure,
    "telling": telling.embedded,
    "telling-scale": telling.scale,
    "ticking": ticking.measure,
}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed as ratios of paired runs.")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=" or ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="one JSON document per figure, for programs")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    asked = parser.parse_args()
    try:
        figures = _run(asked.names or list(BENCHMARKS), QUICK_ROUNDS if asked.quick else ROUNDS)
    except BrokenBenchmarkError as error:
        sys.exit(f"The benchmark broke: {error}")
    if asked.json:
        for one in figures:
            print(json.dumps(one.document, ensure_ascii=False))
    else:
        _show(figures)


def _run(names: list[str], rounds: int) -> list[Figure]:
    data = Settings().data  # the disk that the desk itself would use
    data.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=data, prefix="bench-") as folder:
        return [BENCHMARKS[name](rounds, Path(folder).absolute(), _progress) for name in names]


def _progress(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _show(figures: list[Figure]) -> None:
    table = Table("what", "figure", "goal", "met", "in numbers", box=None, header_style="bold", pad_edge=False)
    for one in figures:
        spread = f"{one.ratio:.2f} ({one.least:.2f}–{one.most:.2f}, {one.pairs} pairs)"  # noqa: RUF001  # a range
        goal = f"{'≥' if one.at_least else '≤'} {one.goal:.1f}"
        numbers = "\n".join(f"{name.replace('_', ' ')} {value:g}" for name, value in one.details.items())
        table.add_row(one.what, spread, goal, "yes" if one.met else "no", numbers)
    Console().print(table)


if __name__ == "__main__":
    main()
