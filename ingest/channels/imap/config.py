"""The settings of an IMAP channel."""

import ipaddress
import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from config.desk import MailConfig
from config.model import Model, Secret

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"


class OAuth(Model):
    """`oauth:` tokens instead of a password: by a refresh token, or without one by the client's own credentials."""

    provider: Literal["google", "microsoft"] | None = Field(
        default=None, description="fills in token_url and scope; without it give token_url"
    )
    client_id: str = Field(min_length=1, description="the id of the registered application")
    client_secret: Secret | None = Field(default=None, description="its secret, as a reference")
    refresh_token: Secret | None = Field(default=None, description="the refresh token, as a reference")
    tenant: str = Field(default="organizations", pattern=r"^[A-Za-z0-9.-]+$", description="Microsoft's tenant")
    token_url: str | None = Field(default=None, description="where tokens are asked for, if not at the provider's")
    scope: str | None = Field(default=None, description="what is asked for, if not the provider's usual scope")

    @field_validator("token_url")
    @classmethod
    def _not_in_clear(cls, value: str | None) -> str | None:
        url = urlsplit(value or "https://provider")
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
            raise ValueError("tokens are asked for over https://…; http:// only on this machine")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "OAuth":
        if self.provider is None and self.token_url is None:
            raise ValueError("give a provider (google or microsoft) or a token_url")
        if self.refresh_token is None and self.client_secret is None:
            raise ValueError("give a refresh_token, or a client_secret to use the client's own credentials")
        if self.provider == "google" and self.refresh_token is None:
            raise ValueError("Google needs a refresh_token")
        return self

    @property
    def url(self) -> str:
        """Where tokens are asked for."""
        if self.token_url is not None:
            return self.token_url
        google = "https://oauth2.googleapis.com/token"
        return google if self.provider == "google" else _MICROSOFT.format(tenant=self.tenant)

    @property
    def scopes(self) -> str | None:
        """What is asked for; nothing where the refresh token says it already."""
        if self.scope is not None or self.provider != "microsoft":
            return self.scope
        if self.refresh_token is None:
            return "https://outlook.office365.com/.default"
        return "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"


class Config(MailConfig):
    """`type: imap` — a mailbox on a server, watched; every new mail in its folders is fetched."""

    type: Literal["imap"] = "imap"
    server: str = Field(description="imaps://host[:port]; imap:// only on this machine, or with unencrypted")
    unencrypted: bool = Field(default=False, description="true: imap:// to another machine, password in clear")
    user: str = Field(min_length=1, max_length=320, description="who logs in")
    password: Secret | None = Field(default=None, description="the password, as a reference; or give oauth")
    oauth: OAuth | None = Field(default=None, description="tokens instead of a password (XOAUTH2)")
    folders: tuple[str, ...] = Field(default=("INBOX",), min_length=1, max_length=10, description="what is watched")
    after: str = Field(
        default="seen",
        pattern=r"^(seen|leave|delete|move:.+)$",
        description="what is done with a mail once it is kept: seen, leave, move:FOLDER, delete",
    )
    history: Literal["import", "archive", "skip"] = Field(
        default="import", description="what the first run does with the mails that are there already"
    )
    max_size: int = Field(default=26_214_400, ge=1_024, le=209_715_200, description="largest mail in bytes")
    poll: int = Field(
        default=60, ge=1, le=3_600, description="seconds between two looks at a server that cannot say when mail comes"
    )

    @field_validator("server")
    @classmethod
    def _a_server(cls, value: str) -> str:
        url = urlsplit(value)
        try:
            right = url.scheme in ("imaps", "imap") and url.hostname and (url.port is None or url.port > 0)
        except ValueError:
            right = False
        if not right or "@" in url.netloc or url.path.strip("/") or url.query or url.fragment:
            raise ValueError(
                "write it as imaps://imap.acme.example or imaps://imap.acme.example:993, the user beside it"
            )
        return value

    @field_validator("user", "after", "folders")
    @classmethod
    def _no_control_characters(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        words = [value] if isinstance(value, str) else value
        if any(not word or _CONTROL.search(word) for word in words) or len(set(words)) < len(words):
            raise ValueError("no empty name, no name twice and no control characters")
        return value

    @model_validator(mode="after")
    def _safe(self) -> "Config":
        if (self.password is None) == (self.oauth is None):
            raise ValueError("give either password or oauth")
        if not self.encrypted and not self.unencrypted and not is_loopback(self.host):
            raise ValueError("imap:// sends the password in clear; use imaps://, or say unencrypted: true")
        if self.after.removeprefix("move:") in self.folders:
            raise ValueError("a mail cannot be moved to a folder that is watched itself")
        return self

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken from the first byte."""
        return urlsplit(self.server).scheme == "imaps"

    @property
    def host(self) -> str:
        """The server's name."""
        return urlsplit(self.server).hostname or ""

    @property
    def port(self) -> int:
        """The server's port."""
        return urlsplit(self.server).port or (993 if self.encrypted else 143)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
