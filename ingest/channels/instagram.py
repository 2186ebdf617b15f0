"""Instagram: direct messages to a professional account, mentions in stories, and comments under its posts.

    POST /in/instagram
    X-Hub-Signature-256: sha256=<HMAC-SHA256 of the body with the app's secret, in hex>

    {"object": "instagram", "entry": [{"id": "17841405", "time": 1795348801000, "messaging": [
      {"sender": {"id": "9917"}, "recipient": {"id": "17841405"}, "timestamp": 1795348800000,
       "message": {"mid": "aWdf2", "text": "Hello"}}]}]}

    200 {}

Vendor's document: Meta, "Instagram Messaging: Webhooks" (https://developers.facebook.com/docs/instagram-messaging/webhooks)
and "Instagram Platform: Webhooks" (https://developers.facebook.com/docs/instagram-platform/webhooks). An app has two secrets,
one for each way to log in, and Meta signs with either. The media of a story must not be stored: an attachment of the type
`story_mention` is shown from Meta's URL as long as that lasts. What the events mean stands in `ingest.messenger`.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from ingest.messenger import answers
from ingest.messenger.answers import answer_until
from ingest.messenger.events import messages
from ingest.messenger.settings import Settings
from ingest.meta import Tokens
from ingest.meta_hook import HOOK, answer, handshake, verify
from ingest.outbound import Outbound
from tickets.message import InboundMessage
from tickets.reply import Reply

__all__ = ["HOOK", "Config", "answer", "answer_until", "handshake", "name", "parse", "send", "verify"]

INSTAGRAM = answers.Platform(
    "Instagram",
    text=1000,
    unit="bytes",
    image_bytes=8_388_608,
    images=frozenset({"image/png", "image/jpeg", "image/gif"}),
    files=frozenset({"application/pdf"}),
)


class Config(Settings):
    """`type: instagram` — direct messages to Instagram accounts, and comments on them."""

    type: Literal["instagram"] = "instagram"
    accounts: Tokens = Field(
        default={}, description="the access token of each account, by the account's id; for answers and names"
    )
    login: Literal["facebook", "instagram"] = Field(
        default="facebook",
        description="the way the tokens were made: Facebook Login (of the linked page) or Instagram Login",
    )
    base_url: str | None = Field(
        default=None,
        description="Graph's address, only for a proxy or a test; else graph.facebook.com or graph.instagram.com by `login`",
    )

    @property
    def tokens(self) -> Tokens:
        """The access tokens by the account's id."""
        return self.accounts

    @property
    def address(self) -> str:
        """The address of the Graph API."""
        return self.base_url or f"https://graph.{self.login}.com"


def parse(raw: bytes) -> list[InboundMessage]:
    """Return every message of a delivery; raises `Unreadable`."""
    return messages("instagram", raw)


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send an answer of an account, piece by piece; see `ingest.messenger.answers`."""
    return answers.send(INSTAGRAM, config, reply, out)


def name(config: Config, account: str, sender: str, out: Outbound) -> str:
    """Return what somebody is called on Instagram, else their user name, or ""; raises like `send`."""
    return answers.name(config, account, sender, ("name", "username"), out)
