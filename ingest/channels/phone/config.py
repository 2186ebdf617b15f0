"""The settings of a phone channel."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from config.desk import ChannelConfig, Desk
from config.model import Name, Secrets
from config.problems import Place, Problem
from ingest.twilio import PublicUrl

_Number = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{4,14}$")]
_Text = Annotated[str, StringConstraints(max_length=1000)]


class Config(ChannelConfig):
    """`type: phone` — calls that are rung through to agents, by Twilio Voice or a provider compatible with it."""

    type: Literal["phone"] = "phone"
    url: PublicUrl = Field(description="this channel's public address, as it stands at the provider")
    auth_tokens: Secrets = Field(description="the account's auth tokens, as env:NAME or file:/path")
    numbers: Mapping[_Number, Name] = Field(
        default={}, description="departments by the number that was called; the others are the channel's department's"
    )
    ring_seconds: int = Field(default=30, ge=5, le=600, description="how long the agents are rung")
    voicemail: bool = Field(default=True, description="whether a caller whom nobody took may leave a message")
    record: bool = Field(
        default=False, description="whether calls are recorded; ask the callers where the law wants it"
    )
    closed_text: _Text = Field(
        default="Nobody is here to take your call.",
        description="said when nobody can be rung; `closed`, or all are away",
    )
    missed_text: _Text = Field(
        default="Nobody can take your call right now.", description="said when the agents were rung and nobody took it"
    )
    voicemail_text: _Text = Field(
        default="Please leave a message after the tone.", description="said before a message is recorded"
    )
    language: str = Field(
        default="en-GB", pattern=r"^[A-Za-z0-9-]{2,20}$", description="the language the texts are spoken in"
    )
    voice: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9._-]{1,60}$", description="the provider's voice; else the language's own"
    )
    base_url: str = Field(
        default="https://api.twilio.com",
        description="where recordings are fetched; only for another provider, or a test",
    )


def check(desk: Desk) -> Iterable[Problem]:
    """Return which numbers lead to no department, and to which no phone would ring."""
    place = Place()
    for index, config in enumerate(desk.channels):
        if not isinstance(config, Config):
            continue
        for number, department in config.numbers.items():
            if department not in desk.departments_by_id:
                place.at("channels", index, "numbers", number).unknown("department", department, desk.departments_by_id)
        for department in {department_of(config, desk, ""), *config.numbers.values()} & {*desk.departments_by_id}:
            if not any(agent.phone for agent in desk.agents if agent.id in desk.members(department)):
                words = f"nobody in {department} has a `phone`, so its callers never reach a person"
                place.at("channels", index).warn(words)
    return place.found


def department_of(config: Config, desk: Desk, called: str) -> str:
    """Return the department a number leads to: its own, the channel's, or the desk's first."""
    return config.numbers.get(called) or config.department or desk.departments[0].id
