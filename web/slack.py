"""Slack comes in: `/slack/interactions` and `/slack/events`, signed; the same is served to Socket Mode (web/slack_socket.py).

A click is answered when its act is committed. An event that cannot be kept is 503, so that Slack repeats it; trouble in a click
is words to whoever clicked, for clicks are not repeated. What may take longer is done after the answer: Slack waits 3 seconds.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

import structlog
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from config.desk import Desk
from config.model import Secret
from ingest.channel import Refused, Unreadable
from ingest.channel import Request as Delivery
from ingest.payload import Fields, word
from ingest.payload import opened as payload_of
from ingest.proof import opened
from ingest.slack_signature import signed_by_slack
from notify.slack import Config
from router.act import Acts
from router.opened import Acted
from tickets.store import Store
from tickets.trouble import Temporary
from web import slack_threads
from web.body import RETRY_AFTER, Share, body_of
from web.slack_clicks import Counter, Heard
from web.slack_workspace import Workspace

LARGEST: Final = 1_048_576
LAST_REPEAT: Final = 3
"""Slack sends an event once more at once, after a minute, and after five."""

log = structlog.get_logger()


class Slack:
    """What members of the workspace do, over whatever way it comes. `acted` is told what acts came to; `clock` gives UTC seconds."""

    def __init__(
        self,
        store: Store,
        desk: Callable[[], Desk],
        acted: Callable[[Acted], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._desk = desk
        self._acted = acted
        self.clock = clock
        self._acts = Acts(store, desk, clock)
        self._workspace: Workspace | None = None

    def config(self) -> Config | None:
        """Return what the desk of the moment says of Slack, if it does."""
        found = self._desk().notifiers.get("slack")
        return found if isinstance(found, Config) else None

    def workspace(self, config: Config) -> Workspace:
        """Return the app; what it knows of members is kept as long as the desk file says the same of Slack."""
        known = self._workspace
        if known is None or known.config != config:
            known = self._workspace = Workspace(config)
        return known

    def interaction(self, payload: Fields) -> Heard:
        """Do what a click, a modal or a shortcut asks for; what cannot be done becomes words to whoever clicked."""
        counter = self._counter()
        return counter.heard(payload) if counter else Heard()

    def event(self, payload: Fields, repeat: int = 0) -> Heard:
        """Take an event of the Events API, sent for the `repeat`-th time again; raises `Temporary`: Slack sends it again."""
        counter = self._counter()
        return slack_threads.heard(counter, payload, last=repeat >= LAST_REPEAT) if counter else Heard()

    def _counter(self) -> Counter | None:
        config = self.config()
        if config is None:
            return None
        return Counter(self._store, self._acts, self._desk(), self.workspace(config), self._acted, self.clock)


def routes(slack: Slack) -> list[BaseRoute]:
    """Return the paths Slack posts to."""
    paths = _Paths(slack)
    return [
        Route("/slack/interactions", paths.interactions, methods=["POST"]),
        Route("/slack/events", paths.events, methods=["POST"]),
    ]


class _Paths:
    """The paths; without a `signing_secret` they are not there."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    async def interactions(self, request: Request) -> Response:
        """Answer a click, a modal or a shortcut."""

        def act(raw: bytes) -> Response:
            fields = parse_qs(raw.decode("utf-8", "replace"))
            return _answer(self._slack.interaction(payload_of(fields.get("payload", [""])[0].encode())))

        return await self._answered(request, act)

    async def events(self, request: Request) -> Response:
        """Answer an event, or the challenge with which Slack tries the URL."""
        said = request.headers.get("x-slack-retry-num", "")
        repeat = int(said) if said.isascii() and said.isdigit() and len(said) < 4 else 0

        def act(raw: bytes) -> Response:
            payload = payload_of(raw)
            if word(payload, "type") == "url_verification":
                return JSONResponse({"challenge": word(payload, "challenge")})
            return _answer(self._slack.event(payload, repeat))

        return await self._answered(request, act)

    async def _answered(self, request: Request, act: Callable[[bytes], Response]) -> Response:
        """Return what a rightly signed request is answered: in a thread, and never with 500."""
        config = self._slack.config()
        if config is None or config.signing_secret is None:
            return _problem(404, "this desk has no notifiers.slack.signing_secret")
        try:
            with Share(request.app.state.held) as share:
                raw = await body_of(request, LARGEST, share)
                headers = {name.lower(): value for name, value in request.headers.items()}
                delivery = Delivery(raw, headers, self._slack.clock())
                return await asyncio.to_thread(_act, delivery, config.signing_secret, act)
        except Refused as refusal:
            return _problem(refusal.status, str(refusal), refusal.retry_after)
        except Unreadable as error:
            log.warning("Slack sent what cannot be read", path=request.url.path, error=str(error))
            return _problem(400, str(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except (Exception, asyncio.CancelledError) as error:  # cancelled when the desk stops; uvicorn would answer 500
            if isinstance(error, (Temporary, asyncio.CancelledError)):
                log.warning("not taken, Slack comes again", path=request.url.path, error=str(error))
            else:
                log.exception("a request of Slack failed", path=request.url.path)
            return _problem(503, "we cannot take this right now; please send it again", RETRY_AFTER)


def _act(delivery: Delivery, secret: Secret, act: Callable[[bytes], Response]) -> Response:
    signed_by_slack(opened((secret,)), delivery)
    return act(delivery.raw)


def _answer(heard: Heard) -> Response:
    later = BackgroundTask(heard.later) if heard.later else None
    if heard.body is None:
        return Response(status_code=200, background=later)  # an empty body: any other would be shown
    return JSONResponse(dict(heard.body), background=later)


def _problem(status: int, words: str, retry_after: int | None = None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse({"error": words}, status, headers)
