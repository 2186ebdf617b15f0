"""`parse` and `inject`: reading mails and payloads offline, and taking one mail from a pipe."""

import os
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.output import AsJson, documents, line, stop
from commands.parts import CHECKS, EX_TEMPFAIL, KINDS, settings
from config.desk import ChannelConfig, Desk
from config.problems import DeskError, shown
from config.watch import DeskFile
from ingest import channel as channels
from ingest.arrival import Kept
from ingest.html.show import safe_html
from ingest.inbox import keep, stored
from ingest.mail.arrival import Way, arrival
from ingest.mail.posted import address, addresses
from tickets.blobs import open_blobs
from tickets.look import moment
from tickets.message import InboundMessage
from tickets.store import Store
from tickets.trouble import Temporary

Files = Annotated[list[Path], typer.Argument(help="files, each a mail or a payload", exists=True, dir_okay=False)]
Type = Annotated[str, typer.Option("--channel", help="what the files are: a channel type of the desk file")]
Recipients = Annotated[
    list[str] | None,
    typer.Argument(
        help="the envelope recipients, as a mail system appends them; else $ORIGINAL_RECIPIENT and $RECIPIENT",
        show_default=False,
    ),
]
Name = Annotated[str | None, typer.Option("--channel", help="the channel's name; else the first mail channel")]
Sender = Annotated[str | None, typer.Option("--from", help="the envelope sender; else $SENDER", show_default=False)]

LARGEST_MAIL = 41_943_040
"""In bytes, for a channel whose own limit is its provider's."""


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


def inject(
    recipients: Recipients = None, *, channel: Name = None, mail_from: Sender = None, as_json: AsJson = False
) -> None:
    """Keep one mail from standard input, as a mail system's pipe: 0 when it is durable, 75 when it must be tried again.

    Without an envelope in the arguments it is taken from the environment, where Postfix and Exim put it. Success is silent
    in a pipe: Exim takes any output for a failure.
    """
    try:
        kept = _kept(
            recipients or _recipients(), channel, os.environ.get("SENDER", "") if mail_from is None else mail_from
        )
    except typer.Exit:
        raise
    except DeskError as error:
        stop(f"The mail was not kept, the desk file is broken; see: frontdesk check\n{error}", EX_TEMPFAIL)
    except (Temporary, OSError) as error:
        stop(f"The mail was not kept, try again later: {error}", EX_TEMPFAIL)
    except Exception as error:  # noqa: BLE001  # never another code: a mail system would bounce the mail for it
        traceback.print_tb(error.__traceback__)  # where it was, without what the mail says
        stop(f"The mail was not kept, try again later: a defect of ours, {type(error).__name__}", EX_TEMPFAIL)
    if as_json:
        documents([{"id": kept.id, "duplicate": kept.duplicate}])
    elif sys.stdout.isatty():
        line(f"kept as {kept.id}{' (it had been kept before)' if kept.duplicate else ''}")


def _kept(recipients: Sequence[str], channel: str | None, mail_from: str) -> Kept:
    """Return the mail's row once it is durable; raises whatever keeps it from being so."""
    found = settings(EX_TEMPFAIL)
    desk = DeskFile(found.desk_file, KINDS, CHECKS).current()
    config = _channel(desk, channel)
    largest = getattr(config, "max_size", LARGEST_MAIL)
    raw = sys.stdin.buffer.read(largest + 1)
    if not raw.strip():
        stop("There was no mail on standard input. Use: frontdesk inject < mail.eml", 2)
    if len(raw) > largest:
        stop(f"The mail is larger than the {largest} bytes the channel {config.name} takes", 1)
    way = Way(config.type, address(mail_from), addresses(list(recipients)))
    made = [arrival(config.name, with_crlf(raw), way)]
    store = Store(found.database)
    try:
        store.migrate()
        made = stored(open_blobs(found), made)
        with store.write() as connection:
            [kept] = keep(connection, made, time.time(), time.time())
    finally:
        store.close()
    return kept


def _recipients() -> Sequence[str]:
    """Return the recipients an alias's pipe is told in its environment (Postfix local(8), Exim's pipe transport)."""
    said = (os.environ.get(name, "") for name in ("ORIGINAL_RECIPIENT", "RECIPIENT"))
    return list(dict.fromkeys(one for one in said if one))


def with_crlf(raw: bytes) -> bytes:
    """Return a mail from a pipe with the line ends it has on the wire, so that it counts as the same mail (RFC 5322, 2.1)."""
    if raw.startswith(b"From ") and b"\n" in raw:  # the mbox line some pipes put in front
        raw = raw.partition(b"\n")[2]
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _channel(desk: Desk, name: str | None) -> ChannelConfig:
    mail = {config.name: config for config in desk.channels if channels.takes_mail(config.type)}
    if name is None and mail:
        return next(iter(mail.values()))
    if name not in mail:
        has = ", ".join(mail) or "none, add one of type smtp"
        stop(f"The mail was not kept: the desk has no mail channel {shown(name or '')}; it has: {has}", EX_TEMPFAIL)
    return mail[name]
