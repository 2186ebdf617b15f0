r"""Mail over SMTP or LMTP: a mailbox forwards to this listener, every mail is answered 250 once it is durable.

    C: MAIL FROM:<ann@example.com> SIZE=2710
    C: RCPT TO:<billing@acme.example>
    C: DATA ... <CRLF>.<CRLF>
    S: 250 2.0.0 kept as 17

Vendor's document: RFC 5321 (SMTP), RFC 2033 (LMTP), RFC 1870 (SIZE), RFC 2920 (PIPELINING), RFC 3207 (STARTTLS), RFC 3463 and
2034 (enhanced codes), RFC 4954 (AUTH), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8); haproxy.org, proxy-protocol.txt (PROXY).
"""

import asyncio
from collections.abc import Callable

from config.desk import Desk
from ingest.arrival import Accept
from ingest.channels.smtp.config import Config, check
from ingest.channels.smtp.door import Door, takes
from ingest.channels.smtp.limits import Limits
from ingest.channels.smtp.session import Session
from ingest.mail.read import parse_mail
from tickets.message import InboundMessage

__all__ = ["MAIL", "Config", "Limits", "check", "listen", "parse", "takes"]

MAIL = True


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message a mail is."""
    return [parse_mail(raw)]


async def listen(
    config: Config,
    desk: Callable[[], Desk],
    accept: Accept,
    *,
    reuse_port: bool = False,
    limits: Limits = Limits(),  # noqa: B008  # frozen
) -> asyncio.Server:
    """Listen until the returned server is closed, for every channel with the same `listen`.

    `desk` gives the desk of the moment, `accept` keeps arrivals; with `reuse_port` other processes may listen on the port
    too (SO_REUSEPORT). Raises `OSError` when the address or the certificate cannot be used.
    """
    door = Door(config, desk, accept)
    host, port = config.host_and_port
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Session(door, limits), host, port, reuse_port=reuse_port or None)
