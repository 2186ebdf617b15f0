"""`quarantine list|show|retry|discard`: what could not be understood or routed, and a person's decision about it."""

import base64
import json
import sys
import time
from typing import Annotated, Any, NoReturn

import typer

from commands.output import AsJson, documents, line, stop, table
from commands.parts import EX_TEMPFAIL, open_blobs, open_store
from ingest import quarantine
from tickets.blobs import LostBlobError, raw_of
from tickets.look import moment
from tickets.trouble import Temporary

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
    kept = _bytes(row)
    if raw:
        sys.stdout.buffer.write(kept)
        return
    if as_json:
        whole = {"envelope": json.loads(row.meta), "raw": base64.b64encode(kept).decode()}
        documents([{**_short(row), **whole}])
        return
    line(f"Row {row.id} of {row.channel}, kept at {moment(row.received_at)}, {row.attempts} attempts", "bold")
    line(row.cause or "", "red")
    line(kept[:4_000].decode("utf-8", "replace"))
    line(f"\nfrontdesk quarantine retry {row.id}   or   frontdesk quarantine discard {row.id}", "dim")


@cli.command()
def retry(number: Number) -> None:
    """Try to understand and route it again."""
    with open_store() as store:
        there = quarantine.show(store, number) is not None
        try:
            still = quarantine.retry(store, number, time.time(), open_blobs()) if there else None
        except LostBlobError as error:
            still = str(error)
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


def _bytes(row: Any) -> bytes:
    try:
        return raw_of(row, open_blobs())
    except LostBlobError as error:
        stop(f"Row {row.id}: {error}", 1)
    except Temporary as error:
        stop(f"{error}. Try again, or see: frontdesk doctor", EX_TEMPFAIL)


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
