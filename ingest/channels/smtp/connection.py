"""One connection: aiosmtpd's protocol, with clocks no byte can restart, TLS, the PROXY header and DATA read in bulk."""

import asyncio
import re
import ssl
from typing import Final

import structlog
from aiosmtpd.proxy_protocol import AF, V2_CMD, get_proxy
from aiosmtpd.smtp import SMTP

from ingest.channels.smtp.door import Door, Transaction
from ingest.channels.smtp.limits import Limits

MOST_LINE: Final = 4_096
"""Longest command in bytes; RFC 5321 wants 512, and more for its extensions."""
MOST_IN_HAND: Final = 512 * 1024 * 1024
"""Bytes of unfinished mails in memory, over all connections of a listener."""
FLUSH_SECONDS: Final = 5

_END: Final = b"\r\n.\r\n"
_ATOM: Final = r"[A-Za-z0-9_+=-]+"
_PLAIN_PATH: Final = re.compile(
    rf"<((?:(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)?)>(?=\s|$)"
)
_MOST_PATH: Final = 1_000

log = structlog.get_logger()


class TooLarge(Exception):  # noqa: N818  # a word of the domain
    """The mail is over the limit; it was read to its end and dropped."""


class NoRoom(Exception):  # noqa: N818
    """Too many bytes of other mails are in memory; this one was read to its end and dropped."""


class BareLineEnd(Exception):  # noqa: N818
    """A line of the mail ends with the half of <CR><LF> that is named."""


