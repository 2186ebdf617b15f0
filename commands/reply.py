"""`reply N`: an agent's answer to a ticket."""

import mimetypes
import secrets
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import insert

from commands.output import AsJson, documents, line, stop
from commands.parts import open_blobs, open_desk, open_store, settings
from ingest.sniff import safe_name, sniff
from router.act import Acts
from router.answer import MOST_FILES
from router.hand import CannotActError
from tickets.schema import files
from tickets.store import Store

Number = Annotated[int, typer.Argument(help="the ticket's number", min=1)]
As = Annotated[str, typer.Option("--as", help="the agent who answers, by the id of the desk file")]
Text = Annotated[str | None, typer.Option("--text", help="the answer; else standard input", show_default=False)]
Attach = Annotated[
    list[Path] | None, typer.Option("--attach", help="a file that goes along", exists=True, dir_okay=False)
]
LARGEST_FILE = 20_971_520
"""In bytes; most platforms take less."""


def reply(number: Number, *, as_: As, text: Text = None, attach: Attach = None, as_json: AsJson = False) -> None:
    """Answer a ticket's customer in the way the customer wrote; the running desk delivers it."""
    desk = open_desk(settings().desk_file)
    said = sys.stdin.read() if text is None and not sys.stdin.isatty() else text or ""
    with open_store() as store:
        try:
            attached = [_handed_in(store, f"agent:{as_}", path) for path in (attach or [])[: MOST_FILES + 1]]
            acted = Acts(store, desk.current).answer(number, as_, said, attached)
        except CannotActError as error:
            stop(str(error) if said.strip() or attach else f"{error}: use --text or --attach", 1)
    if as_json:
        documents([{"ticket": acted.ticket, "entry": acted.entry, "goes": acted.goes}])
    else:
        line(f"Answered ticket {acted.ticket}; it goes {acted.goes}. How it went: frontdesk ticket {acted.ticket}")


def _handed_in(store: Store, owner: str, path: Path) -> str:
    """Keep a file for an answer and return its id; raises `CannotActError` when it is too large."""
    data = path.read_bytes()
    if len(data) > LARGEST_FILE:
        raise CannotActError(f"{path} is larger than the {LARGEST_FILE} bytes a file of an answer may have")
    kind = sniff(data) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    row = {
        "id": secrets.token_hex(16),
        "stored": open_blobs().put(data),
        "filename": safe_name(path.name),
        "content_type": kind,
        "size": len(data),
        "owner": owner,
        "entry_id": None,
        "created_at": time.time(),
    }
    with store.write() as connection:
        connection.execute(insert(files), row)
    return str(row["id"])
