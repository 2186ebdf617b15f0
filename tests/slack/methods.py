"""The methods of the fake Slack's Web API, as https://docs.slack.dev/reference/methods has them."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from tests.slack.limits import message_trouble, view_trouble
from tests.slack.workspace import A_MINUTE, BURST, Channel, SaysNo, Workspace

Arguments = Mapping[str, Any]


class Methods:
    """One call is one method of this class; each returns its answer or raises `SaysNo`.

    `scopes` are what the app may do. `complaints` collects in words what Slack would not have taken.
    """

    def __init__(self, workspace: Workspace, scopes: set[str], socket_url: Callable[[], str]) -> None:
        self.workspace = workspace
        self.scopes = scopes
        self.complaints: list[str] = []
        self._socket_url = socket_url
        self._methods: dict[str, Callable[[Arguments], dict[str, Any]]] = {
            "apps.connections.open": lambda _: {"url": self._socket_url()},
            "auth.test": lambda _: {
                "url": "https://acme.slack.example/", "team": "Acme", "user": "frontdesk", "team_id": workspace.team,
                "user_id": workspace.bot, "bot_id": "B0DESK", "is_enterprise_install": False,
            },
            "chat.postMessage": self._post,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "conversations.history": self._history,
            "conversations.open": self._open,
            "conversations.replies": self._replies,
            "users.info": self._user,
            "users.lookupByEmail": self._by_email,
            "views.open": self._view,
            "views.update": self._update_view,
        }  # fmt: skip

    def call(self, method: str, said: Arguments) -> dict[str, Any]:
        """Return what a call is answered; raises `SaysNo`."""
        if method not in self._methods:
            raise SaysNo("unknown_method")
        if method in A_MINUTE:
            self.workspace.limit(method, A_MINUTE[method], A_MINUTE[method] / 60)
        return self._methods[method](said)

    def _post(self, said: Arguments) -> dict[str, Any]:
        self._need("chat:write")
        channel = self.workspace.find(_text(said, "channel", "channel_not_found"))
        if channel.trouble:
            raise SaysNo(channel.trouble)
        self._take(message_trouble(said))
        thread = said.get("thread_ts")
        if thread and "thread_ts" in channel.messages.get(thread, {}):
            self._take(("invalid_arguments", "thread_ts names a reply"))
        self.workspace.limit(channel.id, BURST, 1)
        kept = ("text", "blocks", "metadata", "thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media")
        said_ = {key: said[key] for key in kept if said.get(key) is not None}
        message = self.workspace.put(
            channel, {"text": "", **said_, "user": self.workspace.bot, "bot_id": "B0DESK", "app_id": "A0DESK"}
        )
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def _post_ephemeral(self, said: Arguments) -> dict[str, Any]:
        self._need("chat:write")
        channel = self.workspace.find(_text(said, "channel", "channel_not_found"))
        if said.get("user") not in self.workspace.members:
            raise SaysNo("user_not_in_channel")
        self._take(message_trouble(said))
        self.workspace.ephemeral.append({**said, "channel": channel.id})
        return {"message_ts": f"{int(self.workspace.clock())}.{len(self.workspace.ephemeral):06}"}

    def _update(self, said: Arguments) -> dict[str, Any]:
        self._need("chat:write")
        channel = self.workspace.find(_text(said, "channel", "channel_not_found"), ids_only=True)
        message = channel.messages.get(said.get("ts", ""))
        if message is None:
            raise SaysNo("message_not_found")
        if message.get("user") != self.workspace.bot:
            raise SaysNo("cant_update_message")
        changed = {key: said[key] for key in ("text", "blocks", "metadata") if key in said}
        self._take(message_trouble({**message, **changed}))
        message.update(changed, edited={"user": self.workspace.bot, "ts": f"{int(self.workspace.clock())}.000000"})
        return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}

    def _delete(self, said: Arguments) -> dict[str, Any]:
        channel = self.workspace.find(_text(said, "channel", "channel_not_found"), ids_only=True)
        if channel.messages.pop(said.get("ts", ""), None) is None:
            raise SaysNo("message_not_found")
        return {"channel": channel.id, "ts": said["ts"]}

    def _history(self, said: Arguments) -> dict[str, Any]:
        channel = self.workspace.find(_text(said, "channel", "channel_not_found"), ids_only=True)
        self._need(_history_scope(channel))
        tops = [one for one in channel.messages.values() if one.get("thread_ts", one["ts"]) == one["ts"]]
        return _page(sorted(tops, key=lambda one: one["ts"], reverse=True), said)

    def _replies(self, said: Arguments) -> dict[str, Any]:
        channel = self.workspace.find(_text(said, "channel", "channel_not_found"), ids_only=True)
        self._need(_history_scope(channel))
        top = said.get("ts")
        if top not in channel.messages:
            raise SaysNo("thread_not_found")
        thread = [one for one in channel.messages.values() if top in (one["ts"], one.get("thread_ts"))]
        return _page(sorted(thread, key=lambda one: one["ts"]), said)

    def _open(self, said: Arguments) -> dict[str, Any]:
        self._need("im:write")
        member = _text(said, "users", "users_list_not_supplied")
        if member not in self.workspace.members:
            raise SaysNo("user_not_found")
        return {"channel": {"id": self.workspace.direct(member).id}}

    def _user(self, said: Arguments) -> dict[str, Any]:
        self._need("users:read")
        found = self.workspace.members.get(_text(said, "user", "user_not_found"))
        if found is None:
            raise SaysNo("user_not_found")
        user = found.as_json()
        if "users:read.email" not in self.scopes:
            del user["profile"]["email"]
        return {"user": user}

    def _by_email(self, said: Arguments) -> dict[str, Any]:
        self._need("users:read.email")
        email = _text(said, "email", "users_not_found").lower()
        found = [one for one in self.workspace.members.values() if one.email.lower() == email and not one.deleted]
        if not found:
            raise SaysNo("users_not_found")
        return {"user": found[0].as_json()}

    def _view(self, said: Arguments) -> dict[str, Any]:
        self.workspace.use_trigger(_text(said, "trigger_id", "invalid_arguments"))
        self._take(view_trouble(said["view"]))
        return {"view": self.workspace.show(said["view"])}

    def _update_view(self, said: Arguments) -> dict[str, Any]:
        known = self.workspace.views.get(said.get("view_id", ""))
        if known is None:
            raise SaysNo("not_found")
        if said.get("hash") not in (None, known["hash"]):
            raise SaysNo("hash_conflict")
        self._take(view_trouble(said["view"]))
        return {"view": self.workspace.show(said["view"], known)}

    def _need(self, scope: str) -> None:
        if scope not in self.scopes:
            raise SaysNo("missing_scope")

    def _take(self, trouble: tuple[str, str] | None) -> None:
        if trouble is not None:
            word, words = trouble
            self.complaints.append(words)
            raise SaysNo(word)


def _text(said: Arguments, name: str, error: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise SaysNo(error)
    return value


def _history_scope(channel: Channel) -> str:
    return "im:history" if channel.member else "channels:history"


def _page(messages: list[dict[str, Any]], said: Arguments) -> dict[str, Any]:
    """Return the messages between `oldest` and `latest`, at most `limit`, the others by the cursor."""
    oldest, latest = float(said.get("oldest") or 0), float(said.get("latest") or 1e12)
    inclusive = said.get("inclusive") in (True, "true", "1", 1)
    found = [
        one
        for one in messages
        if oldest < float(one["ts"]) < latest or (inclusive and float(one["ts"]) in (oldest, latest))
    ]
    start = int(base64.b64decode(said["cursor"])) if said.get("cursor") else 0
    limit = min(int(said.get("limit") or 100), 999)
    if said.get("include_all_metadata") not in (True, "true", "1", 1):
        found = [{key: value for key, value in one.items() if key != "metadata"} for one in found]
    more = len(found) > start + limit
    cursor = base64.b64encode(str(start + limit).encode()).decode() if more else ""
    page = found[start : start + limit]
    return {"messages": page, "has_more": more, "response_metadata": {"next_cursor": cursor}}
