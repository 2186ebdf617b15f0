"""The way a mail took to us, as its headers tell it: which mailboxes it was delivered to and forwarded from.

Every hop writes above what it was given (RFC 5321, 4.4), so the order of the headers is the order of nearness, and what a
sender invents stands below what our own side wrote.
"""

import re
from collections.abc import Iterator

from ingest.mail.address import mailboxes
from ingest.mail.charset import decode
from ingest.mail.headers import Headers
from ingest.mail.identity import topic_of

MAX_ADDRESSES = 50
MAX_RECEIVED = 30

_NAMES = frozenset(
    {
        "delivered-to",  # qmail, Postfix, Gmail
        "x-original-to",  # Postfix
        "x-original-delivered-to",
        "x-delivered-to",  # Fastmail, Cyrus
        "x-resolved-to",  # Fastmail
        "x-envelope-to",
        "envelope-to",  # Exim
        "x-forwarded-to",  # Gmail: where to
        "x-forwarded-for",  # Gmail: "from to"
        "x-gm-original-to",  # Google Workspace routing
        "x-rcpt-to",
        "x-real-to",  # CommuniGate
        "x-orig-to",
        "x-apparently-to",  # Yahoo
        "apparently-to",  # sendmail
        "original-recipient",  # iCloud
        "x-mdrcpt-to",  # MDaemon
        "x-mdaemon-deliver-to",
        "x-ms-exchange-organization-originalenveloperecipients",
        "x-beenthere",  # Mailman, Google Groups: the group
        "mailing-list",  # Google Groups: "list support@…; contact …"
    }
)
_PEOPLE = frozenset({"resent-to", "resent-cc"})  # RFC 5322, 3.6.6
_ADDRESS = re.compile(r"(?<![^\s<>()\[\],;:\"'@])[^\s<>()\[\],;:\"'@]++@[^\s<>()\[\],;:\"'@]++")
_FOR = re.compile(r"\sfor\s++<?([^\s<>;@]++@[^\s<>;@]++)")
_REWRITTEN = re.compile(r"(?:srs[01][=+-]|prvs=|bounces?[+-]|msprvs1=)")


def delivered_to(headers: Headers) -> tuple[str, ...]:
    """Return the addresses the mail was delivered to on its way, the nearest hop first, in lower case.

    Delivered-To and its many names, Gmail's X-Forwarded-For with both its addresses, Resent-To, and `for <…>` of the Received
    lines. Return addresses that forwarders make up (SRS, BATV) are left out. At most `MAX_ADDRESSES`; never raises.
    """
    found: dict[str, None] = {}
    received = 0
    for name, raw in headers.fields:
        if name == "received":
            received += 1
            if received <= MAX_RECEIVED and (match := _FOR.search(raw[:2000].decode("latin-1"))):
                found[match[1].lower()] = None
        elif name in _NAMES:
            found |= dict.fromkeys(_plain(name, raw[:4000]))
        elif name in _PEOPLE:
            found |= dict.fromkeys(box.address for box in mailboxes(raw[:4000], limit=20))
        if len(found) > MAX_ADDRESSES:
            break
    return tuple(address for address in found if not _REWRITTEN.match(address))[:MAX_ADDRESSES]


def _plain(name: str, raw: bytes) -> Iterator[str]:
    value = decode(raw).lower()
    addresses: list[str] = _ADDRESS.findall(value.partition(";")[0] if name == "mailing-list" else value)[:20]
    for address in reversed(addresses) if name == "x-forwarded-for" else addresses:
        local, _, domain = address.partition("@")
        if name == "delivered-to" and local.startswith(f"{domain}-"):  # qmail puts a virtual domain's name in front
            yield f"{local[len(domain) + 1 :]}@{domain}"
        yield address


def thread_index(headers: Headers) -> str | None:
    """Return what the Thread-Indexes of a whole conversation begin with, or None (MS-OXOMSG, 2.2.1.3)."""
    return topic_of(headers.raw("thread-index")) if "thread-index" in headers else None
