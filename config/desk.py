"""The desk: what the desk file says, as frozen models, and the look-ups every stage needs."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, SerializeAsAny, model_validator

from config.calendar import ALWAYS, NEVER, Calendar, Day, TimeZone
from config.model import Address, Duration, Model, Name, Secret, sender
from config.notices import Choices
from config.rule import Priority, Rule
from config.sla import ContactGroup, Escalation, Sla


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
    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#]+$",
        description="where people reach the HTTP side, for the links in notices and mails; without it there are none",
    )
    notices: Choices = Field(default=Choices(), description="what agents are told of unless they say otherwise")
    administrators: Name | None = Field(
        default=None,
        description="the department that gets what is meant for the operators; else it waits in quarantine",
    )
    decryption: Decryption = Decryption()
    weights: Mapping[
        Literal["mail", "chat", "phone", "messaging"] | Priority, Annotated[float, Field(gt=0, le=100)]
    ] = {}
    """How much a ticket counts of an agent's capacity, by its way in and its priority; both multiply, the usual is 1."""


class Vacation(Model):
    """Days on which an agent is away, both included, in the agent's time zone; `substitute` has the tickets meanwhile."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: Day = Field(alias="from")
    to: Day
    substitute: Name | None = None


class Agent(Model):
    """`agents:` a person who answers customers.

    `capacity` is how much they are given by a strategy at once, `ways` what they may be given, `calendar` their shift;
    `substitute` has their tickets while they are away, where the department says so. `addresses` are others they write from;
    `notices` is what they are told of and how; `apprise` is the URL of another way to them.
    """

    id: Name
    name: str
    email: Address
    addresses: tuple[Address, ...] = ()
    notices: Choices = Choices()
    apprise: Secret | None = None
    slack: str | None = Field(default=None, pattern=r"^[UW][A-Z0-9]{2,20}$", description="Slack member id")
    timezone: TimeZone = "UTC"
    phone: str | None = Field(
        default=None, pattern=r"^\+[1-9][0-9]{4,14}$", description="E.164, rung by phone channels"
    )
    skills: tuple[Name, ...] = ()
    capacity: float | None = Field(default=None, gt=0)
    ways: tuple[Literal["mail", "chat", "phone", "messaging"], ...] = ("mail", "chat", "phone", "messaging")
    calendar: Name | None = None
    vacations: tuple[Vacation, ...] = ()
    substitute: Name | None = None


Way = Literal["chat", "phone", "messaging"]
"""The ways in for which a department says when it is there."""


class FollowUp(Model):
    """What a customer's message does to a ticket that is over: open it again, or begin a new, linked one."""

    resolved: Literal["reopen", "new_linked"] = "reopen"
    closed: Literal["reopen", "new_linked"] = "new_linked"


Boundary = Literal["never", "resolved"] | Duration
"""When a conversation's next message begins a new ticket: never, when the last one is resolved, or after so much silence."""


