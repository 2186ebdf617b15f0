"""What a workspace of the fake Slack holds: channels, members, messages as they stand now, modals; and how often it may be asked."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TRIGGER_SECONDS = 3.0
RESPONSE_SECONDS = 1_800.0
RESPONSE_USES = 5
BURST = 3
"""Messages a channel takes at once; then one each second (https://docs.slack.dev/apis/web-api/rate-limits)."""

A_MINUTE = {
    "chat.update": 50, "chat.delete": 50, "chat.postEphemeral": 100, "conversations.history": 50,
    "conversations.replies": 50, "conversations.open": 50, "users.info": 100, "users.lookupByEmail": 50,
    "views.open": 100, "views.update": 100,
}  # fmt: skip
"""Tiers 3 and 4: calls of a method a minute."""


class SaysNo(Exception):  # noqa: N818  # it is no error of the fake
    """Slack answers `ok: false` with this word, or HTTP 429 with `retry_after` (seconds)."""

    def __init__(self, error: str, retry_after: int | None = None) -> None:
        super().__init__(error)
        self.retry_after = retry_after


@dataclass
class Member:
    """Somebody in the workspace."""

    id: str
    name: str = "Somebody"
    email: str = ""
    confirmed: bool = True
    restricted: bool = False
    bot: bool = False
    deleted: bool = False
    team: str = "T0ACME"

    def as_json(self) -> dict[str, Any]:
        """Return it as users.info does."""
        profile = {"real_name": self.name, "display_name": self.name, "email": self.email}
        return {
            "id": self.id, "team_id": self.team, "name": self.name.lower(), "real_name": self.name, "deleted": self.deleted,
            "is_bot": self.bot, "is_restricted": self.restricted, "is_ultra_restricted": False, "is_stranger": False,
            "is_email_confirmed": self.confirmed, "profile": profile,
        }  # fmt: skip


@dataclass
class Channel:
    """A channel, or a direct conversation with a member. `trouble` is what posting into it is answered with."""

    id: str
    name: str
    member: str | None = None
    trouble: str | None = None
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Bucket:
    """So many at once, and so many a second."""

    room: float
    a_second: float
    left: float
    at: float

    def take(self, now: float) -> None:
        """Take one; raises `SaysNo` when there is none."""
        self.left = min(self.room, self.left + (now - self.at) * self.a_second)
        self.at = now
        if self.left < 1:
            raise SaysNo("ratelimited", math.ceil((1 - self.left) / self.a_second))
        self.left -= 1


class Workspace:
    """The state; one call at a time. `clock` gives UTC seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.team = "T0ACME"
        self.bot = "U0DESK"
        self.channels: dict[str, Channel] = {}
        self.members: dict[str, Member] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.ephemeral: list[dict[str, Any]] = []
        self.responses: list[dict[str, Any]] = []
        self._triggers: dict[str, tuple[float, bool]] = {}
        self._response_urls: dict[str, tuple[float, int, str, str]] = {}
        self._buckets: dict[str, Bucket] = {}
        self._count = itertools.count(1)

    def add_channel(self, name: str, member: str | None = None) -> Channel:
        """Add a channel `#name`, or the direct conversation with a member."""
        made = Channel(f"{'D' if member else 'C'}{next(self._count):07}", name.lstrip("#"), member)
        self.channels[made.id] = made
        return made

    def find(self, said: str, *, ids_only: bool = False) -> Channel:
        """Return the channel of an id, a #name or (as chat.postMessage does) a member's id; raises `SaysNo`."""
        found = self.channels.get(said)
        if found is None and not ids_only:
            member = self.members.get(said)
            if member is not None and not member.deleted:
                return self.direct(said)
            found = next((one for one in self.channels.values() if not one.member and f"#{one.name}" == said), None)
        if found is None:
            raise SaysNo("channel_not_found")
        return found

    def direct(self, member: str) -> Channel:
        """Return the direct conversation with a member, opened if need be."""
        found = next((one for one in self.channels.values() if one.member == member), None)
        return found or self.add_channel(member, member)

    def put(self, channel: Channel, message: dict[str, Any]) -> dict[str, Any]:
        """Let a message stand in a channel and return it with its ts."""
        whole = {"type": "message", **message, "ts": f"{int(self.clock())}.{next(self._count):06}"}
        channel.messages[whole["ts"]] = whole
        return whole

    def limit(self, what: str, room: float, a_second: float) -> None:
        """Count a call; raises `SaysNo` when there were too many."""
        now = self.clock()
        self._buckets.setdefault(what, Bucket(room, a_second, room, now)).take(now)

    def trigger(self) -> str:
        """Return a new trigger id, good for three seconds and once."""
        name = f"{next(self._count)}.{int(self.clock())}.trigger"
        self._triggers[name] = (self.clock(), False)
        return name

    def use_trigger(self, name: str) -> None:
        """Use a trigger id; raises `SaysNo`."""
        made, used = self._triggers.get(name, (None, False))
        if made is None:
            raise SaysNo("invalid_trigger_id")
        if used:
            raise SaysNo("exchanged_trigger_id")
        if self.clock() - made > TRIGGER_SECONDS:
            raise SaysNo("expired_trigger_id")
        self._triggers[name] = (made, True)

    def response_path(self, channel: str, ts: str) -> str:
        """Return the path of a new response_url about a message."""
        path = f"/actions/{self.team}/{next(self._count)}"
        self._response_urls[path] = (self.clock(), 0, channel, ts)
        return path

    def respond(self, path: str, body: dict[str, Any]) -> None:
        """Take what is posted to a response_url; raises `SaysNo`."""
        made, uses, channel, ts = self._response_urls.get(path, (0.0, 0, "", ""))
        if uses >= RESPONSE_USES or self.clock() - made > RESPONSE_SECONDS:
            raise SaysNo("expired_url" if made else "invalid_url")
        self._response_urls[path] = (made, uses + 1, channel, ts)
        self.responses.append({**body, "channel": channel, "about": ts})
        messages = self.channels[channel].messages
        if body.get("delete_original"):
            del messages[ts]
        elif body.get("replace_original"):
            messages[ts].update({key: body[key] for key in ("text", "blocks") if key in body})

    def show(self, view: dict[str, Any], known: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show a modal, in the place of a known one; return it with its id and hash."""
        name = known["id"] if known else f"V{next(self._count):07}"
        kept = {
            "id": name,
            "hash": f"{int(self.clock())}.{next(self._count)}",
            "team_id": self.team,
            "app_id": "A0DESK",
        }
        self.views[name] = {"private_metadata": "", "callback_id": "", **view, **kept, "root_view_id": name}
        return self.views[name]
