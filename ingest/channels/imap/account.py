"""Logging in: by password or token, and not again and again with one that was refused."""

import asyncio
import time

from config.model import MissingSecretError
from ingest.channels.imap.config import Config
from ingest.channels.imap.oauth import Tokens
from ingest.channels.imap.session import LoginRefused, Session
from tickets.store import Store

REFUSED_SECONDS = 900
"""How long nothing is tried after a refused login: servers lock an account after some more."""


class Account:
    """The login of one channel, shared by its folders."""

    def __init__(self, channel: str, store: Store) -> None:
        self._tokens = Tokens(channel, store)
        self._turn = asyncio.Lock()
        self._refused = ""
        self._refused_for: Config | None = None
        self._again_at = 0.0

    async def log_in(self, config: Config) -> Session:
        """Return a connection that is logged in; raises `LoginRefused`, `Temporary`, `OSError`.

        After a refusal it asks the server again only when some time has passed or the desk file has changed.
        """
        async with self._turn:
            if self._refused and time.monotonic() < self._again_at and config == self._refused_for:
                raise LoginRefused(self._refused)
            try:
                session = await self._log_in(config)
            except LoginRefused as error:
                self._refused, self._refused_for = str(error), config
                self._again_at = time.monotonic() + REFUSED_SECONDS
                raise
            self._refused = ""
            return session

    async def _log_in(self, config: Config) -> Session:
        try:
            password = config.password.reveal() if config.password is not None else ""
            token = await self._tokens.access_token(config.oauth) if config.oauth is not None else ""
        except MissingSecretError as error:
            raise LoginRefused(str(error)) from error
        session = await Session.connect(config)
        try:
            await session.log_in(config.user, password=password, token=token)
        except BaseException as error:
            session.close()
            if isinstance(error, LoginRefused):
                self._tokens.drop()
            raise
        return session
