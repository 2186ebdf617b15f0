"""Asking Slack: answers, names and files (https://docs.slack.dev/reference/methods)."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ingest.channels.slack.config import Config
from ingest.channels.slack.words import escape
from ingest.cutting import weighed
from ingest.outbound import Answered, File, Outbound, revealed
from ingest.payload import Fields, part, parts, word
from tickets.reply import Reply, Upload
from tickets.trouble import FailureKind, Permanent, Temporary, failure

MAX_TEXT = 4000
"""Characters of one message, its entities written out; Slack cuts a longer one where it likes."""

_FILES = "https://files.slack.com/"
_KINDS: Mapping[FailureKind, tuple[str, ...]] = {
    "auth": (
        "access_denied", "account_inactive", "ekm_access_denied", "enterprise_is_restricted", "invalid_auth", "missing_scope",
        "no_permission", "not_allowed_token_type", "not_authed", "org_login_required", "team_access_not_granted", "token_expired",
        "token_revoked", "two_factor_setup_required",
    ),
    "blocked": (
        "cannot_dm_bot", "messages_tab_disabled", "restricted_action", "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel", "restricted_action_thread_locked", "restricted_action_thread_only_channel",
        "user_disabled",
    ),
    "invalid": (
        "as_user_not_supported", "file_upload_size_restricted", "file_uploads_disabled", "file_uploads_except_images_disabled",
        "metadata_too_large", "no_text",
    ),
    "not_found": ("channel_not_found", "file_not_found", "is_archived", "not_in_channel", "thread_not_found", "user_not_found"),
    "rate_limited": ("message_limit_exceeded", "rate_limited", "ratelimited"),
    "too_long": ("msg_too_long",),
    "transient": ("fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"),
}  # fmt: skip
_WHAT_TO_DO: Mapping[str, str] = {
    "auth": "set the bot token of the app as it is installed now, with the scopes of docs/channels.md",
    "blocked": "the workspace or the customer does not let the app write there",
    "invalid": "it does not take this message",
    "not_found": "the conversation cannot be reached any more",
    "rate_limited": "it asks to wait",
    "too_long": "write a shorter answer",
    "transient": "it is in trouble itself",
    "unknown": "look the code up in Slack's documentation",
    "not_in_channel": "the app is not in the channel any more; invite it there",
    "is_archived": "the channel is archived; write to the customer elsewhere",
}


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Post the answer into the conversation's thread, in pieces, and then each file; yields `channel:ts`, or a file's id.

    Slack knows no idempotency key: after an answer that was lost a piece may stand there twice, with the same `delivery` and
    `piece` in its metadata.
    """
    channel, _, root = reply.conversation.partition(":")
    where = {"channel": channel}
    if thread := root or reply.handle.get("thread", ""):
        where["thread_ts"] = thread
    texts = list(weighed(reply.text, MAX_TEXT, lambda piece: len(escape(piece))))
    for number, text in enumerate(texts):
        if number >= len(reply.done):
            yield _post(config, reply, out, {**where, "text": escape(text)}, number)
    for number, upload in enumerate(reply.attachments, len(texts)):
        if number >= len(reply.done):
            yield _upload(config, reply.account, out, upload, where)


def name(config: Config, account: str, sender: str, out: Outbound) -> str:
    """Return what a member is called, also one of another company in a shared channel; "" when Slack knows none."""
    try:
        user = part(_call(config, account, out, "users.info", form={"user": sender}), "user")
    except Permanent as error:
        if error.kind == "not_found":
            return ""
        raise
    profile = part(user, "profile")
    return word(profile, "real_name", "display_name") or word(user, "real_name", "name")


def fetch(config: Config, account: str, url: str, out: Outbound) -> File:
    """Return a file; the token goes to Slack's own file server and to nobody else."""
    if url.startswith("slack:"):
        known = part(_call(config, account, out, "files.info", form={"file": url.removeprefix("slack:")}), "file")
        url = word(known, "url_private_download", "url_private")
    origin = "/".join(config.base_url.split("/", 3)[:3]) + "/"
    if not url.startswith((_FILES, origin)):
        return out.file(url)
    found = out.file(url, headers=_bearer(config, account))
    if found.content_type.startswith("text/html") and not urlsplit(url).path.endswith((".html", ".htm")):
        raise failure("auth", "Slack gave its sign-in page instead of the file; the app needs the scope files:read")
    return found


def _post(config: Config, reply: Reply, out: Outbound, message: Mapping[str, str], number: int) -> str:
    metadata = {"event_type": "frontdesk_answer", "event_payload": {"delivery": reply.key, "piece": number}}
    plainly = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
    taken = _call(config, reply.account, out, "chat.postMessage", json={**message, **plainly, "metadata": metadata})
    return f"{message['channel']}:{word(taken, 'ts')}"


def _upload(config: Config, account: str, out: Outbound, upload: Upload, where: Mapping[str, str]) -> str:
    """Upload a file in Slack's three steps (https://docs.slack.dev/messaging/working-with-files)."""
    filename = upload.filename or "file"
    about = {"filename": filename, "length": str(len(upload.data))}
    place = _call(config, account, out, "files.getUploadURLExternal", form=about)
    number = word(place, "file_id")
    _checked(
        out.call("POST", word(place, "upload_url"), content=upload.data, headers={"Content-Type": upload.content_type})
    )
    share = {"files": [{"id": number, "title": filename}], "channel_id": where["channel"]}
    if "thread_ts" in where:
        share["thread_ts"] = where["thread_ts"]
    taken = _call(config, account, out, "files.completeUploadExternal", json=share)
    return next((word(one, "id") for one in parts(taken, "files")), "") or number


def _call(config: Config, account: str, out: Outbound, method: str, **body: Any) -> Fields:
    """Call a method of the Web API; an answer may have HTTP status 200 and still be a refusal."""
    url = f"{config.base_url.rstrip('/')}/{method}"
    answered = _checked(out.call("POST", url, headers=_bearer(config, account), **body))
    said = answered.json
    if said.get("ok") is True:
        return said
    raise _refusal(said, answered)


def _checked(answered: Answered) -> Answered:
    """Return an answer whose HTTP status is success."""
    if answered.ok:
        return answered
    if answered.status == 429:
        raise failure("rate_limited", "Slack asks to wait", answered.retry_after)
    kind: FailureKind = "transient" if answered.status >= 500 else "unknown"
    raise failure(kind, f"Slack answers HTTP {answered.status}: {_WHAT_TO_DO[kind]}", answered.retry_after)


def _refusal(said: Fields, answered: Answered) -> Temporary | Permanent:
    error = word(said, "error")[:60]
    if not error:
        return failure("transient", "Slack answers with something that is not JSON of its own")
    fallback: FailureKind = "invalid" if error.startswith("invalid_") else "unknown"
    kind = next((kind for kind, errors in _KINDS.items() if error in errors), fallback)
    what = _WHAT_TO_DO.get(error, _WHAT_TO_DO[kind])
    return failure(kind, f"Slack refuses it ({error}): {what}", answered.retry_after)


def _bearer(config: Config, account: str) -> Mapping[str, str]:
    token = config.teams.get(account, config.token)
    if token is None:
        raise failure(
            "auth", f"there is no bot token for the workspace {account}; set the channel's token or its teams"
        )
    return {"Authorization": f"Bearer {revealed(token)}"}
