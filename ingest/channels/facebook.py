"""Facebook: messages to a page in Messenger, and comments under its posts.

    POST /in/facebook
    X-Hub-Signature-256: sha256=<HMAC-SHA256 of the body with the app's secret, in hex>

    {"object": "page", "entry": [{"id": "1044", "time": 1795348801000, "messaging": [
      {"sender": {"id": "7311"}, "recipient": {"id": "1044"}, "timestamp": 1795348800000,
       "message": {"mid": "m_8Yc2", "text": "Hello"}}]}]}

    200 {}

Vendor's document: Meta, "Messenger Platform: Webhooks" (https://developers.facebook.com/docs/messenger-platform/webhooks) and
"Send API" (https://developers.facebook.com/docs/messenger-platform/reference/send-api). Meta wants 200 within 20 seconds and
repeats a delivery until then; it keeps no order. What the events mean stands in `ingest.messenger`.
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

# Whether Meta counts emoji once or twice it does not say; twice is safe.
MESSENGER = answers.Platform("Messenger", text=2000, unit="utf16")


class Config(Settings):
    """`type: facebook` — messages to Facebook pages, and comments on them."""

    type: Literal["facebook"] = "facebook"
    pages: Tokens = Field(
        default={}, description="the access token of each page, by the page's id; for answers and names"
    )
    base_url: str = Field(
        default="https://graph.facebook.com", description="Graph's address; another one only for a proxy or a test"
    )

    @property
    def tokens(self) -> Tokens:
        """The access tokens by the page's id."""
        return self.pages

    @property
    def address(self) -> str:
        """The address of the Graph API."""
        return self.base_url


def parse(raw: bytes) -> list[InboundMessage]:
    """Return every message of a delivery; raises `Unreadable`."""
    return messages("facebook", raw)


def send(config: Config, reply: Reply, out: Outbound) -> Iterator[str]:
    """Send an answer of a page, piece by piece; see `ingest.messenger.answers`."""
    return answers.send(MESSENGER, config, reply, out)


def name(config: Config, account: str, sender: str, out: Outbound) -> str:
    """Return what somebody is called on Facebook, or "" when Meta does not tell; raises like `send`."""
    return answers.name(config, account, sender, ("name", "first_name"), out)