class Department(Model):
    """`departments:` the people responsible for one kind of ticket, and the addresses that lead to them.

    `conversations` are boundaries by the channel's name, where the department's differ from the channel's own.
    `assignment` is how an agent is chosen for a ticket nobody has, `sticky` whether the contact's last agent goes first;
    `skills` are what an agent must have for its tickets. What happens to tickets of an agent who is away says `when_away`,
    once they are away for `away_after`; who does not react within `react_within` to what others gave them loses it (what a
    strategy gives in a chat or on the phone, within `ring_within`). `slack_replies` is what agents write in the thread of a card: a note, or an answer to the customer.
    A ticket nobody has for `unassigned_after` is told of once; so long after it is resolved its customer is asked for a
    rating (`ask_for_rating`).
    """

    id: Name
    name: str
    agents: tuple[Name, ...] | Literal["all"]
    addresses: tuple[Address, ...] = ()
    follow_up: FollowUp = FollowUp()
    calendar: Name | None = None
    availability: Mapping[Way, Name] = {}
    conversations: Mapping[Name, Boundary] = {}
    signature: str = ""
    templates: str | None = None
    slack_channel: str | None = Field(
        default=None,
        pattern=r"^(#[^\s#@,A-Z]{1,80}|[CG][A-Z0-9]{2,20})$",
        description="where its tickets' cards are posted",
    )
    slack_replies: Literal["note", "answer"] = "note"
    unassigned_after: Duration | None = None
    ask_for_rating: Duration | None = None
    sla: Name | None = None
    assignment: Literal["none", "round_robin", "least_loaded", "random", "ring_all"] = "none"
    sticky: bool = False
    skills: tuple[Name, ...] = ()
    when_away: Literal["queue", "substitute", "keep"] = "queue"
    away_after: Duration | None = None
    react_within: Duration | None = None
    ring_within: Duration = 30.0
    escalates_to: Name | None = None
    hidden: bool = Field(default=False, description="not offered to visitors who choose; reachable by its id")

    @property
    def chooses(self) -> bool:
        """Whether it gives its tickets to agents by itself."""
        return self.assignment != "none" or self.sticky


class ChannelConfig(Model):
    """`channels:` what every way in has; a channel's own `Config` adds its settings."""

    name: Name
    type: str
    department: Name | None = Field(default=None, description="where its tickets begin when no address says otherwise")
    conversation: Boundary | None = Field(
        default=None,
        description="when the next message begins a new ticket: never, resolved, or after so much silence; else follow_up says",
    )


class TrustConfig(Model):
    """`trust:` how a mail channel learns whether a mail is from the domain its From names: from a server, or by itself."""

    authserv_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,253}$",
        description="the server whose Authentication-Results are believed, as it names itself in them",
    )
    verify: tuple[Literal["dkim", "spf"], ...] = Field(
        default=(),
        description="what is found out here; `spf` only where the senders' own servers connect to this listener",
    )
    sealers: tuple[str, ...] = Field(
        default=(), description="domains of forwarders whose ARC seal is believed, with `verify`"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.authserv_id is None) == (not self.verify):
            raise ValueError("write either authserv_id, to believe that server, or verify: [dkim], to find out here")
        if self.sealers and not self.verify:
            raise ValueError("sealers go with verify: [dkim]; with authserv_id that server judges the seals")
        return self


class MailConfig(ChannelConfig):
    """What every channel that carries mail has."""

    trust: TrustConfig | None = Field(
        default=None, description="without it nobody's mail is known to be genuine, and no agent is known by address"
    )


