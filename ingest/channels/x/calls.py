"""Asking X: direct messages, posts that answer, and the files of direct messages (https://docs.x.com/x-api)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingest.channels.x.config import Config
from ingest.cutting import pieces, weighed
from ingest.outbound import Answered, File, Outbound, revealed
from ingest.payload import ident, part, word
from tickets.reply import Reply, Upload
from tickets.trouble import FailureKind, Permanent, Temporary, failure

MAX_MESSAGE = 10_000
MAX_POST = 280
"""What the text of a post may weigh (https://docs.x.com/fundamentals/counting-characters)."""
MAX_IMAGE = 5 * 1024 * 1024
IMAGES = ("image/jpeg", "image/png", "image/webp")
"""What X takes in one request; videos and GIFs want several, and are not sent."""
DAY = 86_400.0

_LINK_WEIGHT = 23
_LINK = re.compile(r"https?://\S+")
_BARE_LINK = re.compile(r"\w\.[^\W\d_]{2}")
_LIGHT = (range(4352), range(8192, 8206), range(8208, 8224), range(8242, 8248))
_OWN_MEDIA = re.compile(r"https://ton\.(?:twitter|x)\.com/(?:[\w.]+/)*dm/(\d+)/(\d+)/(\w[\w.-]*)$", re.ASCII)
_STATUS: Mapping[int, tuple[FailureKind, str]] = {
    400: ("invalid", "it does not take this message"),
    401: ("auth", "the token is not valid any more; renew it"),
    402: ("auth", "the account's credits are used up; buy some in the developer console"),
    404: ("not_found", "the account or the post it was meant for is gone"),
    413: ("too_long", "the file is too large for it"),
}
_TYPES: Mapping[str, tuple[FailureKind, str]] = {
    "client-forbidden": ("auth", "the app lacks access; look at its project and its scopes in the developer console"),
    "unsupported-authentication": (
        "auth",
        "the token is none of a user; get one by OAuth 2 with the scopes of docs/channels.md",
    ),
    "usage-capped": ("rate_limited", "the app's cap is used up; raise it in the developer console"),
}
_FORBIDDEN: Mapping[bool, str] = {
    True: "it lets an app answer a post only when its author mentioned or quoted the account, and the same words only once",
    False: "the customer takes no direct messages from the account",
}


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send a direct message, or answer the customer's newest post in public; yields the ids of messages or posts.

    A long answer to a post becomes several posts, all of which answer the customer's, for X lets an app answer only who called
    the account. Images go with the last piece. X knows no idempotency key.
    """
    public = reply.conversation.startswith("post:")
    _check(reply, public=public)
    for number, (text, images) in enumerate(_pieces(reply, public=public)):
        if number < len(reply.done):
            continue
        media = [_uploaded(config, reply, out, image, public=public) for image in images]
        if public:
            body: dict[str, Any] = {"text": text, "reply": {"in_reply_to_tweet_id": _post(reply)}}
            body |= {"media": {"media_ids": media}} if media else {}
            yield _id(_call(config, reply, out, "/2/tweets", json=body), "id")
        else:
            body = {"text": text} if text else {}
            body |= {"attachments": [{"media_id": one} for one in media]} if media else {}
            yield _id(
                _call(config, reply, out, f"/2/dm_conversations/with/{reply.to}/messages", json=body), "dm_event_id"
            )


def fetch(config: Config, account: str, url: str, out: Outbound) -> File:  # noqa: ARG001  # a channel has one account
    """Return a file; those of direct messages are asked for in the account's name."""
    if found := _OWN_MEDIA.match(url):
        where = "/".join(found.groups())
        return out.file(f"{_base(config)}/2/dm_conversations/media/{where}", headers=_bearer(config))
    return out.file(url)


def weight(text: str) -> int:
    """Return what a post weighs, or a little more: most letters one, CJK and emoji two, a link 23 however long it is."""
    links = len(_LINK.findall(text))
    rest = _LINK.sub("", text)
    letters = sum(1 if any(ord(sign) in light for light in _LIGHT) else 2 for sign in rest)
    return letters + _LINK_WEIGHT * (links + len(_BARE_LINK.findall(rest)))


def _pieces(reply: Reply, *, public: bool) -> list[tuple[str, Sequence[Upload]]]:
    """Return the texts and what goes with each: a post takes four images, a direct message one."""
    texts = list(weighed(reply.text, MAX_POST, weight)) if public else pieces(reply.text, MAX_MESSAGE)
    each = 4 if public else 1
    images = [reply.attachments[at : at + each] for at in range(0, len(reply.attachments), each)]
    found: list[tuple[str, Sequence[Upload]]] = [(text, ()) for text in texts]
    if found and images:
        found[-1] = (texts[-1], images.pop(0))
    return found + [("", some) for some in images]


def _check(reply: Reply, *, public: bool) -> None:
    """Raise `Permanent` for what X would not take, before anything is sent."""
    target = _post(reply) if public else reply.to
    if not (target.isascii() and target.isdigit()):
        raise failure("invalid", "X did not tell whom or which post this would answer; answer in X itself")
    for upload in reply.attachments:
        if upload.content_type not in IMAGES:
            told = f"X takes JPEG, PNG and WebP images here, and not {upload.filename}; send a link to it instead"
            raise failure("invalid", told)
        if len(upload.data) > MAX_IMAGE:
            raise failure("too_long", f"X takes images of at most 5 MB, and {upload.filename} is larger")


def _post(reply: Reply) -> str:
    return reply.handle.get("post") or reply.answers or ""


def _uploaded(config: Config, reply: Reply, out: Outbound, image: Upload, *, public: bool) -> str:
    category = "tweet_image" if public else "dm_image"
    file = {"media": (image.filename or "image", image.data, image.content_type)}
    return _id(_call(config, reply, out, "/2/media/upload", form={"media_category": category}, files=file), "id")


def _call(config: Config, reply: Reply, out: Outbound, path: str, **body: Any) -> Answered:
    answered = out.call("POST", f"{_base(config)}{path}", headers=_bearer(config), **body)
    if answered.ok:
        return answered
    raise _refusal(answered, reply, public=path == "/2/tweets")


def _id(answered: Answered, name: str) -> str:
    number = ident(part(answered.json, "data"), name)
    if not number:
        raise failure(
            "unknown", "X took it without saying under which id; look whether it is there before you repeat it"
        )
    return number


def _refusal(answered: Answered, reply: Reply, *, public: bool) -> Temporary | Permanent:
    """Return what a refusal means: by the type of the problem (RFC 9457), else by the HTTP status."""
    said = answered.json
    problem = word(said, "type").rpartition("/")[2]
    kind, what = _TYPES.get(problem) or _STATUS.get(answered.status) or ("unknown", "look it up in X's documentation")
    if problem not in _TYPES and answered.status == 403:
        kind, what = "blocked", _FORBIDDEN[public]
    if answered.status == 429:
        kind, what = "rate_limited", "it asks to wait"
    elif answered.status >= 500:
        kind, what = "transient", "it is in trouble itself"
    told = word(said, "detail", "title")[:200]
    words = f"X refuses it (HTTP {answered.status}): {what}" + (f". X says: {told}" if told else "")
    return failure(kind, words, _wait(answered, reply.now) if kind == "rate_limited" else None)


def _wait(answered: Answered, now: float) -> float | None:
    """Return the seconds until the limit that is used up begins anew, at most a day: each has headers of its own."""
    waits = {}
    for name in ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"):
        reset, left = (answered.headers.get(f"{name}-{which}", "").strip() for which in ("reset", "remaining"))
        if reset.isascii() and reset.isdigit() and len(reset) < 12:
            waits[left == "0", name] = min(max(float(reset) - now, 1.0), DAY)
    used_up = [wait for (empty, _), wait in waits.items() if empty]
    return max(used_up or waits.values(), default=answered.retry_after)


def _base(config: Config) -> str:
    return config.base_url.rstrip("/")


def _bearer(config: Config) -> Mapping[str, str]:
    if config.token is None:
        raise failure("auth", "this channel has no token, so nobody can answer through it; set one")
    return {"Authorization": f"Bearer {revealed(config.token)}"}
