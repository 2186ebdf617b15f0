"""What the desk file says about a listener, and what must hold between channels that share one."""

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from config.desk import Desk, MailConfig
from config.model import Address, Model, Secret
from config.problems import Place, Problem


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError("not a network; write it as 192.0.2.0/24 or as one address, 192.0.2.7") from error


def _file(value: str) -> str:
    if not value.startswith("file:") or len(value) == len("file:"):
        raise ValueError("must be a reference to a file: file:/etc/frontdesk/mail.pem")
    return value


Network = Annotated[str, AfterValidator(_network)]
FileReference = Annotated[str, AfterValidator(_file)]


class Tls(Model):
    """`tls:` encryption (RFC 3207, RFC 8314); the files are read again when they change."""

    certificate: FileReference = Field(description="the certificate with its chain, PEM")
    key: FileReference = Field(description="its private key, PEM")
    mode: Literal["starttls", "implicit"] = Field(default="starttls", description="when encryption begins")
    required: bool = Field(default=False, description="take no mail without encryption")


class User(Model):
    """`users:` who may send from anywhere, by a name and a password (RFC 4954)."""

    name: str = Field(min_length=1, max_length=255)
    password: Secret


class Config(MailConfig):
    """`type: smtp` — a listener that takes mail for the departments' addresses."""

    type: Literal["smtp"] = "smtp"
    listen: str = Field(pattern=r"^[^\s]+:\d{1,5}$", description="where it listens, host:port; channels may share it")
    addresses: tuple[Address, ...] = Field(
        default=(), description="more recipients it takes, besides the departments' own: the targets of forwarding"
    )
    max_size: int = Field(default=26_214_400, ge=1_024, le=209_715_200, description="largest mail in bytes")
    protocol: Literal["smtp", "lmtp"] = Field(default="smtp", description="lmtp answers for each recipient (RFC 2033)")
    tls: Tls | None = Field(default=None, description="encryption")
    users: tuple[User, ...] = Field(default=(), description="who may send from anywhere, with a password")
    allowed_peers: tuple[Network, ...] = Field(default=(), description="the networks that may send without a password")
    proxies: tuple[Network, ...] = Field(
        default=(), description="connections from these begin with a PROXY header that names the real peer"
    )
    connections: int = Field(default=500, ge=1, le=10_000, description="most connections at once")
    connections_per_peer: int = Field(default=100, ge=1, le=10_000, description="most of them from one address")

    @field_validator("listen")
    @classmethod
    def _a_real_port(cls, value: str) -> str:
        if int(value.rpartition(":")[2]) > 65_535:
            raise ValueError("a port is a number up to 65535")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.users and self.tls is None:
            raise ValueError("users send passwords, so the channel needs tls")
        if self.proxies and self.tls and self.tls.mode == "implicit":
            raise ValueError(
                "a PROXY header cannot stand before implicit TLS here; use mode: starttls, or TLS in the proxy"
            )
        if self.protocol == "lmtp" and self.host_and_port[1] == 25:
            raise ValueError("LMTP must not be spoken on port 25 (RFC 2033, 5); choose another, such as 24")
        return self

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The two halves of `listen`."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


_OWN = ("name", "department", "addresses", "type", "listen", "trust")
"""What channels on one listener have each for themselves; the rest is the listener's, and must be the same."""


def check(desk: Desk) -> Iterable[Problem]:
    """Return where two channels that share a listener disagree, or claim one address."""
    place = Place()
    first: dict[str, tuple[int, Config]] = {}
    owner: dict[tuple[str, str], int] = {}
    for index, channel in enumerate(desk.channels):
        if not isinstance(channel, Config):
            continue
        at, one = first.setdefault(channel.listen, (index, channel))
        for word in Config.model_fields:
            if word not in _OWN and getattr(channel, word) != getattr(one, word):
                place.at("channels", index, word).note(
                    f"{channel.name} shares {channel.listen} with channels.{at}; {word} must be the same in both"
                )
        for number, address in enumerate(channel.addresses):
            taken = owner.setdefault((channel.listen, address), index)
            if taken != index:
                place.at("channels", index, "addresses", number).twice("address", address, ("channels", taken))
    return place.found
