"""Access tokens by OAuth 2.0: the refresh token grant and the client credentials grant (RFC 6749, 6 and 4.4).

Google: https://developers.google.com/identity/protocols/oauth2/web-server#offline, Microsoft 365:
https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
from sqlalchemy import delete, insert, select

from ingest.channels.imap.config import OAuth
from ingest.channels.imap.session import LoginRefused
from ingest.channels.imap.wire import readable
from tickets.schema import secrets
from tickets.store import Store
from tickets.trouble import Temporary

EARLY_SECONDS = 300
"""So long before its end a token is not used any more."""
ANSWER_SECONDS = 30
MOST_BYTES = 65_536


class Tokens:
    """The tokens of one channel; keeps the access token in memory and a renewed refresh token in the database.

    A provider may give a new refresh token with every access token and forget the old one (RFC 6749, 6); the one in the desk
    file is then only the first.
    """

    def __init__(self, channel: str, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._channel = channel
        self._store = store
        self._token = ""
        self._until = 0.0

    async def access_token(self, config: OAuth) -> str:
        """Return an access token that is good for some minutes; raises `LoginRefused`, `Temporary`, `MissingSecretError`."""
        if not self._token or self._clock() > self._until - EARLY_SECONDS:
            self._token = ""
            await self._renew(config)
        return self._token

    def drop(self) -> None:
        """Ask for a new access token next time: the server did not take this one."""
        self._token = ""

    async def _renew(self, config: OAuth) -> None:
        form = {"client_id": config.client_id, "grant_type": "client_credentials"}
        name = ""
        if config.refresh_token is not None:
            first = config.refresh_token.reveal()
            name = f"oauth:{self._channel}:{hashlib.sha256(first.encode()).hexdigest()[:16]}"
            renewed = await asyncio.to_thread(_read, self._store, name)
            form |= {"grant_type": "refresh_token", "refresh_token": renewed or first}
        if config.client_secret is not None:
            form["client_secret"] = config.client_secret.reveal()
        if config.scopes:
            form["scope"] = config.scopes
        answer = await _ask(config.url, form)
        token, lasts = answer.get("access_token"), answer.get("expires_in", 3600)
        if not isinstance(token, str) or not token.isascii() or not isinstance(lasts, int | float):
            raise Temporary("the token endpoint's answer has no access token")
        following = answer.get("refresh_token")
        if name and isinstance(following, str) and following != form["refresh_token"]:
            await asyncio.to_thread(_write, self._store, name, following)
        self._token, self._until = token, self._clock() + lasts


async def _ask(url: str, form: dict[str, str]) -> dict[str, Any]:
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            httpx2.AsyncClient() as client,
            client.stream("POST", url, data=form, headers={"Accept": "application/json"}) as response,
        ):
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Temporary("the token endpoint's answer is too long")
    except (httpx2.HTTPError, TimeoutError) as error:
        raise Temporary(f"the token endpoint does not answer: {type(error).__name__}") from error
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if response.status_code in (400, 401, 403) and isinstance(said, dict):
        why = readable(f"{said.get('error', '')} {said.get('error_description', '')}")
        raise LoginRefused(f"the token endpoint refuses: {why}")
    if response.status_code != 200 or not isinstance(said, dict):
        raise Temporary(f"the token endpoint answers {response.status_code}")
    return said


def _read(store: Store, name: str) -> str | None:
    with store.read() as connection:
        value: bytes | None = connection.scalar(select(secrets.c.value).where(secrets.c.name == name))
    return value.decode() if value is not None else None


def _write(store: Store, name: str, value: str) -> None:
    with store.write() as connection:
        connection.execute(delete(secrets).where(secrets.c.name == name))
        connection.execute(insert(secrets).values(name=name, value=value.encode()))
