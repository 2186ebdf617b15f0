"""`quarantine list|show|retry|discard`: what could not be understood or routed, and a person's decision about it."""

import base64
import json
import sys
import time
from typing import Annotated, Any, NoReturn

import typer

from commands.output import AsJson, documents, line, stop, table
from commands.parts import open_store
from ingest import quarantine
from tickets.look import moment

cli = typer.Typer(help="Messages that were kept but not understood, each with its cause.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="the row's number, from: frontdesk quarantine list", min=1)]
Raw = Annotated[bool, typer.Option("--raw", help="print the bytes as they came, and nothing else")]


@cli.command("list")
def listing(*, as_json: AsJson = False) -> None:
    """List what waits in quarantine, oldest first."""
    with open_store() as store:
        rows = [_short(row) for row in quarantine.listing(store)]
    if as_json:
        documents(rows)
    else:
        table(
            ("Row", "Channel", "Kept at", "Attempts", "Cause"),
            (tuple(row.values()) for row in rows),
            "Quarantine is empty.",
        )


@cli.command()
def show(number: Number, *, raw: Raw = False, as_json: AsJson = False) -> None:
    """Show one row: its cause and its bytes."""
    with open_store() as store:
        row = quarantine.show(store, number)
    if row is None:
        _not_there(number)
    if raw:
        sys.stdout.buffer.write(row.raw)
        return
    if as_json:
        whole = {"envelope": json.loads(row.meta), "raw": base64.b64encode(row.raw).decode()}
        documents([{**_short(row), **whole}])
        return
    line(f"Row {row.id} of {row.channel}, kept at {moment(row.received_at)}, {row.attempts} attempts", "bold")
    line(row.cause or "", "red")
    line(row.raw[:4_000].decode("utf-8", "replace"))
    line(f"\nfrontdesk quarantine retry {row.id}   or   frontdesk quarantine discard {row.id}", "dim")


@cli.command()
def retry(number: Number) -> None:
    """Try to understand and route it again."""
    with open_store() as store:
        there = quarantine.show(store, number) is not None
        still = quarantine.retry(store, number, time.time()) if there else None
    if not there:
        _not_there(number)
    if still is not None:
        stop(f"Row {number} stays in quarantine: {still}", 1)
    line(f"Row {number} goes back to be routed.")


@cli.command()
def discard(number: Number) -> None:
    """Put it aside for good; its bytes and its cause stay in the database."""
    with open_store() as store:
        done = quarantine.discard(store, number)
    if not done:
        _not_there(number)
    line(f"Row {number} is discarded.")


def _short(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "channel": row.channel,
        "received_at": moment(row.received_at),
        "attempts": row.attempts,
        "cause": row.cause,
    }


def _not_there(number: int) -> NoReturn:
    stop(f"Row {number} is not in quarantine. See: frontdesk quarantine list", 1)
