"""`reconcile`: which mails of a mailbox are not here, and bringing them in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from commands.output import AsJson, documents, line, stop, table
from commands.parts import EX_TEMPFAIL, open_desk, open_store, settings
from config.desk import Desk
from config.problems import shown
from ingest.channels.imap import holes
from ingest.channels.imap.account import Account
from ingest.channels.imap.config import Config
from ingest.channels.imap.intake import Doubts, Hands, Intake
from ingest.channels.imap.session import LoginRefused, No, Session
from ingest.channels.imap.watcher import open_folder
from ingest.channels.imap.wire import Lost
from ingest.inbox import Inbox
from ingest.mailbox import Place, State
from tickets.store import Store
from tickets.trouble import Temporary

Mailbox = Annotated[str, typer.Argument(help="the channel's name in the desk file", metavar="MAILBOX")]
Fetch = Annotated[bool, typer.Option("--fetch", help="bring them in")]


def reconcile(mailbox: Mailbox, *, fetch: Fetch = False, as_json: AsJson = False) -> None:
    """Compare a mailbox with what is kept, and name every mail that is not here; ends with 1 when there is one."""
    desk = open_desk(settings().desk_file).current()
    config = desk.channels_by_name.get(mailbox)
    if not isinstance(config, Config):
        has = ", ".join(one.name for one in desk.channels if isinstance(one, Config)) or "none, add one of type imap"
        stop(f'The desk has no mailbox called "{shown(mailbox)}"; it has: {has}', 2)
    with open_store() as store:
        inbox = Inbox(store)
        inbox.start()
        try:
            found = asyncio.run(_Comparison(desk, config, store, inbox).of_all_folders(fetch=fetch))
        except LoginRefused as error:
            stop(f"The mailbox cannot be read: {error}", 1)
        except (Temporary, OSError) as error:
            stop(f"The mailbox cannot be compared now: {error}. Try again", EX_TEMPFAIL)
        finally:
            inbox.stop()
    if as_json:
        documents({"mailbox": mailbox, **one} for one in found)
    else:
        _show(found)
    raise typer.Exit(1 if any(not one["fetched"] for one in found) else 0)


class _Comparison:
    def __init__(self, desk: Desk, config: Config, store: Store, inbox: Inbox) -> None:
        self._config = config
        self._account = Account(config.name, store)
        self._hands = Hands(lambda: config, lambda: desk, inbox.accepted, store)
        self._doubts = Doubts()

    async def of_all_folders(self, *, fetch: bool) -> list[dict[str, Any]]:
        """Return every hole of every folder, with `fetched` telling whether it was mended."""
        found = []
        for folder in self._config.folders:
            place = Place(self._config.name, folder)
            async with self._opened(place) as (session, state, _):
                uids = await self._find(session, place, state)
                listed = await holes.describe(self._hands.store, session, place, state, uids)
            left = await self._mend(place, uids) if fetch else set(uids)
            found += [{"folder": folder, **_renamed(asdict(hole)), "fetched": hole.uid not in left} for hole in listed]
        return found

    async def _find(self, session: Session, place: Place, state: State) -> list[int]:
        return await holes.find(self._hands.store, session, place, state, self._config)

    async def _mend(self, place: Place, uids: list[int]) -> set[int]:
        """Bring holes in, and return those that are left; one that ends the connection is left alone."""
        todo = list(uids)
        while todo:
            async with self._opened(place) as (_, _, intake):
                while todo:
                    try:
                        await intake.bring(todo.pop(0))
                    except (Lost, No):
                        break
        async with self._opened(place) as (session, state, _):
            return set(await self._find(session, place, state))

    @asynccontextmanager
    async def _opened(self, place: Place) -> AsyncIterator[tuple[Session, State, Intake]]:
        session = await self._account.log_in(self._config)
        try:
            state, intake = await open_folder(self._hands, session, place, self._doubts)
            yield session, state, intake
        finally:
            session.close()


def _renamed(hole: dict[str, Any]) -> dict[str, Any]:
    return {"from" if name == "sender" else name: value for name, value in hole.items()}


def _show(found: list[dict[str, Any]]) -> None:
    names = ("folder", "uid", "date", "from", "subject", "message_id", "size", "reason")
    rows = [[*(one[name] for name in names[:-1]), "fetched" if one["fetched"] else one["reason"]] for one in found]
    table([name.replace("_", "-").capitalize() for name in names], rows, "Everything on the server is here.")
    if any(not one["fetched"] for one in found):
        line("frontdesk reconcile MAILBOX --fetch brings in what can be had.", "dim")
