"""Notices by Slack: chat.postMessage (https://docs.slack.dev/reference/methods/chat.postMessage), or the outbox folder.

Slack knows no idempotency key: when the connection breaks after the request went out, the next attempt may post once
more. Each post carries the note's key in `metadata.event_payload.delivery`, by which a repetition can be recognised.
"""

import json
import logging
import re
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from pydantic import Field

from config.desk import About
from config.model import MissingSecretError, Model, Secret
from notify.folder import Folder
from notify.note import Note, one_line, quotable
from notify.notifier import Notifier
from tickets.trouble import Permanent, Temporary

MAX_HEADER = 150

TIMEOUT = 10
"""Seconds the connection, and each answer, may take."""

_MAX_LINE = 150
_MAX_QUOTE = 1_500
_LONGEST_WAIT = 3_600.0

_AGAIN = frozenset(
    {
        "fatal_error",
        "internal_error",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
_WHAT_TO_DO = {
    "invalid_auth": "the token is not valid; set notifiers.slack.token to the app's bot token",
    "not_authed": "no token was sent; set notifiers.slack.token to the app's bot token",
    "account_inactive": "the app was removed or its user is gone; install it again and set the new token",
    "token_revoked": "the token was revoked; install the app again and set the new token",
    "token_expired": "the token has expired; set a new one, or switch token rotation off",
    "missing_scope": "the app lacks the scope chat:write; add it and install the app again",
    "channel_not_found": "there is no such channel, or it is private; check the name, or invite the app to it",
    "not_in_channel": "the app is not in the channel; invite it, or give it the scope chat:write.public",
    "is_archived": "the channel is archived; name another one",
    "restricted_action": "the workspace does not let the app post there; ask its administrator",
    "user_not_found": "there is no such member; check the agent's `slack` id",
    "user_disabled": "the member is deactivated; check the agent's `slack` id",
    "cannot_dm_bot": "the member is a bot; check the agent's `slack` id",
    "messages_tab_disabled": "the app's Messages tab is off; switch it on under App Home",
    "msg_blocks_too_long": "the card is too long for Slack",
    "invalid_blocks": "Slack does not take the card",
}


class Config(Model):
    """`notifiers: slack:` the app that posts the notices, and signs what its buttons send back."""

    token: Secret = Field(description="the app's bot token, xoxb-…")
    signing_secret: Secret | None = Field(default=None, description="the app's signing secret, for its buttons")
    base_url: str = Field(
        default="https://slack.com/api/", pattern=r"^https?://[^\s/]", description="only for a proxy or a test"
    )


def start(config: Model | None, _about: About, folder: Path) -> Notifier | None:
    """Return the notifier, one that writes into the folder while the token is missing, or nothing without `slack:`."""
    if not isinstance(config, Config):
        return None
    try:
        token = config.token.reveal()
    except MissingSecretError as error:
        return Folder(folder, "slack", ".json", _as_json, str(error))
    return Slack(token, config.base_url)


def render(note: Note) -> dict[str, Any]:
    """Return the arguments of chat.postMessage for the note: a card of fewer than 8,000 characters.

    Slack refuses one whose blocks hold more than about 10,000 in all (slackapi/bolt-js issue 2867).
    Subject and names are plain text, which Slack shows as it is; what is mrkdwn is escaped
    (https://docs.slack.dev/messaging/formatting-message-text/#escaping), so that no text of a customer mentions
    anybody or hides where a link leads.
    """
    quote = quotable(note.text[: 2 * _MAX_QUOTE])
    headline = one_line(note.headline)
    blocks = [
        {"type": "header", "text": _plain(f"#{note.number} {one_line(note.subject) or '(no subject)'}", MAX_HEADER)},
        {"type": "section", "text": _plain(headline, _MAX_LINE)},
        {"type": "section", "fields": [_plain(f"{label}\n{value}", _MAX_LINE) for label, value in note.facts]},
    ]
    if quote:
        who = f"{one_line(note.author) or note.who} wrote:"
        said = {"type": "mrkdwn", "text": _quoted(quote), "verbatim": True}
        blocks += [{"type": "context", "elements": [_plain(who, _MAX_LINE)]}, {"type": "section", "text": said}]
    why = (_plain(f"You get this because: {one_line(note.reason)}", 2 * _MAX_LINE), _plain(note.command, _MAX_LINE))
    blocks.append({"type": "context", "elements": list(why)})
    return {
        "channel": note.address,
        "text": cut_escaped(escape(f"{headline}: {note.title} ({note.who})"), 2 * MAX_HEADER),
        "blocks": blocks,
        "metadata": {
            "event_type": "frontdesk_notice",
            "event_payload": {"delivery": note.key, "ticket": note.number, "event": note.event},
        },
        "unfurl_links": False,
        "unfurl_media": False,
    }


def escape(text: str) -> str:
    """Return the text with the three characters that mean something to Slack as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int) -> str:
    """Return at most `limit` UTF-16 units of the text, never half a character, with an ellipsis when cut."""
    if len(text) <= limit and (text.isascii() or len(text.encode("utf-16-le")) <= 2 * limit):
        return text
    return text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", "ignore") + "…"


def cut_escaped(text: str, limit: int) -> str:
    """Return an escaped text cut like `cut`, and never inside an entity."""
    head = cut(text, limit)
    entity = head.rfind("&")
    return head if entity < 0 or ";" in head[entity:] else f"{head[:entity]}…"


class Slack:
    """Posts as one app. Threads may share it: every post is a connection of its own."""

    def __init__(self, token: str, base_url: str = "https://slack.com/api/") -> None:
        from slack_sdk import WebClient  # noqa: PLC0415  # it costs a fifth of a second to import

        quiet = logging.getLogger(__name__)
        quiet.setLevel(logging.CRITICAL)  # what fails is told once, by whoever called
        # No handlers that sleep and try again: the outbox does that, without holding a thread.
        self._client = WebClient(token, base_url, timeout=TIMEOUT, retry_handlers=[], logger=quiet)

    def send(self, note: Note) -> str:
        """Post the note and return its `ts`.

        Raises `Temporary` for a limit (with the wait Slack asks for), trouble at Slack or on the way there, and
        `Permanent` with words that say what to do when Slack will never take it.
        """
        from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415  # see above

        try:
            response = self._client.api_call("chat.postMessage", json=render(note))
        except SlackApiError as error:
            raise _trouble(error.response.status_code, error.response.headers, error.response.data, note) from error
        except (OSError, HTTPException, SlackClientError) as error:
            raise Temporary(f"Slack cannot be reached: {one_line(str(error))[:300] or type(error).__name__}") from error
        return str(response.get("ts", ""))

    def describe(self) -> str:
        """Return the address of the API."""
        return f"slack → {self._client.base_url}"

    def close(self) -> None:
        """Nothing is kept open."""


def _trouble(status: int, headers: Mapping[str, str], body: object, note: Note) -> Temporary | Permanent:
    said = body.get("error") if isinstance(body, Mapping) else None
    word = said if isinstance(said, str) and re.fullmatch(r"[a-z0-9_]{1,80}", said) else None
    if status == 429 or word in {"ratelimited", "rate_limited"}:
        return Temporary("Slack asks to wait", _wait(headers))
    if status >= 500 or word in _AGAIN:
        return Temporary(f"Slack has trouble: {word or status}", _wait(headers))
    if word is None:  # no word of Slack's: a proxy or a portal on the way answered
        return Temporary(f"Slack's answer cannot be understood (HTTP {status}): {one_line(str(said))[:200]}")
    advice = _WHAT_TO_DO.get(word, "see https://docs.slack.dev/reference/methods/chat.postMessage")
    return Permanent(f"Slack refuses to post to {one_line(note.address)[:100]}: {word}: {advice}")


def _wait(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(value), _LONGEST_WAIT) if re.fullmatch(r"\d{1,9}(\.\d+)?", value) else None


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}


def _quoted(text: str) -> str:
    """Return the escaped text with every line marked as quoted, cut at a line's inside if need be."""
    return cut_escaped("\n".join(f">{line}" for line in escape(text).split("\n")), _MAX_QUOTE)


def _as_json(note: Note) -> bytes:
    return json.dumps(render(note), ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"
