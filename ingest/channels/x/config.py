"""The settings of an X channel."""

from typing import Literal

from pydantic import Field

from config.desk import ChannelConfig
from config.model import Secret, Secrets


class Config(ChannelConfig):
    """`type: x` — direct messages and posts on X, which X charges for."""

    type: Literal["x"] = "x"
    paid_per_event: Literal[True] = Field(
        description="write true to say that you know: X charges for every event it delivers and for every answer"
    )
    consumer_secrets: Secrets = Field(
        description="the app's consumer secret (API secret key); the new one first while it is changed"
    )
    token: Secret | None = Field(
        default=None, description="an OAuth 2 access token of the account; answers and pictures of messages need it"
    )
    base_url: str = Field(
        default="https://api.x.com", pattern=r"^https?://[^\s/]", description="only for a proxy or a test"
    )
