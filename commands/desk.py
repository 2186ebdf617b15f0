"""`check`, `migrate`, `doctor`: whether everything is as it should be."""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from commands.output import AsJson, documents, line, stop, table
from commands.parts import CHECKS, EX_TEMPFAIL, KINDS, settings
from commands.ways import to_agents
from config.desk import Desk, MailConfig
from config.load import load
from config.model import MissingSecretError, Model, secrets_in
from config.problems import DeskError
from config.settings import Settings, WrongSettingError
from ingest.mailbox import health
from ingest.virus import Scanner
from notify import slack
from notify.slack_check import SILENT, heard_by
from tickets.blobs import open_blobs
from tickets.look import moment
from tickets.pauses import paused, resuming
from tickets.schema import HEAD
from tickets.store import Store
from tickets.trouble import Temporary

UNSEEN_SECONDS = 1_200
"""So long a mailbox may be silent before it is worth a word; it is asked at least every nine minutes."""

File = Annotated[Path | None, typer.Argument(help="the desk file; else the one of the settings", show_default=False)]


def check(file: File = None, *, as_json: AsJson = False) -> None:
    """Check the desk file: every problem at once, with its line; ends with 2 when it cannot be used."""
    path = file or settings().desk_file
    try:
        loaded = load(path, KINDS, CHECKS)
    except DeskError as error:
        problems = error.problems
    else:
        problems = loaded.warnings
    broken = any(problem.severity == "error" for problem in problems)
    if as_json:
        documents(problem.as_json() for problem in problems)
    else:
        for problem in problems:
            line(str(problem), "red" if problem.severity == "error" else "yellow")
        line(f"{path}: {'cannot be used' if broken else 'fine'}", "bold red" if broken else "bold green")
    raise typer.Exit(2 if broken else 0)


def migrate() -> None:
    """Bring the database to this version's schema."""
    store = Store(settings().database)
    try:
        changed = store.migrate()
    except Temporary as error:
        stop(f"{error}. Is the database running? See: frontdesk doctor", EX_TEMPFAIL)
    finally:
        store.close()
    line(f"The database {'is now' if changed else 'already was'} at version {HEAD}.")


def doctor(*, as_json: AsJson = False) -> None:
    """Look at everything the desk needs, and say what to do about what is missing; ends with 1 when it cannot run."""
    found = settings()
    rows = list(_examine(found))
    if as_json:
        documents({"what": what, "state": state, "words": words} for what, state, words in rows)
    else:
        table(("", "State", "What it means"), rows, "")
    raise typer.Exit(1 if any(state == "broken" for _, state, _ in rows) else 0)


def _examine(found: Settings) -> Iterator[tuple[str, str, str]]:
    desk: Desk | None = None
    try:
        loaded = load(found.desk_file, KINDS, CHECKS)
        desk = loaded.desk
        yield "desk file", "fine", f"{found.desk_file}, version {desk.version}, {len(loaded.warnings)} warnings"
    except DeskError as error:
        yield "desk file", "broken", f"{len(error.problems)} problems in {found.desk_file}; see: frontdesk check"
    yield _try("data folder", lambda: _writable(found.data))
    yield _try("database", lambda: _database(found.database))
    yield _try("blobs", lambda: _blobs(found))
    if found.clamd is not None:
        yield _try("clamd", Scanner(found.clamd).version)
    yield _try("broker", lambda: _broker(found.broker_url))
    yield from _mailboxes(found.database)
    if desk is not None:
        yield from _secrets(desk)
        yield from _trusting(desk)
        yield from _clicks(desk)
        yield from _ways(found, desk)
    yield from _pauses(found.database)


def _ways(found: Settings, desk: Desk) -> Iterator[tuple[str, str, str]]:
    try:
        store = Store(found.database)
    except WrongSettingError:
        return  # the line about the database says so
    for word, notifier in to_agents(store, desk, found.outbox_folder).items():
        yield f"notifier {word}", "fine", notifier.describe()
        notifier.close()
    store.close()


