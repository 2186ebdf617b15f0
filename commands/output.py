"""What commands print: one JSON document a line for programs, tables and colour for people."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document per line, for programs")]


def documents(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print each row as one line of JSON."""
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """Print a table, or the words for an empty one. Control characters of strangers do not reach the terminal."""
    made = Table(*headings, box=None, header_style="bold", pad_edge=False)
    count = 0
    for row in rows:
        made.add_row(*(escape(printable(cell)) for cell in row))
        count += 1
    console().print(made if count else nothing)


def line(text: str, style: str | None = None) -> None:
    """Print a line for people; `text` is shown as it is, in a style of rich, and not broken: commands can be copied."""
    console().print(escape(printable(text)), style=style, highlight=False, soft_wrap=True)


def printable(cell: object) -> str:
    """Return a cell as text without control characters; nothing is a dash."""
    if cell is None or cell == "":
        return "-"
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in str(cell))


def console() -> Console:
    """Return the terminal; a pipe gets lines that are not broken."""
    out = Console()
    return out if out.is_terminal else Console(soft_wrap=True, width=240)


def stop(words: str, code: int) -> NoReturn:
    """Say what is wrong on standard error and end with the exit code."""
    Console(stderr=True, soft_wrap=True).print(escape(printable(words)), style="red", highlight=False)
    raise typer.Exit(code)
