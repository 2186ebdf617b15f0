"""What most commands need: the settings, the desk, the store, each opened where it is used and closed after."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from commands.output import stop
from config.desk import Agent, Desk
from config.load import Kinds
from config.problems import DeskError, nearest, shown
from config.settings import Settings, WrongSettingError
from config.watch import DeskFile
from ingest import channel as channels
from ingest.mail.sealed import check_decryption
from notify import notifier as notifiers
from notify.apprise import check_apprise
from notify.signature import check_dkim
from notify.slack_check import check_slack
from notify.template import check_templates
from router.chains import check_escalations
from router.correlate import check_correlations
from router.rules import check_rules
from router.static import check_together
from tickets import blobs
from tickets.blobs import Blobs
from tickets.store import Store
from tickets.trouble import Temporary

EX_TEMPFAIL = 75
"""sysexits.h: trouble here, try again; a mail system keeps the mail and does so."""

KINDS = Kinds(channels.words, channels.config_model, notifiers.words, notifiers.config_model)
CHECKS = (
    check_rules,
    check_together,
    check_correlations,
    check_escalations,
    check_decryption,
    check_templates,
    check_apprise,
    check_dkim,
    check_slack,
    channels.check,
)


def settings(code: int = 2) -> Settings:
    """Return the settings of the environment; ends with the exit code when one of them is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"FRONTDESK_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        stop(f"The environment is not right: {wrong}", code)


def open_desk(path: Path) -> DeskFile:
    """Return the desk file; ends with 2 and every problem in it when it is broken."""
    try:
        return DeskFile(path, KINDS, CHECKS)
    except DeskError as error:
        stop("\n".join((*map(str, error.problems), f"{len(error.problems)} problems; the desk does not start")), 2)


def known_agent(desk: Desk, name: str) -> Agent:
    """Return an agent of a desk; ends with 1 when nobody is called so."""
    known = desk.agents_by_id
    if name not in known:
        near = nearest(name, known)
        hint = f"; did you mean {near}?" if near else ". See: frontdesk agents"
        stop(f'No agent of this desk is called "{shown(name)}"{hint}', 1)
    return known[name]


def open_blobs() -> Blobs:
    """Return the blobs of the environment; ends with 2 when they cannot be used here."""
    try:
        return blobs.open_blobs(settings())
    except WrongSettingError as error:
        stop(str(error), 2)


@contextmanager
def open_store() -> Iterator[Store]:
    """Open the store of the environment, at this program's schema; ends with 75 when the database fails."""
    store = Store(settings().database)
    try:
        store.migrate()
        yield store
    except Temporary as error:
        stop(f"{error}. Nothing was changed; try again, or see: frontdesk doctor", EX_TEMPFAIL)
    finally:
        store.close()


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the data folder, or end with 1: two embedded desks on one database would ring for each other's rows."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stop(f"Another desk runs on {data}. Stop it, or set FRONTDESK_DATA to another folder", 1)
        yield