class Connection(SMTP):
    """A connection to a `Door`; what is said on it is the business of `Session`."""

    line_length_limit = 65_536  # what the reader holds before it waits for us

    def __init__(self, door: Door, limits: Limits) -> None:
        super().__init__(None, hostname=door.now().desk.desk.domain, loop=asyncio.get_running_loop())
        self.door = door
        self.limits = limits
        self.peer = self.tls = ""
        self._deadline = 0.0
        self._connected = self._entered = self._in_handshake = False
        self._unsent = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the connection counts from here."""
        self._connected = True
        self.door.peers.total += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End and count the connection off; harmless when it is called again."""
        if self._connected:
            self._connected = False
            self.door.peers.total -= 1
            if self._entered:
                self.door.peers.leave(self.peer)
            super().connection_lost(error)

    def _create_envelope(self) -> Transaction:
        return Transaction()

    def _set_rset_state(self) -> None:
        self.envelope = self._create_envelope()

    # --- clocks -----------------------------------------------------------------------------------------------------

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Give the peer so many seconds for what comes next; one timer serves all of them."""
        self._deadline = self.loop.time() + (duration or self.limits.command_seconds)
        timer = self._timeout_handle
        if timer is None or timer.when() > self._deadline:
            if timer is not None:
                timer.cancel()
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        transport = self.transport
        if not isinstance(transport, asyncio.Transport) or transport.is_closing():
            return
        if self.loop.time() < self._deadline:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)
            return
        log.info("smtp_timeout", channel=self.door.name, peer=self.peer)
        if self._in_handshake:
            transport.abort()
        else:
            transport.write(b"421 4.4.2 You took too long; come back later\r\n")
            self.hang_up()

    def hang_up(self) -> None:
        """Close, and do not wait for a peer that does not read what is left for it."""
        transport = self.transport
        if isinstance(transport, asyncio.Transport) and not transport.is_closing():
            if self._unsent:
                transport.write(bytes(self._unsent))
            transport.close()
            self.loop.call_later(FLUSH_SECONDS, transport.abort)

    # --- what goes out and comes in ---------------------------------------------------------------------------------

    async def push(self, status: str | bytes) -> None:
        """Answer; the answers to commands that came together go out together (RFC 2920)."""
        self._unsent += status.encode() if isinstance(status, str) else status
        self._unsent += b"\r\n"
        if b"\n" not in self._reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001  # else the next command is here already
            await self.flush()

    async def flush(self) -> None:
        """Send what was answered."""
        if self._unsent:
            self._writer.write(bytes(self._unsent))
            self._unsent.clear()
            await self._writer.drain()

    async def read_command(self) -> bytes:
        """Return the next line with its end; an empty one when it was longer than a command may be."""
        too_long = False
        while True:
            try:
                line: bytes = await self._reader.readuntil()
            except asyncio.LimitOverrunError as error:
                too_long = True
                await self._reader.read(error.consumed)
            else:
                return b"" if too_long or len(line) > MOST_LINE else line

    async def read_mail(self, most: int) -> bytes:
        """Return the bytes up to <CRLF>.<CRLF> without their dot-stuffing; raises `TooLarge` and `NoRoom` after them."""
        mail = bytearray(b"\r\n")  # so that a first line of a lone dot ends an empty mail
        searched = 0
        refused: Exception | None = None
        held = 0
        try:
            while (at := mail.find(_END, searched)) < 0:
                searched = max(0, len(mail) - len(_END) + 1)
                if refused is None and len(mail) > most + len(_END) + 2:
                    refused = TooLarge()
                if refused is None and self.door.bytes_in_hand > MOST_IN_HAND:
                    refused = NoRoom()
                if refused is not None:
                    del mail[:searched]
                    searched = 0
                chunk = await self._reader.read(1 << 30)  # all there is, so that what is put back below stays in order
                if not chunk:
                    raise ConnectionResetError("the connection was closed within a mail")
                mail += chunk
                self.door.bytes_in_hand += len(mail) - held
                held = len(mail)
        finally:
            self.door.bytes_in_hand -= held
        if rest := bytes(mail[at + len(_END) :]):
            self._reader.feed_data(rest)  # pipelined commands
        if refused is not None or at > most:
            raise refused or TooLarge
        del mail[at + 2 :]
        return bytes(mail.replace(b"\r\n.", b"\r\n")[2:])

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Return a path's address and what follows it; a plain one without the library's full parser, which is slow."""
        if (plain := _PLAIN_PATH.match(arg)) is not None:
            return plain[1], arg[plain.end() :]
        if len(arg) > _MOST_PATH:
            return None, None
        try:
            found: tuple[str | None, str | None] = super()._getaddr(arg)
        except (AttributeError, LookupError, RecursionError, ValueError):  # the parser's ways to say no
            return None, None
        return found

    # --- who it is, and in secret -----------------------------------------------------------------------------------

    async def read_proxy_header(self) -> str | None:
        """Return the address a PROXY header names, "" when it names none, or nothing when it is broken."""
        found = await get_proxy(self._reader)
        if not found.valid:
            return None
        named = found.command != V2_CMD.LOCAL and found.family in (AF.INET, AF.INET6)
        return str(found.src_addr) if named else ""

    async def start_tls(self) -> bool:
        """Encrypt; False when the peer did not. Whatever it had sent in the clear is dropped (RFC 3207, 6)."""
        certificate = self.door.certificate
        if certificate is None or not isinstance(self.transport, asyncio.Transport):
            return False
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # noqa: SLF001  # no command may wait for the handshake
        self._reset_timeout(self.limits.opening_seconds)
        self._in_handshake = True
        try:
            made = await self.loop.start_tls(self.transport, self, certificate.context(), server_side=True)
        except (OSError, ssl.SSLError) as error:
            log.info("smtp_tls_failed", channel=self.door.name, peer=self.peer, error=str(error))
            made = None
        finally:
            self._in_handshake = False
        if made is None:
            self.connection_lost(None)  # nobody else tells of a connection that ends within the handshake
            return False
        self.transport = made
        self._reader._transport = self._writer._transport = made  # type: ignore[attr-defined]  # noqa: SLF001  # as StreamWriter.start_tls does
        encrypted: ssl.SSLObject = made.get_extra_info("ssl_object")
        self.tls = encrypted.version() or "TLS"
        if self.session is not None:
            self.session.ssl = {"version": self.tls}  # the library closes an encrypted connection in another way
        self._set_rset_state()
        return True


def in_line_feeds(content: bytes) -> bytes:
    """Return a mail with <LF> line ends; raises `BareLineEnd` when one was not <CR><LF> (RFC 5321, 2.3.8)."""
    plain = content.translate(None, b"\r")
    if plain.replace(b"\n", b"\r\n") != content:  # twice as quick as counting the pairs
        raise BareLineEnd("<LF>" if content.count(b"\n") != content.count(b"\r\n") else "<CR>")
    return plain
