"""The settings of a chat channel."""

from typing import Annotated, Literal

from limits import parse_many
from pydantic import AfterValidator, Field, field_validator, model_validator

from config.desk import ChannelConfig
from config.model import Model, Name, Secret
from ingest.channels.chat.sites import origin

Asked = Literal["required", "optional", "off"]


def _rate(value: str) -> str:
    try:
        parse_many(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no limit; write it as 30/minute, or as 30/minute;200/hour") from error
    return value


Rate = Annotated[str, AfterValidator(_rate)]
"""How many in how long: `30/minute`, or several at once, `30/minute;200/hour`."""


class Question(Model):
    """A field of its own in the form."""

    id: Name
    label: str = Field(max_length=200)
    type: Literal["text", "select", "checkbox"] = "text"
    required: bool = False
    options: tuple[str, ...] = Field(default=(), description="what may be chosen, of a select")

    @model_validator(mode="after")
    def _choices(self) -> "Question":
        if (self.type == "select") != bool(self.options):
            raise ValueError("options go with `type: select`, and a select needs some")
        return self


class Form(Model):
    """What a visitor is asked before the first message."""

    name: Asked = "optional"
    email: Asked = "optional"
    department: bool = Field(default=True, description="whether the visitor chooses a department")
    fields: tuple[Question, ...] = Field(default=(), max_length=20)


class Theme(Model):
    """How the widget looks."""

    title: str = Field(default="", max_length=100, description="else the text of the language")
    colour: str = Field(default="#1f5fbf", pattern=r"^#[0-9a-fA-F]{6}$")
    position: Literal["left", "right"] = "right"
    greeting: str = Field(default="", max_length=500, description="else the text of the language")


class Uploads(Model):
    """What files visitors may send; none with `most_files: 0`."""

    most_bytes: int = Field(default=10_485_760, ge=1, le=26_214_400)
    most_files: int = Field(default=5, ge=0, le=20, description="with one message")
    types: tuple[str, ...] = Field(
        default=(), description="media types, such as image/*; without any, all that are harmless"
    )

    @field_validator("types")
    @classmethod
    def _media_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            group, slash, kind = one.partition("/")
            if not (group and slash and kind) or one != one.strip().lower():
                raise ValueError(f"{one!r} is no media type; write it as image/png, or image/* for all of them")
        return value


class Limits(Model):
    """How much one may do; behind a proxy on another machine the addresses are right with FORWARDED_ALLOW_IPS only."""

    requests: Rate = Field(default="1200/minute", description="HTTP requests from one address")
    sessions: Rate = Field(default="120/hour", description="new visitors from one address")
    address: Rate = Field(default="300/minute", description="messages from one address")
    session: Rate = Field(default="40/minute", description="messages of one visitor")
    files: Rate = Field(default="100/hour", description="files of one visitor, and from one address")
    conversation: Rate = Field(default="400/hour", description="messages in one conversation")
    sockets: int = Field(default=30, ge=1, le=4000, description="open at once from one address")


class Turnstile(Model):
    """Cloudflare's Turnstile, https://developers.cloudflare.com/turnstile/."""

    site_key: str
    secret: Secret
    base_url: str = Field(default="https://challenges.cloudflare.com", description="only for a proxy or a test")


class Config(ChannelConfig):
    """`type: chat` — messages from a chat widget on the team's own pages."""

    type: Literal["chat"] = "chat"
    origins: tuple[str, ...] = Field(
        default=(),
        description="the sites whose pages may post, scheme://host[:port]; https://*.example.com takes one label for the *",
    )
    theme: Theme = Field(default=Theme(), description="how the widget looks")
    lang: str = Field(
        default="en", pattern=r"^[a-z]{2,3}(-[a-z]{2,4})?$", description="for visitors whose language has no texts"
    )
    texts: str | None = Field(
        default=None, description="a folder of <language>.json below the desk file's, over the usual texts"
    )
    form: Form = Field(default=Form(), description="what a visitor is asked before the first message")
    wait_seconds: int | None = Field(
        default=60, ge=10, le=3600, description="when nobody has taken a chat by then it is missed; null: never"
    )
    site_secrets: tuple[Secret, ...] = Field(
        default=(), description="what the host site signs the tokens of logged-in users with; all are right"
    )
    upload: Uploads = Field(default=Uploads(), description="what files visitors may send")
    limits: Limits = Field(default=Limits(), description="how much one may do")
    proof_bits: int | None = Field(
        default=None,
        ge=8,
        le=24,
        description="work a browser does before the first message, in bits; 16 take about a second",
    )
    turnstile: Turnstile | None = Field(
        default=None, description="ask Cloudflare's Turnstile before the first message instead"
    )
    program_secrets: tuple[Secret, ...] = Field(
        default=(),
        description="what programs that post to /messages show as Bearer; without any, everybody may post there",
    )

    @field_validator("origins")
    @classmethod
    def _real_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(origin(one) for one in value)

    @model_validator(mode="after")
    def _one_challenge(self) -> "Config":
        if self.proof_bits is not None and self.turnstile is not None:
            raise ValueError("write either proof_bits or turnstile; a visitor does one of them")
        return self
