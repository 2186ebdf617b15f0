r"""Mail over SMTP (RFC 5321): a mailbox forwards to this listener, every mail is answered 250 once it is durable.

    C: MAIL FROM:<ann@example.com> SIZE=2710
    C: RCPT TO:<billing@acme.example>
    C: DATA ... <CRLF>.<CRLF>
    S: 250 2.0.0 kept as 17

Vendor's document: RFC 5321, RFC 1870 (SIZE), RFC 3463 (enhanced codes); SMTP smuggling: a mail ends with strict
<CRLF>.<CRLF> and a bare CR or LF in it is refused. Trouble here is 451, never 5xx.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Literal

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import Field, field_validator

from config.desk import Desk, MailConfig
from config.model import Address
from ingest.arrival import Accept
from ingest.mail.arrival import Way, arrival
from ingest.mail.read import parse_mail
from tickets.message import InboundMessage
from tickets.trouble import Temporary

MAIL = True
IDLE_SECONDS = 120
DATA_SECONDS = 600
MOST_RECIPIENTS = 100
MOST_CONNECTIONS = 500

_ATOM = r"[A-Za-z0-9_+=-]+"
_PLAIN_PATH = re.compile(rf"\s*<((?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)>(?=\s|$)")

log = structlog.get_logger()


class Config(MailConfig):
    """`type: smtp` — a listener that takes mail for the departments' addresses."""

    type: Literal["smtp"] = "smtp"
    listen: str = Field(pattern=r"^[^\s]+:\d{1,5}$", description="where it listens, host:port")
    addresses: tuple[Address, ...] = Field(
        default=(), description="more recipients it takes, besides the departments' own: the targets of forwarding"
    )
    max_size: int = Field(default=26_214_400, ge=1_024, le=209_715_200, description="largest mail in bytes")

    @field_validator("listen")
    @classmethod
    def _a_real_port(cls, value: str) -> str:
        if int(value.rpartition(":")[2]) > 65_535:
            raise ValueError("a port is a number up to 65535")
        return value

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The two halves of `listen`."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message a mail is."""
    return [parse_mail(raw)]


async def listen(config: Config, desk: Callable[[], Desk], accept: Accept) -> asyncio.Server:
    """Listen until the returned server is closed. `desk` gives the desk of the moment, `accept` keeps arrivals."""
    host, port = config.host_and_port
    handler = _Handler(config, desk, accept)
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Listener(handler, handler.config.max_size, desk().desk.domain), host, port)


class Listener(SMTP):
    """aiosmtpd's protocol, with DATA read in bulk: line by line it costs more than everything else together."""

    line_length_limit = 65_536

    def __init__(self, handler: "_Handler", max_size: int, hostname: str) -> None:
        super().__init__(
            handler,
            data_size_limit=max_size,
            enable_SMTPUTF8=True,
            hostname=hostname,
            ident="Frontdesk",
            timeout=IDLE_SECONDS,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            loop=asyncio.get_running_loop(),
        )
        self._handler = handler
        self._max_size = max_size

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and turn it away politely when there are too many."""
        self._handler.connections += 1
        super().connection_made(transport)
        if self._handler.connections > MOST_CONNECTIONS and isinstance(transport, asyncio.Transport):
            transport.write(b"421 4.3.2 Too many connections here; please try again in a minute\r\n")
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Count the connection off."""
        self._handler.connections -= 1
        super().connection_lost(error)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Return a path's address and what follows it; a plain one without the library's full parser, which is slow."""
        if (plain := _PLAIN_PATH.match(arg)) is not None:
            return plain[1], arg[plain.end() :].lstrip()
        found: tuple[str | None, str | None] = super()._getaddr(arg)
        return found

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  # the library's name
        """Take the mail: 354, the bytes up to <CRLF>.<CRLF>, then the handler's answer."""
        if await self.check_helo_needed():
            return
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self._reset_timeout(DATA_SECONDS)
        content = await self._read_mail()
        self._reset_timeout()
        self.envelope = self._create_envelope()  # whatever comes of this mail, the next one begins anew
        if content is None:
            status = f"552 5.3.4 The mail is larger than the {self._max_size} bytes taken here"
        elif (broken := _bare_line_ends(content)) is not None:
            status = f"554 5.6.11 The mail has a bare {broken}; lines must end with <CR><LF> (RFC 5321, 2.3.8)"
        else:
            status = await self._handler.keep(self.session, envelope, content)
        await self.push(status)

    async def _read_mail(self) -> bytes | None:
        """Return the mail without its dot-stuffing, or nothing when it was too large (it is read on, and dropped)."""
        end = b"\r\n.\r\n"
        mail = bytearray(b"\r\n")  # so that a first line of a lone dot ends an empty mail
        searched = 0
        too_large = False
        while (at := mail.find(end, searched)) < 0:
            searched = max(0, len(mail) - len(end) + 1)
            if len(mail) > self._max_size + len(end) + 2:
                too_large = True
            if too_large:
                del mail[:searched]
                searched = 0
            chunk = await self._reader.read(1 << 30)  # all there is, so that what is put back below stays in order
            if not chunk:
                raise ConnectionResetError("the connection was closed within a mail")
            mail += chunk
        if rest := bytes(mail[at + len(end) :]):
            self._reader.feed_data(rest)  # pipelined commands
        if too_large or at > self._max_size:
            return None
        del mail[at + 2 :]
        return bytes(mail.replace(b"\r\n.", b"\r\n")[2:])


