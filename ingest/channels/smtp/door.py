"""Behind the wire: whose mail it is, and keeping it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aiosmtpd.smtp import Envelope

from config.desk import Desk
from ingest.arrival import Accept
from ingest.channels.smtp.config import Config
from ingest.channels.smtp.peers import Peers
from ingest.channels.smtp.tls import Certificate
from ingest.mail.arrival import Way, arrival
from ingest.mail.identity import MailIdentity
from tickets.reply_address import looks_signed


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that was taken, and the name of the channel it belongs to."""

    address: str
    channel: str


class Transaction(Envelope):
    """What is known of the mail to come (RFC 5321, 3.3); `mail_from` is "" for the null sender, None before MAIL."""

    def __init__(self) -> None:
        super().__init__()
        self.recipients: list[Recipient] = []


class Opening:
    """A listener as the desk of the moment has it: its channels, the first of which has all that no other claims."""

    def __init__(self, desk: Desk, channels: Sequence[Config]) -> None:
        self.desk = desk
        self.channels = channels
        self.config = channels[0]
        self._claimed = {address: channel.name for channel in channels for address in channel.addresses}

    def recipient(self, address: str) -> Recipient | None:
        """Return whose the address is, or nothing when nobody here receives mail at it."""
        if (claimed := self._claimed.get(address.lower())) is not None:
            return Recipient(address, claimed)
        return Recipient(address, self.config.name) if takes(self.desk, self.config, address) else None


class Door:
    """One listener, shared by all channels with its `listen`; `desk` gives the desk of the moment."""

    def __init__(self, config: Config, desk: Callable[[], Desk], accept: Accept) -> None:
        self._started_as = config
        self.name = config.name
        self.protocol = config.protocol
        self.tls_required = config.tls is not None and config.tls.required
        self._desk = desk
        self._accept = accept
        self._opening = _opening(desk(), config)
        self.certificate = Certificate(config.tls) if config.tls else None
        self.peers = Peers()
        self.bytes_in_hand = 0

    def now(self) -> Opening:
        """Return the channels as the desk file has them now; the one it was started for, when that was taken out."""
        desk = self._desk()
        if desk is not self._opening.desk:
            self._opening = _opening(desk, self._started_as)
        return self._opening

    async def keep(
        self, recipients: Sequence[Recipient], content: bytes, identity: MailIdentity, way: Way
    ) -> Mapping[str, int]:
        """Keep one row for each channel, all or none, and return their ids by channel; raises `Temporary`.

        `way` is of the whole transaction; each row has the recipients of its own channel only.
        """
        addressed: dict[str, list[str]] = {}
        for one in recipients:
            addressed.setdefault(one.channel, []).append(printable(one.address))
        made = [
            arrival(name, content, Way(way.type, way.mail_from, to, way.peer, way.helo, way.more), identity)
            for name, to in addressed.items()
        ]
        return {name: kept.id for name, kept in zip(addressed, await self._accept(made), strict=True)}


def _opening(desk: Desk, config: Config) -> Opening:
    mine = [
        channel
        for channel in desk.channels
        if isinstance(channel, Config) and (channel.listen == config.listen or channel.name == config.name)
    ]
    return Opening(desk, mine or [config])


def takes(desk: Desk, config: Config, address: str) -> bool:
    """Tell whether mail to the address is for this desk; `postmaster` always is (RFC 5321, 4.5.1)."""
    address = address.lower()
    if address in ("postmaster", f"postmaster@{desk.desk.domain.lower()}"):
        return True
    return (
        address in config.addresses
        or desk.department_of(address) is not None
        or looks_signed(address, desk.desk.domain)
    )


def printable(address: str) -> str:
    """Return an envelope address without the lone surrogates that stand for raw 8-bit bytes."""
    return address.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
