"""Our app in a Slack workspace: calling Slack, telling somebody a few words, and which agent a member is."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from config.desk import Agent, Desk
from config.model import Secret
from ingest.outbound import Outbound, origin, revealed
from ingest.payload import Fields, part, word
from notify.card import escape
from notify.slack import Config
from router.hand import CannotActError
from tickets.trouble import Permanent, Temporary, failure

RESPONSES: Final = "https://hooks.slack.com"
"""Where a `response_url` leads; no other is asked."""
KNOWN_SECONDS: Final = 600.0
"""So long what Slack said of a member counts."""
MOST_KNOWN: Final = 10_000
_BUSY: Final = frozenset({"fatal_error", "internal_error", "rate_limited", "ratelimited", "request_timeout"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Click:
    """Who did something where: the member, the workspaces Slack names with them, and where words to them go."""

    user: str
    teams: frozenset[str]
    channel: str = ""
    thread: str = ""
    response_url: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """The workspace our app is in, and the member it is there."""

    team: str
    user: str


class Workspace:
    """The app of one `notifiers: slack:`. Thread-safe; it blocks, and never belongs on a thread with an event loop."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self._own = origin(config.base_url)
        self._out = Outbound(own=[self._own])
        self._clock = clock
        self._lock = threading.Lock()
        self._home: Home | None = None
        self._emails: dict[str, tuple[float, str]] = {}

    def call(self, method: str, **body: Any) -> Fields:
        """Call a method of the Web API with `json` or `form`; raises `Temporary`, or `Permanent` with Slack's word."""
        return self._call(self.config.token, method, **body)

    def socket_url(self) -> str:
        """Return where to connect to for Socket Mode, good for once. Raises like `call`."""
        if self.config.app_token is None:
            raise failure("auth", "notifiers.slack has no app_token")
        url = word(self._call(self.config.app_token, "apps.connections.open", form={}), "url")
        if not url.startswith("wss://") and not (url.startswith("ws://") and self._own.startswith("http://")):
            raise failure("transient", "Slack names no URL of a socket")
        return url

    def _call(self, token: Secret, method: str, **body: Any) -> Fields:
        headers = {"Authorization": f"Bearer {revealed(token)}"}
        answered = self._out.call("POST", f"{self.config.base_url.rstrip('/')}/{method}", headers=headers, **body)
        said = answered.json
        error = word(said, "error")[:80]
        if answered.status == 429 or error in _BUSY or (answered.status >= 500 and not error):
            raise failure("transient", f"Slack has trouble: {error or answered.status}", answered.retry_after)
        if said.get("ok") is not True:
            raise failure("unknown", error or f"HTTP {answered.status}")
        return said

    def home(self) -> Home:
        """Return where our app is; asks Slack once. Raises like `call`."""
        with self._lock:
            if self._home is None:
                said = self.call("auth.test", form={})
                self._home = Home(word(said, "team_id"), word(said, "user_id"))
            return self._home

    def agent(self, desk: Desk, click: Click) -> Agent:
        """Return which agent of the desk somebody is; raises `CannotActError` with words to them, and `Temporary`.

        An agent with a `slack` id is that member and nobody else; any other is who has proven one of their addresses to Slack.
        """
        try:
            home = self.home()
            if not click.user or click.teams != {home.team}:
                raise CannotActError("This desk only knows members of its own Slack workspace. Nothing was done")
            if (named := desk.agents_by_slack.get(click.user)) is not None:
                return named
            found = desk.agents_by_address.get(self._email(click.user, home.team))
        except Permanent as error:
            log.warning("Slack does not tell who somebody is", member=click.user, error=str(error))
            raise CannotActError(
                f"Slack does not tell the desk who you are ({error}). Nothing was done. An administrator can write your "
                f"member id {click.user} into the desk file, or give the app the scopes users:read and users:read.email"
            ) from None
        if found is None or found.slack is not None:
            raise CannotActError(
                f"The desk does not know you as an agent, so nothing was done. An administrator can write your member id "
                f"{click.user} into the desk file"
            )
        return found

    def tell(self, click: Click, words: str) -> None:
        """Say something that only this member sees; what fails is logged, for nobody waits for it."""
        text = escape(words)
        try:
            if click.response_url and origin(click.response_url) in (RESPONSES, self._own):
                body = {"response_type": "ephemeral", "replace_original": False, "text": text}
                answered = self._out.call("POST", click.response_url, json=body)
                if not answered.ok:
                    raise failure("unknown", f"HTTP {answered.status}")
            elif click.channel:
                where = {"channel": click.channel, "user": click.user, "text": text}
                self.call("chat.postEphemeral", json=where | ({"thread_ts": click.thread} if click.thread else {}))
        except (Temporary, Permanent) as error:
            log.warning("a member of Slack was not told", member=click.user, words=words, error=str(error))

    def _email(self, user: str, team: str) -> str:
        """Return the address a full member of our workspace has proven, in lower case; "" where there is none."""
        with self._lock:
            known = self._emails.get(user)
        if known is not None and known[0] > self._clock():
            return known[1]
        email = _proven(part(self.call("users.info", form={"user": user}), "user"), team)
        with self._lock:
            if len(self._emails) >= MOST_KNOWN:
                self._emails.clear()
            self._emails[user] = (self._clock() + KNOWN_SECONDS, email)
        return email


def _proven(user: Mapping[str, Any], team: str) -> str:
    """Return the address of a member; none of a guest, a bot, somebody who left, or somebody of another workspace."""
    wrong = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger", "is_workflow_bot")
    member = word(user, "team_id") == team and not any(user.get(one) for one in wrong)
    return word(part(user, "profile"), "email").lower() if member and user.get("is_email_confirmed") is True else ""