class Correlation(Model):
    """`correlations:` machine mails that are of one alarm, told by what the named groups of a pattern find.

    `from` (addresses, or `@domain`), `channel` and `department` say whose mails they may be; the pattern stands under
    `subject` or `body`; `key` are the groups that name the alarm (else all); `window` is in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: Name
    from_: tuple[Annotated[str, AfterValidator(sender)], ...] = Field(default=(), alias="from")
    channel: Name | None = None
    department: Name | None = None
    subject: str | None = None
    body: str | None = None
    key: tuple[str, ...] = ()
    window: Duration = 4 * 3600.0
    resolve: str | None = None


class Desk(Model):
    """The whole desk file, validated. `version` is the hash of its bytes and stands on every decision, `folder` where it lies."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    version: str
    folder: Path | None = None
    desk: About
    agents: tuple[Agent, ...] = Field(min_length=1)
    departments: tuple[Department, ...] = Field(min_length=1)
    calendars: tuple[Calendar, ...] = ()
    channels: tuple[SerializeAsAny[ChannelConfig], ...] = ()
    notifiers: Mapping[str, SerializeAsAny[Model]] = {}
    tags: tuple[Name, ...] = ()
    fields: tuple[Name, ...] = ()
    slas: tuple[Sla, ...] = ()
    contact_groups: tuple[ContactGroup, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    rules: tuple[Rule, ...] = ()

    @cached_property
    def agents_by_id(self) -> Mapping[str, Agent]:
        """Agents by their id."""
        return {agent.id: agent for agent in self.agents}

    @cached_property
    def agents_by_address(self) -> Mapping[str, Agent]:
        """Agents by each address they write from, in lower case."""
        return {address: agent for agent in self.agents for address in (agent.email, *agent.addresses)}

    @cached_property
    def agents_by_slack(self) -> Mapping[str, Agent]:
        """Agents by their Slack member id, those who have one."""
        return {agent.slack: agent for agent in self.agents if agent.slack is not None}

    @cached_property
    def departments_by_id(self) -> Mapping[str, Department]:
        """Departments by their id."""
        return {department.id: department for department in self.departments}

    @cached_property
    def departments_by_address(self) -> Mapping[str, Department]:
        """Departments by each of their addresses, in lower case."""
        return {address: department for department in self.departments for address in department.addresses}

    @cached_property
    def calendars_by_id(self) -> Mapping[str, Calendar]:
        """Calendars by their id."""
        return {calendar.id: calendar for calendar in self.calendars}

    @cached_property
    def hours(self) -> Mapping[str, Calendar]:
        """What may stand where a calendar's id does: the calendars, `always` and `never`."""
        always = Calendar.model_validate({"id": ALWAYS, "hours": {"mon-sun": ["00:00-24:00"]}})
        return {**self.calendars_by_id, ALWAYS: always, NEVER: Calendar(id=NEVER)}

    @cached_property
    def slas_by_id(self) -> Mapping[str, Sla]:
        """SLA levels by their id."""
        return {sla.id: sla for sla in self.slas}

    @cached_property
    def escalations_by_id(self) -> Mapping[str, Escalation]:
        """Escalation chains by their id."""
        return {one.id: one for one in self.escalations}

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names of the groups in the rules' patterns: the variables that texts of their actions may have."""
        return frozenset(name for rule in self.rules for group in rule.when for name in _named(group))

    @cached_property
    def _groups(self) -> Mapping[str, tuple[ContactGroup, ...]]:
        found: dict[str, tuple[ContactGroup, ...]] = {}
        for group in self.contact_groups:
            for member in dict.fromkeys(group.members):
                found[member] = (*found.get(member, ()), group)
        return found

    def contact_groups_of(self, address: str) -> tuple[ContactGroup, ...]:
        """Return the groups a contact is in: those by their address before those by its domain. A platform's id has none."""
        if not self.contact_groups:
            return ()
        local, at, domain = address.lower().rpartition("@")
        named = self._groups.get(f"{local}{at}{domain}", ())
        found = (*named, *self._groups.get(f"@{domain}", ())) if at else named
        return tuple({group.id: group for group in found}.values())

    def contact_group(self, address: str) -> ContactGroup | None:
        """Return the group that counts for what a contact was promised: the first of theirs."""
        return next(iter(self.contact_groups_of(address)), None)

    @cached_property
    def channels_by_name(self) -> Mapping[str, ChannelConfig]:
        """Channels by their name."""
        return {channel.name: channel for channel in self.channels}

    @cached_property
    def knows_agents(self) -> bool:
        """Whether there is a mail channel on which a mail can prove that an agent wrote it."""
        return any(isinstance(channel, MailConfig) and channel.trust for channel in self.channels)

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


def _named(said: object) -> Iterator[str]:
    """Yield the names of the groups in all patterns of a rule's conditions."""
    if isinstance(said, Mapping):
        for word, value in said.items():
            patterns = value if isinstance(value, (list, tuple)) else [value]
            if word == "matches":
                yield from (name for one in patterns for name in re.findall(r"\(\?P?<([A-Za-z_]\w*)>", str(one)))
            else:
                yield from _named(value)
    elif isinstance(said, (list, tuple)):
        for one in said:
            yield from _named(one)
