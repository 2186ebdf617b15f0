"""The settings that the channels of the Messenger Platform share."""

from pydantic import Field

from ingest import meta


class Settings(meta.Settings):
    """What every channel of the Messenger Platform needs."""

    human_agent: bool = Field(
        default=False,
        description="whether Meta has approved the app for the Human Agent tag: answers until 7 days after the customer wrote",
    )
