"""What reading a mail costs, kind by kind, next to the standard library doing the same with each of its two policies.

The figure is the mix of `benchmarks.corpus` against `policy.default`; the kinds are in its details, in milliseconds of
processor time and as ratios. Hostile mails are read once each.
"""

import time
from collections.abc import Callable, Mapping
from email import message_from_bytes
from email.header import decode_header
from email.message import EmailMessage, Message
from email.policy import compat32, default
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.corpus import corpus
from benchmarks.figures import Figure, Progress, figure
from ingest.mail.read import parse_mail

MIX: Final = 300
GOAL: Final = 3.0
_HEAD: Final = b"From: a@b.example\n"
HOSTILE: Final[Mapping[str, bytes]] = {
    "3,000 parts": _HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + (b"--b\n\n" + b"x" * 990 + b"\n") * 3000,
    "5,000 addresses": _HEAD + b"To: " + b",\n ".join(b"N <n%d@x.example>" % n for n in range(5000)) + b"\n\nhi",
    "20,000 encoded words": _HEAD + b"Subject: " + b"\n ".join([b"=?utf-8?Q?=C3=BC?="] * 20_000) + b"\n\nhi",
}


def by_default(raw: bytes) -> None:
    """Read the same fields with `email.policy.default`, as its documentation shows."""
    mail = message_from_bytes(raw, policy=default)
    if not isinstance(mail, EmailMessage):
        raise TypeError
    _ = [str(mail[name]) for name in ("subject", "message-id", "references", "in-reply-to")]
    _ = [one.addresses for name in ("from", "to", "cc") for one in mail.get_all(name, [])]
    _ = mail["date"] and mail["date"].datetime
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        _ = body.get_content() if body is not None else None
    _ = [part.get_payload(decode=True) for part in mail.iter_attachments()]


def by_compat32(raw: bytes) -> None:
    """Read the same fields with the older policy."""
    mail: Message[str, str] = message_from_bytes(raw, policy=compat32)
    _ = [decode_header(mail[name]) for name in ("subject", "message-id", "references", "in-reply-to") if mail[name]]
    _ = [getaddresses(mail.get_all(name, [])) for name in ("from", "to", "cc")]
    _ = mail["date"] and parsedate_to_datetime(mail["date"])
    _ = [(part.get_filename(), part.get_payload(decode=True)) for part in mail.walk() if not part.is_multipart()]


def measure(rounds: int, _folder: Path, progress: Progress) -> Figure:
    """Return the ratio of the standard library's cost to ours over the mix, after `rounds` paired runs."""
    mix = [mail.raw for mail in corpus(["support@acme.example"], MIX)]
    progress(f"parsing: {MIX} mails, {rounds} rounds")
    pairs = [(_cost(by_default, mix), _cost(parse_mail, mix)) for _ in range(rounds)]
    details = {"mix_ms_per_mail": min(ours for _, ours in pairs)}
    for kind, some in _kinds(mix).items():
        ours = min(_cost(parse_mail, some) for _ in range(rounds))
        details |= {
            f"{kind}_ms": ours,
            f"{kind}_default": _cost(by_default, some) / ours,
            f"{kind}_compat32": _cost(by_compat32, some) / ours,
        }
    for kind, raw in HOSTILE.items():
        progress(f"parsing: {kind}")
        ours = _cost(parse_mail, [raw])
        details |= {f"{kind}_ms": ours, f"{kind}_default": _cost(by_default, [raw]) / ours}
    what = "reading a mail: cost of the standard library's default policy in ours"
    return figure("parsing", what, pairs, goal=GOAL, at_least=True, details=details)


def _kinds(mix: list[bytes]) -> dict[str, list[bytes]]:
    return {
        "file": [raw for raw in mix if b"application/pdf" in raw],
        "html": [raw for raw in mix if b"text/html" in raw],
        "text": [raw for raw in mix if b"multipart/" not in raw],
    }


def _cost(read: Callable[[bytes], Any], mails: list[bytes]) -> float:
    """Return the processor time of one mail in milliseconds."""
    began = time.process_time()
    for raw in mails:
        read(raw)
    return 1000 * (time.process_time() - began) / len(mails)
