"""`parse` and `inject`: reading mails and payloads offline, and taking one mail from a pipe."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.output import AsJson, documents, line, stop
from commands.parts import CHECKS, EX_TEMPFAIL, KINDS, settings
from config.desk import Desk
from config.problems import DeskError, shown
from config.settings import WrongSettingError
from config.watch import DeskFile
from ingest import channel as channels
from ingest.channels import smtp
from ingest.html.show import safe_html
from ingest.inbox import keep, stored
from ingest.mail.arrival import Way, arrival
from tickets.blobs import open_blobs
from tickets.look import moment
from tickets.message import InboundMessage
from tickets.store import Store
from tickets.trouble import Temporary

Files = Annotated[list[Path], typer.Argument(help="files, each a mail or a payload", exists=True, dir_okay=False)]
Type = Annotated[str, typer.Option("--channel", help="what the files are: a channel type of the desk file")]
Recipients = Annotated[
    list[str] | None, typer.Argument(help="the envelope recipients, as a mail system appends them", show_default=False)
]
Name = Annotated[str | None, typer.Option("--channel", help="the channel's name; else the first mail channel")]
Sender = Annotated[str, typer.Option("--from", help="the envelope sender")]


def parse(files: Files, *, channel: Type = "smtp", as_json: AsJson = False) -> None:
    """Show what a mail or a payload is understood as, offline and without a desk file."""
    if channel not in channels.words():
        stop(f'No channel type is called "{shown(channel)}"; known: {", ".join(channels.words())}', 2)
    module = channels.find(channel)
    failed = False
    for file in files:
        try:
            messages = module.parse(file.read_bytes())
        except channels.Unreadable as error:
            failed = True
            typer.echo(f"{file}: {error}", err=True)
            continue
        found = [document(str(file), channel, message) for message in messages]
        if as_json:
            documents(found)
        else:
            _show(found)
    raise typer.Exit(1 if failed else 0)


_ALWAYS = (
    "channel", "external_id", "conversation", "sender", "to", "cc", "subject", "text", "reply_text", "html", "attachments",
    "kind", "in_reply_to", "references", "sent_at",
)  # fmt: skip

_SOMETIMES = {"content_id", "contains", "sniffed", "dangerous", "virus"}
"""What an attachment has besides, where it has it."""


def document(file: str, channel: str, message: InboundMessage) -> dict[str, Any]:
    """Return a message as one document of `parse --json`: the fields every message has, then those only this one has."""
    made = message.model_dump(include=set(_ALWAYS), exclude={"attachments": {"__all__": _SOMETIMES}})
    more = message.model_dump(mode="json", exclude={*_ALWAYS, "account", "department"}, exclude_defaults=True)
    for part, shows in zip(message.attachments, made["attachments"], strict=True):
        shows.update(part.model_dump(mode="json", include=_SOMETIMES, exclude_defaults=True))
    made["html"] = safe_html(message.html) if message.html else None
    made["sent_at"] = moment(message.sent_at.timestamp()) if message.sent_at else None
    return {"file": file, **{name: made[name] for name in _ALWAYS}, "channel": channel, **more}


def _show(found: Iterable[dict[str, Any]]) -> None:
    for one in found:
        line(f"{one['file']}: {one['kind']} {one['external_id']}", "bold")
        line(f"from {one['sender']['name']} <{one['sender']['id']}> to {', '.join(one['to'])} at {one['sent_at']}")
        line(one["subject"], "cyan")
        line(one["reply_text"])
        for part in one["attachments"]:
            line(f"  [{part['type']}] {part['filename'] or part['content_type']}, {part['size']} bytes", "dim")


def inject(recipients: Recipients = None, *, channel: Name = None, mail_from: Sender = "") -> None:
    """Keep one mail from standard input, as a mail system's pipe: 0 when it is durable, 75 when it must be tried again."""
    found = settings()
    try:
        desk = DeskFile(found.desk_file, KINDS, CHECKS).current()
    except DeskError as error:  # never 2 here: a mail system would bounce the mail for it
        stop(f"The mail was not kept, the desk file is broken; see: frontdesk check\n{error}", EX_TEMPFAIL)
    config = _channel(desk, channel)
    raw = sys.stdin.buffer.read(config.max_size + 1)
    if not raw.strip():
        stop("There was no mail on standard input. Use: frontdesk inject < mail.eml", 2)
    if len(raw) > config.max_size:
        stop(f"The mail is larger than the {config.max_size} bytes the channel {config.name} takes", 1)
    way = Way(config.type, mail_from, recipients or ())
    made = [arrival(config.name, desk, with_crlf(raw), way)]
    store = Store(found.database)
    try:
        store.migrate()
        made = stored(open_blobs(found), made)
        with store.write() as connection:
            [kept] = keep(connection, made, time.time(), time.time())
    except (Temporary, OSError, WrongSettingError) as error:
        stop(f"The mail was not kept, try again later: {error}", EX_TEMPFAIL)
    finally:
        store.close()
    line(f"kept as {kept.id}{' (it had been kept before)' if kept.duplicate else ''}")


def with_crlf(raw: bytes) -> bytes:
    """Return a mail from a pipe with the line ends it has on the wire, so that it counts as the same mail (RFC 5322, 2.1)."""
    if raw.startswith(b"From ") and b"\n" in raw:  # the mbox line some pipes put in front
        raw = raw.partition(b"\n")[2]
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _channel(desk: Desk, name: str | None) -> smtp.Config:
    mail = {config.name: config for config in desk.channels if isinstance(config, smtp.Config)}
    if name is None and mail:
        return next(iter(mail.values()))
    if name not in mail:
        has = ", ".join(mail) or "none, add one of type smtp"
        stop(f"The mail was not kept: the desk has no mail channel {shown(name or '')}; it has: {has}", EX_TEMPFAIL)
    return mail[name]
