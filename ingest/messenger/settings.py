"""The settings that the channels of the Messenger Platform share."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from config.desk import ChannelConfig
from config.model import Secret, Secrets

Id = Annotated[str, BeforeValidator(lambda said: str(said) if type(said) is int else said)]
"""An id of digits, which YAML reads as a number unless it is quoted."""
Tokens = Mapping[Id, Secret]
"""Access tokens by the id of the page or account they are of."""


class Settings(ChannelConfig):
    """What every channel of the Messenger Platform needs."""

    app_secrets: Secrets = Field(
        description="the app's secrets, with which Meta signs; a delivery signed with any is genuine"
    )
    verify_tokens: Secrets = Field(description="the words given to Meta as the webhook's verify token")
    human_agent: bool = Field(
        default=False,
        description="whether Meta has approved the app for the Human Agent tag: answers until 7 days after the customer wrote",
    )
    graph_version: str = Field(
        default="v25.0",
        pattern=r"^v[1-9][0-9]{0,2}\.[0-9]{1,2}$",
        description="the version of Meta's Graph API to call",
    )

    @property
    @abstractmethod
    def tokens(self) -> Tokens:
        """The access tokens."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The address of the Graph API."""

    @property
    def graph(self) -> str:
        """The address of the Graph API's version, without a slash behind it."""
        return f"{self.address.rstrip('/')}/{self.graph_version}"
