"""The settings of a Slack channel."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from config.desk import ChannelConfig
from config.model import Secret, Secrets

Workspace = Annotated[str, StringConstraints(pattern=r"^[TE][A-Z0-9]{2,30}$")]


class Config(ChannelConfig):
    """`type: slack` — customers who write in Slack, in shared channels or to the app."""

    type: Literal["slack"] = "slack"
    signing_secrets: Secrets = Field(description="the app's signing secret; two of them while it is changed")
    token: Secret | None = Field(
        default=None,
        description="the app's bot token, xoxb-…, for every workspace without one in teams; answers need it",
    )
    teams: Mapping[Workspace, Secret] = Field(
        default={}, description="a bot token for each workspace the app is in, by the workspace's id"
    )
    base_url: str = Field(
        default="https://slack.com/api", pattern=r"^https?://[^\s/]", description="only for a proxy or a test"
    )
