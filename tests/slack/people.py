"""What people do in the fake Slack, as the payloads their app is sent, and how Slack signs them."""

import hashlib
import hmac
import itertools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tests.slack.workspace import Workspace


class People:
    """Payloads of interactions and events; what they are about happens in the workspace."""

    def __init__(self, workspace: Workspace, address: str) -> None:
        self._workspace = workspace
        self._address = address
        self._count = itertools.count(1)

    def clicks(self, user: str, channel: str, ts: str, action: str, chosen: str | None = None) -> dict[str, Any]:
        """Return the `block_actions` of a click on a button (or a choice in a menu) that stands in a message now."""
        message = self._workspace.channels[channel].messages[ts]
        block, element = _element(message.get("blocks", []), action)
        stamp = f"{self._workspace.clock():.0f}.{next(self._count):06}"
        act = {"action_id": action, "block_id": block["block_id"], "type": element["type"], "action_ts": stamp}
        act |= {key: element[key] for key in ("text", "value") if key in element}
        if chosen is not None:
            act["selected_option"] = next(one for one in element["options"] if one["value"] == chosen)
        path = self._workspace.response_path(channel, ts)
        return {
            "type": "block_actions", **self._who(user),
            "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False},
            "channel": {"id": channel, "name": self._workspace.channels[channel].name}, "message": message,
            "trigger_id": self._workspace.trigger(), "response_url": self._address + path,
            "state": {"values": {}}, "actions": [act],
        }  # fmt: skip

    def submits(self, user: str, view: str, values: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return the `view_submission` of a modal; `values` are by block and action, as `view.state.values` has them."""
        shown = {**self._workspace.views[view], "state": {"values": values}}
        return {"type": "view_submission", **self._who(user), "trigger_id": self._workspace.trigger(), "view": shown}

    def writes(self, user: str, channel: str, text: str, thread_ts: str | None = None, **more: Any) -> dict[str, Any]:
        """Let somebody write into a channel or a thread, and return the event about it."""
        where = self._workspace.channels[channel]
        thread = {"thread_ts": thread_ts} if thread_ts else {}
        message = self._workspace.put(
            where, {"user": user, "text": text, "team": self._workspace.team, **thread, **more}
        )
        kind = "im" if where.member else "channel"
        return self.event({**message, "channel": channel, "channel_type": kind, "event_ts": message["ts"]})

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event as the Events API sends it; the same dictionary again is the same event again."""
        return {
            "type": "event_callback", "token": "old", "team_id": self._workspace.team, "api_app_id": "A0DESK",
            "event": dict(event), "event_id": f"Ev{next(self._count):08}", "event_time": int(self._workspace.clock()),
            "authorizations": [{"team_id": self._workspace.team, "user_id": self._workspace.bot, "is_bot": True}],
        }  # fmt: skip

    def _who(self, user: str) -> dict[str, Any]:
        member, team = self._workspace.members[user], {"id": self._workspace.team, "domain": "acme"}
        who = {"id": user, "username": member.name.lower(), "name": member.name.lower(), "team_id": member.team}
        return {"user": who, "team": team, "api_app_id": "A0DESK", "token": "old", "is_enterprise_install": False}


def form(payload: Mapping[str, Any]) -> bytes:
    """Return an interaction as it is posted."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def signature(secret: str, body: bytes, now: float) -> dict[str, str]:
    """Return the headers with which Slack signs (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""
    stamp = str(int(now))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def _element(blocks: list[dict[str, Any]], action: str) -> tuple[dict[str, Any], dict[str, Any]]:
    for number, block in enumerate(blocks):
        for element in [*block.get("elements", ()), block.get("accessory") or {}]:
            if element.get("action_id") == action:
                return {"block_id": f"b{number}", **block}, element
    raise AssertionError(f"nothing to click is called {action}")