def _bare_line_ends(content: bytes) -> str | None:
    pairs = content.count(b"\r\n")
    if content.count(b"\n") != pairs:
        return "<LF>"
    return "<CR>" if content.count(b"\r") != pairs else None


class _Handler:
    """aiosmtpd's hooks (their names are the library's)."""

    def __init__(self, config: Config, desk: Callable[[], Desk], accept: Accept) -> None:
        self._first = config
        self._desk = desk
        self._accept = accept
        self.connections = 0

    @property
    def config(self) -> Config:
        """The channel as the desk file has it now; as it was, when it was taken out or its name is another channel's."""
        now = self._desk().channels_by_name.get(self._first.name)
        return now if isinstance(now, Config) else self._first

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients at once; send the rest in another transaction"
        if not takes(self._desk(), self.config, address):
            shown = re.sub(r"[^\x21-\x7e]", "?", address)[:200]
            return (
                f"550 5.1.1 Nobody at {self._desk().desk.name.encode('ascii', 'replace').decode()} receives mail at "
                f"<{shown}>; check the address, or ask them to add it to a department"
            )
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def keep(self, session: Session | None, envelope: Envelope, content: bytes) -> str:
        """Return the answer to a whole mail; raises `Temporary` when it is not durable."""
        peer = str(session.peer[0]) if session and session.peer else ""
        mail_from = (envelope.mail_from or "").strip("<>")
        recipients = [printable(address) for address in envelope.rcpt_tos]
        way = Way("smtp", printable(mail_from), recipients, peer)
        made = arrival(self._first.name, self._desk(), content, way)
        [kept] = await self._accept([made])
        return f"250 2.0.0 kept as {kept.id}"

    async def handle_exception(self, error: Exception) -> str:
        """Whatever went wrong here is temporary for the sender; aiosmtpd's own answer would be 500."""
        if isinstance(error, Temporary):
            log.warning("mail not kept, its sender comes back", channel=self._first.name, error=str(error))
        else:
            log.error("an SMTP session failed", channel=self._first.name, exc_info=error)
        return "451 4.3.0 We cannot keep your mail right now; please try again in a few minutes"


def takes(desk: Desk, config: Config, address: str) -> bool:
    """Tell whether mail to the address is for this desk; `postmaster` always is (RFC 5321, 4.5.1)."""
    address = address.lower()
    if address in ("postmaster", f"postmaster@{desk.desk.domain.lower()}"):
        return True
    return address in config.addresses or desk.department_of(address) is not None


def printable(address: str) -> str:
    """Return an envelope address without the lone surrogates that aiosmtpd makes of raw 8-bit bytes."""
    return address.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
