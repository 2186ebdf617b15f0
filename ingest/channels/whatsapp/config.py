"""The settings of a WhatsApp channel."""

from typing import Literal

from pydantic import Field

from ingest.meta import Settings, Tokens


class Config(Settings):
    """`type: whatsapp` — messages to numbers of the WhatsApp Cloud API."""

    type: Literal["whatsapp"] = "whatsapp"
    numbers: Tokens = Field(
        default={}, description="the access token of each number, by its phone number id; for answers and files"
    )
    base_url: str = Field(
        default="https://graph.facebook.com", description="Graph's address; another one only for a proxy or a test"
    )

    @property
    def tokens(self) -> Tokens:
        """The access tokens by the phone number id."""
        return self.numbers

    @property
    def address(self) -> str:
        """The address of the Graph API."""
        return self.base_url
