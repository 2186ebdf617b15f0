"""The mails of the benchmarks: made here from a seed, the same everywhere.

Of every hundred, seventy are text of about 2.7 KB, twenty are HTML beside its text of about 19 KB, ten carry a file of
100 KB; thirty answer an earlier mail of the same sender.
"""

import random
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime
from typing import Final

HTML_SHARE: Final = 0.20
FILE_SHARE: Final = 0.10
REPLY_SHARE: Final = 0.30
TEXT_BYTES: Final = 2_700
HTML_BYTES: Final = 19_000
FILE_BYTES: Final = 75_000  # 100 KB as base64
BEGIN: Final = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)

_SUBJECTS: Final = (
    "Invoice 4711 is wrong", "Refund for my order", "Receipt missing", "Outage since this morning",
    "The site is not responding", "Where is my parcel?", "Delivery to another address", "Partnership in Italy",
    "A question about the trial", "How do I add a colleague?", "Thank you", "Order 20931", "Überweisung und Rückgabe",
    "Change of address", "Export of our data", "Demo next week",
)  # fmt: skip
_SENTENCES: Final = (
    "we have used your product for two years and were always content.",
    "since yesterday the page shows nothing but a white screen.",
    "could somebody look at the order and tell me when it leaves the house?",
    "the amount on the paper is not the amount that was taken from our account.",
    "my colleague in Košice sees the same, my colleague in Porto does not.",
    "please answer to this address, I am not at my desk in the afternoon.",
    "I tried it again with another browser and it made no difference.",
    "it is not urgent, yet I should like to know before the month ends.",
    "the last mail from your side reached us on Tuesday a little after nine.",
    "we are eleven people and each of us would need an account of their own.",
    "the tracking number you sent leads to a page that knows nothing of it.",
    "thank you for your patience, and for the quick help the last time.",
    "the manual says to press the green button, but there is none here.",
    "the box was open when it came and one of the three cables was missing.",
)
_RARE: Final = (
    "I cannot log in any more and the new password never comes.",
    "a journalist of our town asked for an interview about it.",
    "if this goes on we must think about the cancellation of the contract.",
    "it would be nice if the list could be sorted by date.",
    "I write on behalf of Globex, customer since 2019.",
)
_NAMES: Final = ("Ann Miller", "Jiří Dvořák", "Mia Rossi", "Paul Schmidt", "Zoë Martin", "Ivo Horák", "Lena Fischer")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it goes over the wire, with its envelope."""

    sender: str
    recipient: str
    raw: bytes


@dataclass(slots=True)
class _Thread:
    """What one customer and one department have written so far."""

    name: str
    sender: str
    recipient: str
    subject: str
    ids: list[str]
    said: str = ""


def corpus(recipients: Sequence[str], count: int = 1000, seed: int = 1) -> list[Mail]:
    """Return `count` mails to these addresses; another seed gives other mails with other Message-IDs."""
    chance = random.Random(seed)
    htmls, files, replies = (round(count * share) for share in (HTML_SHARE, FILE_SHARE, REPLY_SHARE))
    shapes = ["html"] * htmls + ["file"] * files + ["text"] * (count - htmls - files)
    chance.shuffle(shapes)
    answering = set(chance.sample(range(1, count), min(replies, count - 1)))
    threads: list[_Thread] = []
    mails = []
    for number, shape in enumerate(shapes):
        if number in answering:
            thread = chance.choice(threads)
        else:
            thread = _thread(chance, recipients)
            threads.append(thread)
        mails.append(_mail(chance, thread, shape, f"{seed}.{number}", BEGIN + timedelta(seconds=7 * number)))
    return mails


def _thread(chance: random.Random, recipients: Sequence[str]) -> _Thread:
    name = chance.choice(_NAMES)
    sender = f"customer{chance.randrange(2000)}@mail{chance.randrange(40)}.example.com"
    return _Thread(name, sender, chance.choice(recipients), chance.choice(_SUBJECTS), [])


def _mail(chance: random.Random, thread: _Thread, shape: str, number: str, at: datetime) -> Mail:
    own = f"{number}.{chance.getrandbits(64):016x}@{thread.sender.partition('@')[2]}"
    answers = bool(thread.ids)
    text = _text(chance, thread.said)
    head = _head(chance, thread, own, at)
    body = {"text": _plain, "html": _html, "file": _file}[shape](chance, text)
    thread.ids.append(own)
    if not answers:
        thread.said = text[:600]
    raw = "\n".join([*head, body]).replace("\n", "\r\n").encode()
    return Mail(thread.sender, thread.recipient, raw)


def _head(chance: random.Random, thread: _Thread, own: str, at: datetime) -> list[str]:
    domain = thread.sender.partition("@")[2]
    when = format_datetime(at)
    lines = [
        f"Return-Path: <{thread.sender}>",
        f"Received: from out.{domain} (out.{domain} [192.0.2.{chance.randrange(1, 255)}])",
        f"\tby mx.acme.example with ESMTPS id {chance.getrandbits(60):015x}; {when}",
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=one;",
        "\th=from:to:subject:date:message-id; bh="
        + "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=43)),
        f"From: {_encoded(thread.name)} <{thread.sender}>",
        f"To: <{thread.recipient}>",
        f"Subject: {_encoded(('Re: ' if thread.ids else '') + thread.subject)}",
        f"Date: {when}",
        f"Message-ID: <{own}>",
    ]
    if thread.ids:
        lines += [f"In-Reply-To: <{thread.ids[-1]}>", "References: " + "\n ".join(f"<{one}>" for one in thread.ids)]
    return [*lines, "MIME-Version: 1.0"]


def _encoded(words: str) -> str:
    return words if words.isascii() else Header(words, "utf-8").encode()


def _text(chance: random.Random, quoted: str) -> str:
    """Return what a customer writes: some paragraphs, and below them the older mail when there is one."""
    size = TEXT_BYTES - 880 - len(quoted)
    paragraphs = ["Hello,"]
    if chance.random() < 0.15:
        paragraphs.append(chance.choice(_RARE))
    while size > 0:
        paragraphs.append("\n".join(chance.choices(_SENTENCES, k=4)))
        size -= len(paragraphs[-1])
    paragraphs.append("Kind regards")
    text = "\n\n".join(paragraphs)
    if not quoted:
        return text
    older = "\n".join(f"> {line}" for line in quoted.split("\n"))
    return f"{text}\n\nOn Mon, 2 Nov 2026 at 08:00, Acme Support <support@acme.example> wrote:\n{older}"


def _plain(_chance: random.Random, text: str) -> str:
    return f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n"


def _html(chance: random.Random, text: str) -> str:
    rows = []
    size = HTML_BYTES - 3 * len(text)
    while size > 0:
        words = chance.choice(_SENTENCES)
        rows.append(
            f'<tr><td style="padding:0 12px 8px 0;font-family:Arial,sans-serif;font-size:14px">{words}</td></tr>'
        )
        size -= len(rows[-1])
    page = "\n".join(["<html><body><table>", *rows, "</table>", *(f"<p>{part}</p>" for part in text.split("\n\n"))])
    parts = [
        f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n",
        f"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{page}</body></html>\n",
    ]
    return _multipart(chance, "alternative", parts)


def _file(chance: random.Random, text: str) -> str:
    data = encodebytes(chance.randbytes(FILE_BYTES)).decode()
    name = f"scan-{chance.randrange(1000)}.pdf"
    parts = [
        f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n",
        (
            f'Content-Type: application/pdf; name="{name}"\nContent-Transfer-Encoding: base64\n'
            f'Content-Disposition: attachment; filename="{name}"\n\n{data}'
        ),
    ]
    return _multipart(chance, "mixed", parts)


def _multipart(chance: random.Random, kind: str, parts: Sequence[str]) -> str:
    boundary = f"part-{chance.getrandbits(80):020x}"
    inner = "".join(f"--{boundary}\n{part}" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{inner}--{boundary}--\n'
