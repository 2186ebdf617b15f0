"""Telegram: a bot's updates, one per call of the webhook, and the answers it sends.

    POST /in/telegram-bot
    X-Telegram-Bot-Api-Secret-Token: <the secret given to setWebhook>

    {"update_id": 9001, "message": {"message_id": 12, "date": 1795348800, "text": "Hello",
     "from": {"id": 7, "is_bot": false, "first_name": "Ann"}, "chat": {"id": 7, "type": "private", "first_name": "Ann"}}}

    200 {}

Vendor's document: Telegram Bot API, "Update", "setWebhook" and "sendMessage" (https://core.telegram.org/bots/api#update).
Telegram repeats an update until any 2xx, for 24 hours. Reactions come only when asked for in `allowed_updates`; files are
fetched later by their id, which stands in an attachment's `url` as `telegram:<file_id>`. `place.py` says what a conversation
is, `reading.py` reads updates, `sending.py` asks the Bot API.
"""

from collections.abc import Sequence

from ingest.arrival import Kept
from ingest.channel import Answer, Hook, Refused, Request
from ingest.channels.telegram.config import Config
from ingest.channels.telegram.reading import parse
from ingest.channels.telegram.sending import answer_until, fetch, send
from ingest.proof import is_one_of, opened

__all__ = ["HOOK", "Config", "answer", "answer_until", "fetch", "parse", "send", "verify"]

HOOK = Hook("/in/{channel}", max_bytes=1_048_576)


def verify(config: Config, request: Request) -> None:
    """Return when Telegram sent it; raises `Refused`: 401 a wrong secret, 503 when ours is not there."""
    if not is_one_of(request.headers.get("x-telegram-bot-api-secret-token", ""), opened(config.secret)):
        raise Refused(401, "X-Telegram-Bot-Api-Secret-Token is not the secret given to setWebhook")


def answer(kept: Sequence[Kept]) -> Answer:  # noqa: ARG001  # a method put in the answer would be carried out: none is
    """Return 200 with nothing in it, which is all Telegram wants to hear."""
    return Answer()