def _pauses(url: str) -> Iterator[tuple[str, str, str]]:
    """Yield to whom nothing goes by some way at present."""
    store = Store(url)
    try:
        if store.version() != HEAD:
            return
        with store.read() as connection:
            found = paused(connection)
    except Temporary:
        return  # said already, of the database
    finally:
        store.close()
    for one in found:
        words = f"paused since {moment(one.since)}: {one.why}; when that is put right: {resuming(one.agent, one.way)}"
        yield f"{one.way} to {one.agent}", "warning", words


def _try(what: str, look: Callable[[], str]) -> tuple[str, str, str]:
    try:
        return what, "fine", look()
    except (Temporary, OSError, WrongSettingError) as error:
        return what, "broken", str(error)


def _writable(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written; set FRONTDESK_DATA to a folder that can")
    return str(folder.absolute())


def _database(url: str) -> str:
    store = Store(url)
    try:
        version = store.version()
    finally:
        store.close()
    kind = "SQLite" if store.sqlite else "PostgreSQL"
    return (
        f"{kind}, version {HEAD}"
        if version == HEAD
        else f"{kind}, at version {version}; frontdesk run migrates it to {HEAD}"
    )


def _blobs(found: Settings) -> str:
    blobs = open_blobs(found)
    probe = blobs.put(b"frontdesk doctor" + secrets.token_bytes(16))  # nobody else's, so that it may be forgotten
    blobs.get(probe)
    blobs.forget(probe)
    shared = found.broker_url is not None and isinstance(found.blobs_place, Path)
    return f"{blobs.shelf.name}{'; every machine of the desk must see this folder, or use s3://…' if shared else ''}"


def _broker(url: str | None) -> str:
    if url is None:
        return "in memory, inside this one process"
    where = urlsplit(url)
    with socket.create_connection((where.hostname or "localhost", where.port or 6379), timeout=5):
        return f"Redis answers at {where.hostname}:{where.port or 6379}"


def _mailboxes(url: str) -> Iterator[tuple[str, str, str]]:
    """Yield how the mailboxes are that somebody watches."""
    store = Store(url)
    try:
        found = health(store) if store.version() == HEAD else []
    except Temporary:
        return  # said already, of the database
    finally:
        store.close()
    now = time.time()
    for one in found:
        words = [one.trouble] if one.trouble else []
        if one.seen_at is None or now - one.seen_at > UNSEEN_SECONDS:
            words.append(f"its server last answered at {moment(one.seen_at)}")
        if one.holes:
            words.append(f"{one.holes} mails on the server are not here; see: frontdesk reconcile {one.place.channel}")
        state = "warning" if words else "fine"
        yield f"mailbox {one.place.channel} {one.place.folder}", state, "; ".join(words) or "everything is here"


def _secrets(desk: Desk) -> Iterator[tuple[str, str, str]]:
    named: list[tuple[str, Model]] = [("desk", desk.desk)]
    named += [(f"channel {config.name}", config) for config in desk.channels]
    named += [(f"notifier {word}", config) for word, config in desk.notifiers.items()]
    named += [(f"agent {agent.id}", agent) for agent in desk.agents]
    for owner, config in named:
        for name, secret in secrets_in(config):
            try:
                secret.reveal()
            except MissingSecretError as error:
                yield owner, "missing", f"{name}: {error}"


def _trusting(desk: Desk) -> Iterator[tuple[str, str, str]]:
    for config in desk.channels:
        if isinstance(config, MailConfig) and config.trust is None:
            words = "no `trust`: nobody knows whether a mail is genuine, and an agent who writes counts as a customer"
            yield f"channel {config.name}", "warning", f"{words}; see docs/channels.md"


def _clicks(desk: Desk) -> Iterator[tuple[str, str, str]]:
    """Yield whether anybody hears what agents do in Slack."""
    if isinstance(config := desk.notifiers.get("slack"), slack.Config):
        way = heard_by(config)
        yield "clicks in Slack", "fine" if way else "warning", f"come by {way}" if way else SILENT
