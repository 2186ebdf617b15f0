"""A notice by mail built by hand against the same one built with the standard library's EmailMessage.

Both are a customer's message with two more that are told with it, in text and HTML.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.figures import BrokenBenchmarkError, Figure, Progress, figure
from notify.mail import message_id, render
from notify.mail_text import page, text
from notify.note import Note, key_of
from tests.notify.desk import KEY, NOW, a_note
from tickets.reply_address import act_address, bounce_address, host, signed

TIMES: Final = 200
GOAL: Final = 0.1
_DOMAIN: Final = "support.acme.example"
_WORDS: Final = (
    "Dobrý deň,\n\nčakám na faktúru už druhý týždeň. Where is it?\nThe order is number 4711 of last month.\n\n"
)


def measure(rounds: int, _folder: Path, progress: Progress) -> Figure:
    """Return the figure of `rounds` pairs of `TIMES` notices each."""
    note, pairs = _note(), list[tuple[float, float]]()
    if abs(len(_library(note)) - len(render(note))) > len(render(note)) / 4:
        raise BrokenBenchmarkError("the two are not the same mail")
    for number in range(-1, rounds):  # the first pair only warms up
        pairs.append((_median(render, note), _median(_library, note)))
        progress(f"noticing {number + 1}/{rounds}: {pairs[-1][0]:.3f} ms a notice")
    return figure(
        "noticing",
        "building a notice by mail ÷ the same with EmailMessage",
        pairs[1:],
        goal=GOAL,
        at_least=False,
        details={"ms_per_notice": min(ours for ours, _ in pairs), "bytes": len(render(note))},
    )


def _median(build: Callable[[Note], bytes], note: Note) -> float:
    """Return how long one takes, in milliseconds."""
    times = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        build(note)
        times.append(time.perf_counter() - begun)
    return median(times) * 1000


def _note() -> Note:
    first, *others = (_one(number) for number in (1, 2, 3))
    return replace(first, together=tuple(others))


def _one(number: int) -> Note:
    return a_note(
        id=number,
        key=key_of(number, "sona", "email", NOW),
        recipient_name="Soňa",
        agent="Soňa",
        subject="Kde je moja faktúra z minulého mesiaca? (objednávka 4711)",
        customer="Žofia Šťastná",
        author="Žofia Šťastná",
        text=_WORDS * 3,
        created_at=NOW + number,
        signed=signed(KEY, f"n.{number}"),
        entry_id=number,
        act_address=act_address(KEY, number, (123, "sona", "message.received", 0), _DOMAIN),
        url="https://desk.acme.example",
        bounce_address=bounce_address(KEY, number, _DOMAIN),
        stop_url=f"https://desk.acme.example/notices/stop/{signed(KEY, f'u.{number}')}",
    )


def _library(note: Note) -> bytes:
    mail, root = EmailMessage(policy=SMTP), f"<{note.root}@{host(note.domain)}>"
    mail["Date"] = formatdate(note.created_at)
    mail["From"] = f'"{note.who} via {note.desk}" <desk@{note.domain}>'
    mail["To"] = f'"{note.recipient_name}" <{note.address}>'
    mail["Reply-To"] = f'"Answer to the customer of #{note.number}" <{note.act_address}>'
    mail["Subject"] = note.title
    mail["Message-ID"] = f"<{message_id(note)}>"
    mail["In-Reply-To"] = mail["References"] = root
    mail["List-Id"] = f'"{note.department}" <{note.department_id}.{note.domain}>'
    mail["List-Unsubscribe"] = f"<{note.stop_url}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Precedence"] = "bulk"
    mail.set_content(text(note, note.all))
    mail.add_alternative(page(note, note.all), subtype="html")
    return mail.as_bytes()
