"""The desk: what the desk file says, as frozen models, and the look-ups every stage needs."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, SerializeAsAny

from config.model import Address, Model, Name, Secret


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is called {value!r}; write it as Europe/Rome") from error
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]


class SmimeKey(Model):
    """A certificate and its private key, both in PEM, the key RSA and without a passphrase."""

    certificate: Secret
    key: Secret


class Decryption(Model):
    """The keys that encrypted mail is opened with; `pgp` are armored OpenPGP secret keys without a passphrase."""

    smime: tuple[SmimeKey, ...] = ()
    pgp: tuple[Secret, ...] = ()


class About(Model):
    """`desk:` who we are."""

    name: str
    domain: str = Field(description="the desk's own mail domain; notices and their Message-IDs stand in it")
    decryption: Decryption = Decryption()


class Agent(Model):
    """`agents:` a person who answers customers."""

    id: Name
    name: str
    email: Address
    slack: str | None = Field(default=None, pattern=r"^[UW][A-Z0-9]{2,20}$", description="Slack member id")
    timezone: TimeZone = "UTC"


class FollowUp(Model):
    """What a customer's message does to a ticket that is over: open it again, or begin a new, linked one."""

    resolved: Literal["reopen", "new_linked"] = "reopen"
    closed: Literal["reopen", "new_linked"] = "new_linked"


class Department(Model):
    """`departments:` the people responsible for one kind of ticket, and the addresses that lead to them."""

    id: Name
    name: str
    agents: tuple[Name, ...] | Literal["all"]
    addresses: tuple[Address, ...] = ()
    follow_up: FollowUp = FollowUp()


class ChannelConfig(Model):
    """`channels:` what every way in has; a channel's own `Config` adds its settings."""

    name: Name
    type: str
    department: Name | None = Field(default=None, description="where its tickets begin when no address says otherwise")


OnEvent = Literal["ticket.created", "ticket.reopened", "message.received"]


class Rule(Model):
    """`rules:` when something happens and the conditions hold, do these actions.

    `when` is a list of groups: all conditions inside a group must hold, one group suffices; no groups means always.
    Conditions and actions stay as written here; the router knows their words and compiles them.
    """

    name: str
    notes: str = ""
    active: bool = True
    on: tuple[OnEvent, ...] = ("ticket.created",)
    when: tuple[Mapping[str, Any], ...] = ()
    then: tuple[Mapping[str, Any], ...]
    stop: bool = False


class Desk(Model):
    """The whole desk file, validated. `version` is the hash of its bytes and stands on every decision."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    version: str
    desk: About
    agents: tuple[Agent, ...] = Field(min_length=1)
    departments: tuple[Department, ...] = Field(min_length=1)
    channels: tuple[SerializeAsAny[ChannelConfig], ...] = ()
    notifiers: Mapping[str, SerializeAsAny[Model]] = {}
    tags: tuple[Name, ...] = ()
    rules: tuple[Rule, ...] = ()

    @cached_property
    def agents_by_id(self) -> Mapping[str, Agent]:
        """Agents by their id."""
        return {agent.id: agent for agent in self.agents}

    @cached_property
    def agents_by_address(self) -> Mapping[str, Agent]:
        """Agents by their email address, in lower case."""
        return {agent.email: agent for agent in self.agents}

    @cached_property
    def departments_by_id(self) -> Mapping[str, Department]:
        """Departments by their id."""
        return {department.id: department for department in self.departments}

    @cached_property
    def departments_by_address(self) -> Mapping[str, Department]:
        """Departments by each of their addresses, in lower case."""
        return {address: department for department in self.departments for address in department.addresses}

    @cached_property
    def channels_by_name(self) -> Mapping[str, ChannelConfig]:
        """Channels by their name."""
        return {channel.name: channel for channel in self.channels}

    @cached_property
    def _members(self) -> Mapping[str, frozenset[str]]:
        everybody = frozenset(self.agents_by_id)
        return {d.id: everybody if d.agents == "all" else frozenset(d.agents) for d in self.departments}

    def members(self, department: str) -> frozenset[str]:
        """Return the ids of the agents who may see the department's tickets; empty for an unknown department."""
        return self._members.get(department, frozenset())

    def department_of(self, address: str) -> Department | None:
        """Return the department an address leads to: as written, or with its `+tag` left out (RFC 5233)."""
        address = address.lower()
        local, _, domain = address.rpartition("@")
        return self.departments_by_address.get(address) or self.departments_by_address.get(
            f"{local.partition('+')[0]}@{domain}"
        )
