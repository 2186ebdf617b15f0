"""The settings of a Teams channel, and which services of the Bot Framework there are."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from config.desk import ChannelConfig
from config.model import Secrets
from ingest.outbound import origin

_URL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::\d{1,5})?(?:/[A-Za-z0-9._~%/-]{0,500})?")
_SERVICES = re.compile(
    r"smba\.trafficmanager\.net"  # others can have a name in trafficmanager.net
    r"|(?:[a-z0-9-]+\.)+(?:botframework\.com|botframework\.azure\.us|botapi\.skype\.com|teams\.microsoft\.(?:com|us))"
)


class Config(ChannelConfig):
    """`type: teams` — messages to a bot in Microsoft Teams, delivered by the Bot Framework."""

    type: Literal["teams"] = "teams"
    app_id: str = Field(pattern=r"^[0-9A-Fa-f-]{36}$", description="the bot's Microsoft App ID")
    passwords: Secrets = Field(
        description="the app's client secrets, as env:NAME or file:/path; the first that is taken"
    )
    tenant: str = Field(
        default="botframework.com",
        pattern=r"^[A-Za-z0-9.-]{1,253}$",
        description="the Entra tenant of a single-tenant bot; a multi-tenant bot needs none",
    )
    base_url: str = Field(
        default="https://login.microsoftonline.com",
        description="where tokens are asked for; only for a proxy or a test",
    )


def is_service(config: Config, url: str) -> bool:
    """Tell whether a URL is one of the Bot Framework's own services, which may see the bot's token."""
    if not _URL.fullmatch(url):
        return False
    where = urlsplit(url)
    known = where.scheme == "https" and _SERVICES.fullmatch((where.hostname or "").lower()) is not None
    return known or origin(url) == origin(config.base_url)
