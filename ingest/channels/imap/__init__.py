r"""Mail out of mailboxes over IMAP (RFC 9051, RFC 3501): each folder is watched, each mail fetched once it is there.

    S: * 23 EXISTS
    C: A7 UID SEARCH UID 4712:*
    S: * SEARCH 4712
    C: A8 UID FETCH 4712 (UID BODY.PEEK[])
    C: A9 UID STORE 4712 +FLAGS.SILENT (\Seen)

Vendor's document: RFC 9051; XOAUTH2 https://developers.google.com/workspace/gmail/imap/xoauth2-protocol. A mail is marked, moved or
deleted only after its row of the inbox is durable; trouble here leaves it as it was. `wire.py` mends aioimaplib, `session.py` is
one connection, `intake.py` brings mails in, `holes.py` compares, `watcher.py` keeps all that going.
"""

from ingest.channels.imap.config import Config
from ingest.channels.imap.watcher import watch
from ingest.mail.read import parse_mail
from tickets.message import InboundMessage

__all__ = ["MAIL", "Config", "parse", "watch"]

MAIL = True


def parse(raw: bytes) -> list[InboundMessage]:
    """Return the one message a mail is."""
    return [parse_mail(raw).model_copy(update={"channel": "imap"})]
