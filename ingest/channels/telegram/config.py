"""What the desk file says about a bot."""

from typing import Literal

from pydantic import Field

from config.desk import ChannelConfig
from config.model import Secret, Secrets


class Config(ChannelConfig):
    """`type: telegram` — messages to a bot, delivered by Telegram's webhook."""

    type: Literal["telegram"] = "telegram"
    secret: Secrets = Field(
        description="the secret_token given to setWebhook, as env:NAME or file:/path; a list while it changes"
    )
    token: Secret | None = Field(default=None, description="the bot's token from @BotFather; answers and files need it")
    base_url: str = Field(default="https://api.telegram.org", description="only for a proxy or a test")
