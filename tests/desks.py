"""Desks for the stories, read by the real loader, and the mails their customers write."""

from pathlib import Path
from tempfile import TemporaryDirectory

from commands.parts import CHECKS, KINDS
from config.desk import Desk
from config.load import load
from ingest.arrival import Arrival
from ingest.mail.arrival import Way, arrival

HEAD = """
desk: {name: Acme Support, domain: support.acme.example}
agents:
  - {id: sona, name: Sona, email: sona@acme.example, slack: U024BE7LH}
  - {id: luca, name: Luca, email: luca@acme.example}
  - {id: mia, name: Mia, email: mia@acme.example}
departments:
  - {id: general, name: General, agents: all, addresses: [support@acme.example]}
  - {id: billing, name: Billing, agents: [sona, luca], addresses: [billing@acme.example]}
  - {id: empty, name: Empty, agents: [], addresses: [empty@acme.example]}
channels:
  - {name: mail, type: smtp, listen: "127.0.0.1:8025"}
  - {name: site, type: chat, origins: ["https://acme.example"]}
  - {name: bot, type: telegram, secret: "env:TELEGRAM_SECRET", department: billing}
tags: [vip]
notifiers:
  email: {from: desk@support.acme.example}
"""

TRUSTING = HEAD.replace('"127.0.0.1:8025"}', '"127.0.0.1:8025", trust: {authserv_id: mx.acme.example}}')
"""The same desk, which believes its mail server about who a mail is from."""

ONE_AGENT = """
desk: {name: Small Shop, domain: shop.example}
agents: [{id: sona, name: Sona, email: sona@shop.example}]
departments: [{id: shop, name: Shop, agents: all, addresses: [hello@shop.example]}]
channels: [{name: mail, type: smtp, listen: "127.0.0.1:8025"}]
"""


def desk(text: str = HEAD, rules: str = "") -> Desk:
    """Return the desk a desk file describes; `rules` are lines under `rules:`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "desk.yaml"
        path.write_text(text + (f"\nrules:\n{rules}" if rules else ""), encoding="utf-8")
        return load(path, KINDS, CHECKS).desk


def mail(  # noqa: PLR0913  # the fields of a mail, each with its usual value
    message_id: str,
    *,
    answers: str = "",
    sender: str = "ann@example.com",
    to: str = "support@acme.example",
    cc: str = "",
    subject: str = "Hello",
    text: str = "Where is my parcel?",
) -> bytes:
    """Return a mail as it is on the wire."""
    lines = [f"From: <{sender}>", f"To: <{to}>", f"Subject: {subject}", f"Message-ID: <{message_id}>"]
    if cc:
        lines.append(f"Cc: <{cc}>")
    if answers:
        named = " ".join(f"<{one}>" for one in answers.split())
        lines += [f"In-Reply-To: <{answers.rsplit(maxsplit=1)[-1]}>", f"References: {named}"]
    return "\r\n".join([*lines, "Date: Sun, 22 Nov 2026 12:00:00 +0000", "", *text.splitlines(), ""]).encode()


def proven(raw: bytes, verdict: str = "pass") -> bytes:
    """Return the mail as our own mail server hands it on, when it has found out whether its From is genuine."""
    domain = raw.partition(b"From: <")[2].partition(b">")[0].rpartition(b"@")[2].decode()
    return f"Authentication-Results: mx.acme.example; dmarc={verdict} header.from={domain}\r\n".encode() + raw


def arrived(raw: bytes, to: str = "support@acme.example", sender: str = "ann@example.com") -> Arrival:
    """Return a mail at the door, with its envelope."""
    return arrival("mail", raw, Way("smtp", sender, [to], "127.0.0.1"))
