"""Answers through the connector, and the files that only the bot may fetch.

Vendor's document: Microsoft, "Send and receive messages with the Bot Connector API"; Microsoft Teams, "Messages in bot
conversations" (status codes, pictures) and "Optimize your bot with rate limiting".
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from ingest.channels.teams.config import Config, is_service
from ingest.cutting import pieces
from ingest.outbound import Answered, File, Outbound, revealed
from ingest.payload import digest, ident, part, word
from tickets.reply import Reply, Upload
from tickets.trouble import FailureKind, Permanent, Temporary, failure

SCOPE: Final = "https://api.botframework.com/.default"
LONGEST: Final = 20_000
"""Bytes of text in a message: Teams takes 28 KB where it is strictest, and counts what it adds itself."""
MOST_PICTURE_BYTES: Final = 1_048_576
_PICTURES: Final = ("image/png", "image/jpeg", "image/gif")
_GONE: Final = frozenset({
    "ConversationBlockedByUser", "BotNotInConversationRoster", "BotDisabledByAdmin", "ForbiddenOperationException",
    "MessageWritesBlocked",
})  # fmt: skip
_WORDS: Mapping[FailureKind, str] = {
    "auth": "does not accept the bot; compare app_id, tenant and passwords with its registration in Azure",
    "blocked": "says that the bot was blocked or removed there; reach the customer in another way",
    "not_found": "knows the conversation no more; reach the customer in another way",
    "rate_limited": "asks us to wait",
    "too_long": "finds the message too large; shorten it or leave the picture out",
    "transient": "has trouble of its own; the answer goes out again later",
    "invalid": "does not take the message",
}


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Post an answer into its conversation, piece by piece; yields `<conversation>:<activity>` for each.

    Pictures (PNG, JPEG, GIF up to 1 MB) may go along; a bot cannot send other files without asking the customer first.
    """
    service = reply.handle.get("service_url", "")
    if not is_service(config, service):
        raise failure(
            "invalid", "the conversation names no service of the Bot Framework, so the bot's token stays here"
        )
    activities = _activities(reply)
    if len(reply.done) >= len(activities):
        return
    headers = _authorized(config, out)
    url = f"{service.rstrip('/')}/v3/conversations/{quote(reply.conversation, safe='')}/activities"
    for number, activity in enumerate(activities[len(reply.done) :], len(reply.done)):
        heard = out.call("POST", url, headers=headers, json=activity)
        if not heard.ok:
            raise _failed(heard, "Microsoft Teams", word(part(heard.json, "error"), "code"))
        yield f"{reply.conversation}:{ident(heard.json, 'id') or digest(reply.key, number)}"


def fetch(config: Config, account: str, url: str, out: Outbound) -> File:  # noqa: ARG001  # one bot, one token
    """Return a file: a picture in a message with the bot's token, an uploaded file by its own address; raises like `send`."""
    return out.file(url, headers=_authorized(config, out) if is_service(config, url) else None)


def _activities(reply: Reply) -> list[Mapping[str, Any]]:
    texts = [{"type": "message", "textFormat": "plain", "text": text} for text in pieces(reply.text, LONGEST, "bytes")]
    return [*texts, *({"type": "message", "attachments": [_picture(one)]} for one in reply.attachments)]


def _picture(file: Upload) -> Mapping[str, str]:
    if file.content_type not in _PICTURES:
        words = f"a bot in Microsoft Teams sends pictures only (PNG, JPEG, GIF); send a link to {file.filename} instead"
        raise failure("invalid", words)
    if len(file.data) > MOST_PICTURE_BYTES:
        raise failure("too_long", f"{file.filename} has more than the 1 MB Microsoft Teams takes; make it smaller")
    data = f"data:{file.content_type};base64,{b64encode(file.data).decode()}"
    return {"contentType": file.content_type, "contentUrl": data, "name": file.filename}


def _authorized(config: Config, out: Outbound) -> Mapping[str, str]:
    """Return the header that proves the bot, with the first of its passwords that Microsoft takes."""
    url = f"{config.base_url.rstrip('/')}/{config.tenant}/oauth2/v2.0/token"
    said = {"grant_type": "client_credentials", "client_id": config.app_id, "scope": SCOPE}
    refused: Temporary | Permanent | None = None
    for password in config.passwords:
        heard = out.call("POST", url, form={**said, "client_secret": revealed(password)})
        if token := word(heard.json, "access_token"):
            return {"authorization": f"Bearer {token}"}
        refused = _no_token(heard)
        if word(heard.json, "error") != "invalid_client":
            break
    raise refused or failure("auth", "this channel has no passwords in the desk file, so the bot cannot prove itself")


def _no_token(heard: Answered) -> Temporary | Permanent:
    waits = heard.kind in ("rate_limited", "transient")
    # Another refusal, such as an unknown tenant, is ours to put right like a wrong password.
    kind: FailureKind = "transient" if heard.ok else heard.kind if waits else "auth"
    codes = heard.json.get("error_codes")
    return _worded(kind, "Microsoft's login", heard, str(codes[0]) if isinstance(codes, list) and codes else "")


def _failed(heard: Answered, who: str, code: str) -> Temporary | Permanent:
    kind = "transient" if heard.status == 412 else heard.kind
    if code in _GONE:
        kind = "blocked"
    elif code == "MessageSizeTooBig":
        kind = "too_long"
    return _worded(kind, who, heard, code)


def _worded(kind: FailureKind, who: str, heard: Answered, code: str) -> Temporary | Permanent:
    told = f"HTTP {heard.status}{', ' + code[:60] if code.isascii() and code.isprintable() and code else ''}"
    return failure(kind, f"{who} {_WORDS[kind]} ({told})", heard.retry_after)
