"""Slack's Web API (https://docs.slack.dev/apis/web-api), and what its refusals mean."""

import logging
import re
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final

from notify.note import one_line
from tickets.trouble import Permanent, Temporary

TIMEOUT: Final = 10
"""Seconds the connection, and each answer, may take."""

_LONGEST_WAIT: Final = 3_600.0

_AGAIN: Final = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
_APP: Final = {
    "invalid_auth": "the token is not valid; set notifiers.slack.token to the app's bot token",
    "not_authed": "no token was sent; set notifiers.slack.token to the app's bot token",
    "account_inactive": "the app was removed or its user is gone; install it again and set the new token",
    "token_revoked": "the token was revoked; install the app again and set the new token",
    "token_expired": "the token has expired; set a new one, or switch token rotation off",
    "missing_scope": "the app lacks a scope of docs/slack.md; add it and install the app again",
}
_PLACE: Final = {
    "channel_not_found": "there is no such channel or member, or it is private; check the name, or invite the app to it",
    "not_in_channel": "the app is not in the channel; invite it, or give it the scope chat:write.public",
    "is_archived": "the channel is archived; name another one",
    "restricted_action": "the workspace does not let the app post there; ask its administrator",
    "user_not_found": "there is no such member; check the agent's `slack` id",
    "user_disabled": "the member is deactivated; check the agent's `slack` id",
    "cannot_dm_bot": "the member is a bot; check the agent's `slack` id",
    "messages_tab_disabled": "the app's Messages tab is off; switch it on under App Home",
}
_MESSAGE: Final = {
    "msg_blocks_too_long": "the card is too long for Slack",
    "invalid_blocks": "Slack does not take the card",
    "message_not_found": "the card was deleted",
    "cant_update_message": "the card is another app's",
    "edit_window_closed": "the workspace does not let messages be changed so late",
}
APP_WORDS: Final = frozenset(_APP)
"""What Slack says of the app: nothing goes through anywhere until an administrator has put it right."""


class Unclear(Temporary):
    """The request may have been done: no answer came, or one that says nothing."""


class Refused(Permanent):
    """Slack has understood the request and does not do it; `word` is its own word for why."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message, way=word in _APP or word in _PLACE)
        self.word = word


class Api:
    """Calls as one app. Threads may share it: every call is a connection of its own."""

    def __init__(self, token: str, base_url: str = "https://slack.com/api/") -> None:
        from slack_sdk import WebClient  # noqa: PLC0415  # it costs a fifth of a second to import

        quiet = logging.getLogger(__name__)
        quiet.setLevel(logging.CRITICAL)  # what fails is told once, by whoever called
        # No handlers that sleep and try again: the rows in the database do that, without holding a thread.
        self._client = WebClient(token, base_url, timeout=TIMEOUT, retry_handlers=[], logger=quiet)

    @property
    def address(self) -> str:
        """The address of the API."""
        return self._client.base_url

    def call(self, method: str, **said: Any) -> Mapping[str, Any]:
        """Do a method and return its answer; its arguments go as JSON.

        Raises `Temporary` for a limit (with the wait Slack asks for), `Unclear` for trouble at Slack or on the way there,
        and `Refused` with words that say what to do.
        """
        return self._call(method, {"json": said})

    def ask(self, method: str, **said: Any) -> Mapping[str, Any]:
        """Do a method that only reads, which takes no JSON; raises like `call`."""
        return self._call(method, {"http_verb": "GET", "params": said})

    def _call(self, method: str, how: Mapping[str, Any]) -> Mapping[str, Any]:
        from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415  # see above

        try:
            answer = self._client.api_call(method, **how)
        except SlackApiError as error:
            raise _trouble(method, error.response.status_code, error.response.headers, error.response.data) from error
        except (OSError, HTTPException, SlackClientError) as error:
            raise Unclear(f"Slack cannot be reached: {one_line(str(error))[:300] or type(error).__name__}") from error
        return answer.data if isinstance(answer.data, dict) else {}


def _trouble(method: str, status: int, headers: Mapping[str, str], body: object) -> Temporary | Permanent:
    said = body.get("error") if isinstance(body, Mapping) else None
    word = said if isinstance(said, str) and re.fullmatch(r"[a-z0-9_]{1,80}", said) else None
    if status == 429 or word in {"ratelimited", "rate_limited"}:
        return Temporary("Slack asks to wait", _wait(headers), "rate_limited")
    if status >= 500 or word in _AGAIN:
        return Unclear(f"Slack has trouble: {word or status}", _wait(headers))
    if word is None:  # no word of Slack's: a proxy or a portal on the way answered
        return Unclear(f"Slack's answer cannot be understood (HTTP {status}): {one_line(str(said))[:200]}")
    advice = {**_APP, **_PLACE, **_MESSAGE}.get(word, f"see https://docs.slack.dev/reference/methods/{method}")
    return Refused(word, f"Slack refuses {method}: {word}: {advice}")


def _wait(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(value), _LONGEST_WAIT) if re.fullmatch(r"\d{1,9}(\.\d+)?", value) else None
